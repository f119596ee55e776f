using System.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Cmi.Sockets.Linux;

/// <summary>
/// A connection over a non-blocking descriptor that its loop's epoll instance knows from beginning to end.
/// <list type="bullet">
/// <item>Receiving: an edge → <i>receivable</i> → a read was short, or would block → not receivable. A short read has emptied the kernel's buffer, so what
/// comes later makes a new edge and needs no call now. Once the peer's end or an error was told, reads go on until they give it: that makes no new edge.</item>
/// <item>Sending: <i>sendable</i> → the kernel took less than all, or nothing → not sendable → an edge when there is room → sendable. What was sent soon is held
/// until the turn ends, and what the kernel does not take of it then until there is room: at most <see cref="CallBatch.MaxSendBytes"/>, and not sendable meanwhile.
/// Of a client, room is asked about from the first time that it was wanting.</item>
/// <item>Life: <i>connecting</i> (of a dialled one) → <i>open</i> → Close, which waits for what is held here, or Abort → the descriptor is closed; the kernel sends
/// what it has taken.</item>
/// </list>
/// Closing while bytes are unread that the kernel has received makes it send a reset instead of a clean end: whoever closes politely reads first.
/// <para>Threading: the loop.</para>
/// </summary>
internal sealed partial class EpollConnection : EpollTarget, IConnection
{
    // Unanswered bytes beside which more is kept. With the largest send (CallBatch.MaxSendBytes) that is what Linux buffers for a connection from the beginning
    // (16 KiB: tcp(7), tcp_wmem).
    private const int MaxUnanswered = 8192;

    private readonly EpollLoop _loop;
    private readonly PeerAddress _peer;
    private readonly bool _isTcp;                                  // and so has a peer address
    private IConnectionOwner? _owner;
    private TaskCompletionSource? _connecting;
    private Readiness _ready = Readiness.Sendable;
    private bool _toTell;                                          // the owner's call is in the mailbox
    private bool _ended;                                           // the peer's end was received
    private bool _endSending;
    private bool _isDelayed;                                       // small segments wait for the peer's acknowledgement: TCP_NODELAY is wanted and not set yet
    private bool _hearsInputOnly;                                  // of a client: no event tells yet that there is room to send
    private int _unanswered;                                       // bytes that were sent since something was received, as far as it matters how many

    // Takes over a descriptor.
    private EpollConnection(EpollLoop loop, int descriptor, PeerAddress? peer)
    {
        (_loop, Descriptor, _isTcp, _peer) = (loop, descriptor, peer is not null, peer.GetValueOrDefault());
        Id = SocketConnectionManager.NextConnectionId();
        loop.Manager.Opened();
    }

    public long Id { get; }

    public PeerAddress? Peer => _isTcp ? _peer : null;

    public ILoop Loop => _loop;

    public Readiness Ready => _ready;

    private bool IsClosed => Descriptor < 0 || _isClosedByOwner;

    public void SetOwner(IConnectionOwner owner)
    {
        ArgumentNullException.ThrowIfNull(owner);
        Debug.Assert(_loop.IsCurrent);
        if (IsClosed) return;
        _owner = owner;
        if (_ready != Readiness.None) TellSoon();
    }

    public IoStatus TryReceive(Span<byte> into, out int received)
    {
        if (into.IsEmpty) throw new ArgumentException("There must be room for at least one byte.", nameof(into));
        Debug.Assert(_loop.IsCurrent);
        received = 0;
        if (IsClosed) return IoStatus.Failed;
        if (_ended) return IoStatus.End;
        // The edge is still to come: a call would find nothing nearly always.
        if ((_ready & (Readiness.Receivable | Readiness.Failed)) == Readiness.None) return IoStatus.WouldBlock;
        if (HasEarly && TryTakeEarly(into, out received)) return IoStatus.Done;
        var count = Libc.Receive(Descriptor, into);
        if (count > 0)
        {
            received = count;
            _unanswered = 0;
            _hasLargeInput = count >= CallBatch.ReceiveBytes;
            if (count < into.Length && (_ready & Readiness.Failed) == Readiness.None)
            {
                _ready &= ~Readiness.Receivable;
                _ended = (_ready & Readiness.PeerEnded) != Readiness.None;     // the end was there before this read, which has left nothing before it
            }
            return IoStatus.Done;
        }
        if ((_ready & Readiness.Failed) != Readiness.None) return IoStatus.Failed;      // what had arrived before was given out: a reply may precede a reset
        if (count == 0)
        {
            _ended = true;
            _ready = (_ready | Readiness.PeerEnded) & ~Readiness.Receivable;
            return IoStatus.End;
        }
        if (count != -Errno.Again) return Fail();
        _ready &= ~Readiness.Receivable;
        return IoStatus.WouldBlock;
    }

    public IoStatus TrySend(ReadOnlySpan<byte> head, ReadOnlySpan<byte> content, out int sent) => TrySend(head, content, mayWait: false, endFollows: false, out sent);

    public IoStatus TrySendSoon(ReadOnlySpan<byte> head, ReadOnlySpan<byte> content, out int sent) => TrySend(head, content, mayWait: true, endFollows: false, out sent);

    public IoStatus TrySendLast(ReadOnlySpan<byte> head, ReadOnlySpan<byte> content, out int sent) => TrySend(head, content, mayWait: true, endFollows: true, out sent);

    public void EndSending()
    {
        Debug.Assert(_loop.IsCurrent);
        if (IsClosed || _endSending) return;
        _endSending = true;
        if (!HasKept && !HasUnsent) ShutDown();
    }

    public void Close()
    {
        Debug.Assert(_loop.IsCurrent);
        if (IsClosed) return;
        if ((HasKept || HasUnsent) && (_ready & Readiness.Failed) == Readiness.None)
        {
            CloseBehindKept();
            return;
        }
        // The kernel's buffer was full: a peer that takes nothing must not keep it there for as long as the kernel likes.
        if (_isTcp && (_ready & (Readiness.Sendable | Readiness.Failed)) == Readiness.None)
            _ = Libc.SetUserTimeout(Descriptor, (int)_loop.Manager.CloseMilliseconds);
        Finish();
    }

    public void Abort(string reason)
    {
        Debug.Assert(_loop.IsCurrent);
        if (!IsClosed) Break(reason);
    }

    /// <summary>Resets the connection, also one that was closed and still sends what is held here.</summary>
    public void Break(string reason)
    {
        if (Descriptor < 0) return;
        if (_isTcp) _ = Libc.SetResetOnClose(Descriptor);          // a Unix domain socket knows none: its peer sees an end, or an error if bytes were unread
        Finish();
        _loop.Manager.Logger.Aborted(Id, reason);
    }

    /// <summary>Takes note of an edge and tells the owner.</summary>
    public override void OnEvents(EpollEvents events)
    {
        if (_connecting is not null && !TryFinishConnecting(events)) return;
        if (HasEarly) NoteInput(events);
        if (HasUnsent && !TrySendRest(ref events)) return;
        var flags = Readiness.None;
        if ((events & ~EpollEvents.Sendable) != EpollEvents.None && !_ended) flags = Readiness.Receivable;     // the end and the error are received too
        if ((events & EpollEvents.Failed) != EpollEvents.None || (_ready & Readiness.Failed) != Readiness.None)
        {
            flags |= Readiness.Failed;
            _ready &= ~Readiness.Sendable;
        }
        else
        {
            if ((events & (EpollEvents.PeerEnded | EpollEvents.HungUp)) != EpollEvents.None) flags |= Readiness.PeerEnded;
            if ((events & EpollEvents.Sendable) != EpollEvents.None && !_endSending) flags |= Readiness.Sendable;
        }
        var gained = flags & ~_ready;
        _ready |= flags;
        if (gained != Readiness.None) _owner?.OnReady(this);
    }

    private void TellSoon()
    {
        if (_toTell) return;
        _toTell = true;
        _loop.Post(static connection => ((EpollConnection)connection!).Tell(), this);
    }

    private void Tell()
    {
        _toTell = false;
        if (_ready != Readiness.None) _owner?.OnReady(this);
    }

    private IoStatus TrySend(ReadOnlySpan<byte> head, ReadOnlySpan<byte> content, bool mayWait, bool endFollows, out int sent)
    {
        if (head.IsEmpty && content.IsEmpty) throw new ArgumentException("There must be at least one byte to send.", nameof(content));
        Debug.Assert(_loop.IsCurrent);
        sent = 0;
        if (IsClosed || (_ready & Readiness.Failed) != Readiness.None) return IoStatus.Failed;
        if (_endSending) throw new InvalidOperationException("Sending was ended on this side.");
        if ((_ready & Readiness.Sendable) == Readiness.None) return IoStatus.WouldBlock;
        if (_isDelayed) SendWithoutDelay();
        if (_loop.Calls is { } calls)
        {
            // What the kernel will not take should be known now, so that the owner waits: kept is only what there is room for, as far as can be told.
            if (mayWait && _unanswered <= MaxUnanswered && calls.TryKeep(this, head, content, endFollows))
            {
                HasKept = true;
                sent = head.Length + content.Length;
                _unanswered += sent;
                return IoStatus.Done;
            }
            if (HasKept) calls.SendKept();                         // what was taken before leaves before
            if ((_ready & Readiness.Failed) != Readiness.None) return IoStatus.Failed;
            if ((_ready & Readiness.Sendable) == Readiness.None) return IoStatus.WouldBlock;
        }
        var count = content.IsEmpty ? Libc.Send(Descriptor, head, endFollows)
            : head.IsEmpty ? Libc.Send(Descriptor, content, endFollows) : Libc.Send(Descriptor, head, content, endFollows);
        if (count > 0)
        {
            sent = count;
            _unanswered = Math.Min(_unanswered + count, MaxUnanswered + 1);
            // A short write has filled the kernel's buffer, which promises an edge as much as being refused would: no call that is.
            if (count < (long)head.Length + content.Length) WaitForRoom();
            return IoStatus.Done;
        }
        if (count != -Errno.Again) return Fail();
        WaitForRoom();
        return IoStatus.WouldBlock;
    }

    private void WaitForRoom()
    {
        _ready &= ~Readiness.Sendable;
        if (!_hearsInputOnly) return;
        _hearsInputOnly = false;
        var result = _loop.Set.Change(this, All);                  // room that came meanwhile is told as well
        Debug.Assert(result >= 0);                                 // it takes no memory, so it cannot fail
    }

    // A request that goes out at once is never delayed (RFC 9293 §3.7.4: only while data is unacknowledged), and most do: they save the call.
    private void SendWithoutDelay()
    {
        if (_unanswered == 0) return;
        _isDelayed = false;
        _ = Libc.SetNoDelay(Descriptor);                           // fails only where the connection has: the send will tell
    }

    private IoStatus Fail()
    {
        _ready = (_ready | Readiness.Failed) & ~Readiness.Sendable;
        return IoStatus.Failed;
    }

    // Fails only where the peer was faster: there is nothing left to end.
    private void ShutDown() => _ = Libc.ShutdownSending(Descriptor);

    private void Finish()
    {
        if (HasKept) DropKept();
        DropLeft();
        if (_isClosedByOwner) EndClosing();
        _owner = null;
        _ready = Readiness.None;
        _loop.Set.Forget(this);
        var descriptor = Descriptor;
        Descriptor = -1;
        if (_loop.Calls is { } calls) calls.Close(descriptor);
        else Libc.Close(descriptor);
        _loop.Manager.Closed();
    }
}
