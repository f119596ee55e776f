using System.Buffers;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Cmi.Sockets.Managed;

/// <summary>
/// A connection over a socket: non-blocking calls for the bytes, and two asynchronous calls that only tell when it is worth trying again.
/// <list type="bullet">
/// <item>Receiving: <i>receivable</i> → (a read was short, or would block) → <i>armed</i>: a receive of zero bytes is under way and owns no buffer → it
/// completes → receivable. After the peer's end it is not armed any more.</item>
/// <item>Sending: <i>sendable</i> → (the kernel took less than all) → <i>held</i>: up to 16 KiB of the rest is in a block that is sent asynchronously, and
/// counts as taken → it was sent → sendable. There is no portable event for room in the kernel's buffer; this one block stands in for it.</item>
/// <item>Life: <i>open</i> → Close → <i>closed</i>, and, while a block is held, <i>lingering</i> until it was sent or the close timeout is over → Abort, or
/// done → the socket is gone.</item>
/// </list>
/// Closing while received bytes are unread makes the kernel send a reset instead of a clean end: whoever closes politely reads first.
/// <para>Threading: the constructor any thread, all else the loop.</para>
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "What it owns goes with its socket: Finish.")]
internal sealed partial class SocketConnection : IConnection
{
    private const int BlockBytes = 16 * 1024;

    private readonly SocketConnectionManager _manager;
    private readonly ManagedLoop _loop;
    private readonly Socket _socket;
    private readonly IoArgs _receiving;
    private IoArgs? _sending;                                      // made when the kernel's buffer was full for the first time
    private byte[]? _block;                                        // held: being sent
    private LoopTimer? _lingering;
    private IConnectionOwner? _owner;
    private Readiness _ready = Readiness.Sendable;
    private bool _armed;
    private bool _toTell;                                          // the owner's call is in the mailbox
    private bool _ended;                                           // the peer's end was received
    private bool _endSending;
    private bool _closed;
    private bool _gone;                                            // the socket was disposed

    /// <summary>Takes over a connected socket, also in case of an exception.</summary>
    /// <exception cref="SocketException">It broke in the meantime.</exception>
    public SocketConnection(SocketConnectionManager manager, ManagedLoop loop, Socket socket)
    {
        (_manager, _loop, _socket) = (manager, loop, socket);
        Id = SocketConnectionManager.NextConnectionId();
        try
        {
            socket.Blocking = false;
            if (socket.ProtocolType == ProtocolType.Tcp)
            {
                socket.NoDelay = manager.Options.NoDelay;
                if (manager.Options.KeepAlive) socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            }
            Peer = socket.RemoteEndPoint is IPEndPoint peer ? new PeerAddress(peer.Address, peer.Port) : null;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
        _receiving = new(this, static connection => ((SocketConnection)connection!).OnReceivable());
        manager.Opened();
    }

    public long Id { get; }

    public PeerAddress? Peer { get; }

    public ILoop Loop => _loop;

    public Readiness Ready => _ready;

    /// <summary>Makes the loop know it; the first call on the loop.</summary>
    public void Start() => _loop.Open.Add(this);

    public void SetOwner(IConnectionOwner owner)
    {
        ArgumentNullException.ThrowIfNull(owner);
        Debug.Assert(_loop.IsCurrent);
        if (_closed) return;
        _owner = owner;
        Arm();
        if (_ready != Readiness.None) TellSoon();
    }

    public IoStatus TryReceive(Span<byte> into, out int received)
    {
        if (into.IsEmpty) throw new ArgumentException("There must be room for at least one byte.", nameof(into));
        Debug.Assert(_loop.IsCurrent);
        received = 0;
        if (_closed) return IoStatus.Failed;
        if (_ended) return IoStatus.End;
        // While armed, the event is still to come. Reading ahead of it would cost a system call that finds nothing nearly always, and leave behind an
        // event that tells of bytes that were read already.
        if (_armed) return IoStatus.WouldBlock;
        var count = _socket.Receive(into, SocketFlags.None, out var error);
        var broken = (_ready & Readiness.Failed) != Readiness.None;             // what had arrived before is given out all the same: a reply may precede a reset
        if (error == SocketError.Success && count > 0)
        {
            received = count;
            // A short read has emptied the kernel's buffer, except that behind the last bytes there may be the end, which makes no new event.
            if (count < into.Length && (_ready & (Readiness.PeerEnded | Readiness.Failed)) == Readiness.None) WaitToReceive();
            return IoStatus.Done;
        }
        if (broken) return IoStatus.Failed;
        if (error == SocketError.Success)
        {
            _ended = true;
            _ready = (_ready | Readiness.PeerEnded) & ~Readiness.Receivable;
            return IoStatus.End;
        }
        if (error is not (SocketError.WouldBlock or SocketError.IOPending)) return Fail();
        WaitToReceive();
        return IoStatus.WouldBlock;
    }

    public IoStatus TrySend(ReadOnlySpan<byte> head, ReadOnlySpan<byte> content, out int sent)
    {
        if (head.IsEmpty && content.IsEmpty) throw new ArgumentException("There must be at least one byte to send.", nameof(content));
        Debug.Assert(_loop.IsCurrent);
        sent = 0;
        if (_closed || (_ready & Readiness.Failed) != Readiness.None) return IoStatus.Failed;
        if (_endSending) throw new InvalidOperationException("Sending was ended on this side.");
        if (_block is not null) return IoStatus.WouldBlock;
        if (!head.IsEmpty && head.Length + (long)content.Length <= ManagedLoop.ScratchBytes && !content.IsEmpty)
        {
            // One system call and one packet. A copy of at most 64 KiB is cheaper than a second call, and a list of segments cannot be made of spans.
            head.CopyTo(_loop.Scratch);
            content.CopyTo(_loop.Scratch.AsSpan(head.Length));
            head = _loop.Scratch.AsSpan(0, head.Length + content.Length);
            content = default;
        }
        if (!head.IsEmpty && !Send(head, ref sent)) return Fail();
        if (sent < head.Length) return Hold(head[sent..], content, ref sent);
        var ofContent = 0;
        if (!content.IsEmpty && !Send(content, ref ofContent)) return sent > 0 ? IoStatus.Done : Fail();     // the next call tells of it
        sent += ofContent;
        return ofContent < content.Length ? Hold(content[ofContent..], default, ref sent) : IoStatus.Done;
    }

    public void EndSending()
    {
        Debug.Assert(_loop.IsCurrent);
        if (_closed || _endSending) return;
        _endSending = true;
        if (_block is null) Shutdown(SocketShutdown.Send);
    }

    public void Close()
    {
        Debug.Assert(_loop.IsCurrent);
        if (!Forget()) return;
        if (_block is null || (_ready & Readiness.Failed) != Readiness.None) Finish(reset: false);
        else _loop.SetTimer(_lingering = new(static connection => ((SocketConnection)connection!).Finish(reset: true), this), _loop.Now + _manager.CloseMilliseconds);
        _ready = Readiness.None;
    }

    public void Abort(string reason)
    {
        Debug.Assert(_loop.IsCurrent);
        if (!Forget()) return;
        _manager.Logger.Aborted(Id, reason);
        _ready = Readiness.None;
        Finish(reset: true);
    }

    /// <summary>Ends it at once, also while it lingers; for the disposal of the manager.</summary>
    public void Break()
    {
        Abort("The transport was disposed.");
        Finish(reset: true);
    }

    /// <summary>Sends what goes at once.</summary>
    /// <returns>Whether the connection is whole; a full buffer is no fault.</returns>
    private bool Send(ReadOnlySpan<byte> bytes, ref int sent)
    {
        var count = _socket.Send(bytes, SocketFlags.None, out var error);
        if (error is SocketError.WouldBlock or SocketError.IOPending or SocketError.NoBufferSpaceAvailable) return true;
        if (error != SocketError.Success) return false;
        sent += count;
        return true;
    }

    /// <summary>Takes a part of the rest that the kernel has no room for, and has it sent when there is room.</summary>
    private IoStatus Hold(ReadOnlySpan<byte> first, ReadOnlySpan<byte> then, ref int sent)
    {
        var block = ArrayPool<byte>.Shared.Rent(BlockBytes);
        var ofFirst = Math.Min(first.Length, BlockBytes);
        var ofThen = Math.Min(then.Length, BlockBytes - ofFirst);
        first[..ofFirst].CopyTo(block);
        then[..ofThen].CopyTo(block.AsSpan(ofFirst));
        sent += ofFirst + ofThen;
        _ready &= ~Readiness.Sendable;
        _block = block;
        _sending ??= new(this, static connection => ((SocketConnection)connection!).OnBlockSent());
        _sending.SetBuffer(block, 0, ofFirst + ofThen);
        // Completed at once: there is room again. The owner hears of it by the mailbox all the same: one way for both.
        if (!_socket.SendAsync(_sending)) _loop.Post(_sending.Completion, this);
        return IoStatus.Done;
    }

    private IoStatus Fail()
    {
        _ready = (_ready | Readiness.Failed) & ~Readiness.Sendable;
        return IoStatus.Failed;
    }
}
