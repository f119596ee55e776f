using System.Buffers;
using System.Net.Sockets;

namespace Cmi.Sockets.Managed;

// What comes back from the system, through the loop's mailbox, and the end of the connection.
internal sealed partial class SocketConnection
{
    private void WaitToReceive()
    {
        _ready &= ~Readiness.Receivable;
        Arm();
    }

    private void Arm()
    {
        if (_armed || _owner is null || _ended || (_ready & (Readiness.Receivable | Readiness.PeerEnded | Readiness.Failed)) != Readiness.None) return;
        _armed = true;
        // Completed at once: something is there already. Not taken note of here but by the mailbox, since this may be inside a Try… that is about to say
        // that it would block, and since the owner is to be told anyhow.
        if (!_socket.ReceiveAsync(_receiving)) _loop.Post(_receiving.Completion, this);
    }

    private void OnReceivable()
    {
        _armed = false;
        if (_gone) _receiving.Dispose();
        if (_closed) return;
        var gained = Readiness.Receivable;
        if (_receiving.SocketError != SocketError.Success) gained |= Readiness.Failed;
        else
        {
            // Bytes or the end? An idle connection that its server has closed must be told from one that has an unasked-for reply. One look settles it.
            Span<byte> one = stackalloc byte[1];
            var count = _socket.Receive(one, SocketFlags.Peek, out var error);
            if (error is SocketError.WouldBlock or SocketError.IOPending) gained = Readiness.None;
            else if (error != SocketError.Success) gained |= Readiness.Failed;
            else if (count == 0) gained |= Readiness.PeerEnded;
        }
        if (gained == Readiness.None) Arm();
        else Gain(gained);
    }

    private void OnBlockSent()
    {
        ArrayPool<byte>.Shared.Return(_block!);
        _block = null;
        _sending!.SetBuffer(null, 0, 0);
        if (_gone) _sending.Dispose();
        else if (_closed) Finish(reset: _sending.SocketError != SocketError.Success);
        else if (_sending.SocketError != SocketError.Success || _sending.BytesTransferred == 0) Gain(Readiness.Failed);
        else
        {
            if (_endSending) Shutdown(SocketShutdown.Send);
            else Gain(Readiness.Sendable);
        }
    }

    /// <summary>Takes note of readiness and tells the owner; only from the mailbox, so never from inside a call to this.</summary>
    private void Gain(Readiness flags)
    {
        var gained = flags & ~_ready;
        _ready |= flags;
        if ((_ready & Readiness.Failed) != Readiness.None) _ready &= ~Readiness.Sendable;
        if (gained != Readiness.None) _owner?.OnReady(this);
    }

    private void TellSoon()
    {
        if (_toTell) return;
        _toTell = true;
        _loop.Post(static connection => ((SocketConnection)connection!).Tell(), this);
    }

    private void Tell()
    {
        _toTell = false;
        if (_ready != Readiness.None) _owner?.OnReady(this);
    }

    private bool Forget()
    {
        if (_closed) return false;
        _closed = true;
        _owner = null;
        return true;
    }

    /// <summary>Gives the socket up. Calls that are under way are cancelled by that; their completions dispose what they used.</summary>
    private void Finish(bool reset)
    {
        if (_gone) return;
        _gone = true;
        _loop.Open.Remove(this);
        if (_lingering is not null) _loop.ClearTimer(_lingering);
        if (reset) Reset(_socket);
        else
        {
            Shutdown(SocketShutdown.Both);
            _socket.Dispose();
        }
        if (!_armed) _receiving.Dispose();
        if (_block is null) _sending?.Dispose();
        _manager.Closed();
    }

    private void Shutdown(SocketShutdown how)
    {
        try
        {
            _socket.Shutdown(how);
        }
        catch (SocketException)
        {
            // The peer was faster: there is nothing left to end.
        }
    }

    /// <summary>Closes a socket so that the peer sees a reset. A Unix domain socket knows none: its peer sees an end, or an error if bytes were unread.</summary>
    public static void Reset(Socket socket)
    {
        try
        {
            socket.LingerState = new(enable: true, seconds: 0);
        }
        catch (SocketException)
        {
            // It is broken already, so the peer knows.
        }
        socket.Dispose();
    }

    /// <summary>One reusable asynchronous call, whose completion goes to the mailbox.</summary>
    private sealed class IoArgs : SocketAsyncEventArgs
    {
        private readonly SocketConnection _connection;

        // Without the execution context of whoever starts the call: nothing flows along a connection, and capturing it would cost in each call.
        public IoArgs(SocketConnection connection, SendOrPostCallback completion)
            : base(true) => (_connection, Completion) = (connection, completion);

        public SendOrPostCallback Completion { get; }

        protected override void OnCompleted(SocketAsyncEventArgs e) => _connection._loop.Post(Completion, _connection);
    }
}
