using System.Diagnostics;

namespace Cmi.Testing;

/// <summary>The end of a connection that belongs to a loop.</summary>
internal sealed class InMemoryConnection(InMemoryTransport transport, ManualLoop loop, PeerAddress? peer, long id) : InMemoryEnd, IConnection
{
    private readonly InMemoryOptions _options = transport.Options;
    private IConnectionOwner? _owner;
    private Readiness _untold;                                     // gained since the owner was last told
    private bool _queued;                                          // waits in the loop's queue of those that gained readiness
    private bool _handedOver;                                      // waits in the loop's queue of those with a new owner
    private bool _paused;                                          // has given its one fragment of this turn
    private long _lastFragment = -1;                               // the turn of it
    private bool _inside;
    private byte[]? _kept;                                         // taken and not sent yet
    private bool _endFollows;                                      // they are the last: they leave with the end, and never without it

    public long Id => id;

    public PeerAddress? Peer => peer;

    public ILoop Loop => loop;

    public Readiness Ready { get; private set; } = Readiness.Sendable;

    /// <summary>The scripted server at its other end, if there is one.</summary>
    public InMemoryServer? Server { get; init; }

    /// <summary>How many bytes were taken and have not left.</summary>
    public int Kept => _kept?.Length ?? 0;

    /// <summary>Why it was aborted on this side; for messages of tests.</summary>
    public string? AbortReason { get; private set; }

    public void SetOwner(IConnectionOwner owner)
    {
        ArgumentNullException.ThrowIfNull(owner);
        CheckLoop();
        if (IsClosed) return;
        _owner = owner;
        _untold = Ready;
        if (_untold == Readiness.None || _handedOver) return;
        _handedOver = true;
        loop.AddHandedOver(this);
    }

    public IoStatus TryReceive(Span<byte> into, out int received)
    {
        if (into.IsEmpty) throw new ArgumentException("There must be room for at least one byte.", nameof(into));
        CheckLoop();
        received = 0;
        if (IsClosed || IsReset) return IoStatus.Failed;
        if (Incoming.Count == 0 && Incoming.Ended) return IoStatus.End;
        if (Incoming.Count == 0 || (_options.OneFragmentPerTurn && _lastFragment == loop.Turns))
        {
            Ready &= ~Readiness.Receivable;
            if (Incoming.Count > 0) Pause();
            return IoStatus.WouldBlock;
        }
        _lastFragment = loop.Turns;
        _inside = true;
        received = Take(into[..Math.Min(into.Length, Fragment(_options.MaxReceive))]);
        _inside = false;
        return IoStatus.Done;
    }

    public IoStatus TrySend(ReadOnlySpan<byte> head, ReadOnlySpan<byte> content, out int sent) => TrySend(head, content, keeps: false, endFollows: false, out sent);

    public IoStatus TrySendSoon(ReadOnlySpan<byte> head, ReadOnlySpan<byte> content, out int sent) => TrySend(head, content, _options.SendsLate, endFollows: false, out sent);

    public IoStatus TrySendLast(ReadOnlySpan<byte> head, ReadOnlySpan<byte> content, out int sent) => TrySend(head, content, _options.SendsLate, endFollows: true, out sent);

    public void EndSending()
    {
        CheckLoop();
        if (!IsClosed && !IsReset) EndDirection();
    }

    public void Close()
    {
        CheckLoop();
        if (IsClosed) return;
        Forget();
        EndDirection();
    }

    public void Abort(string reason)
    {
        CheckLoop();
        if (IsClosed) return;
        AbortReason = reason;
        _kept = null;
        Forget();
        Break(Other);
    }

    internal override void OnIncoming() =>
        Gain(_paused ? Readiness.None : Readiness.Receivable, Incoming.Ended ? Readiness.PeerEnded : Readiness.None);

    internal override void OnRoom()
    {
        if (!Outgoing.Ended) Gain(Readiness.Sendable);
    }

    internal override void OnReset() => Gain(Readiness.Failed);

    /// <summary>Called by the loop for a connection that was queued.</summary>
    internal void TellOwner(bool handedOver)
    {
        if (handedOver) _handedOver = false;
        else _queued = false;
        if (IsClosed) return;
        if (_paused && !handedOver)
        {
            _paused = false;
            if (!IsReset) (Ready, _untold) = (Ready | Readiness.Receivable, _untold | Readiness.Receivable);
        }
        var untold = _untold & Ready;                              // what was used up in the meantime is not news
        _untold = Readiness.None;
        if (untold == Readiness.None || _owner is null) return;
        Debug.Assert(!_inside);
        _owner.OnReady(this);
    }

    /// <summary>Sends what was taken and has not left. There is room for it: only this end takes room.</summary>
    internal void SendKept()
    {
        if (_kept is not { } bytes) return;
        (_kept, _endFollows) = (null, false);
        if (IsReset) return;
        _inside = true;
        Put(bytes);
        _inside = false;
    }

    private void Gain(Readiness flag, Readiness andFlag = Readiness.None)
    {
        var gained = (flag | andFlag) & ~Ready;
        if (gained == Readiness.None || IsClosed) return;
        Ready |= gained;
        _untold |= gained;
        Enqueue();
    }

    private IoStatus TrySend(ReadOnlySpan<byte> head, ReadOnlySpan<byte> content, bool keeps, bool endFollows, out int sent)
    {
        if (head.IsEmpty && content.IsEmpty) throw new ArgumentException("There must be at least one byte to send.", nameof(content));
        CheckLoop();
        sent = 0;
        if (IsClosed || IsReset) return IoStatus.Failed;
        if (Outgoing.Ended) throw new InvalidOperationException("Sending was ended on this side.");
        if (_endFollows) throw new InvalidOperationException("The last bytes were sent before.");
        SendKept();                                                 // they were taken before these
        if (IsReset) return IoStatus.Failed;
        if (Outgoing.Free == 0)
        {
            Ready &= ~Readiness.Sendable;
            return IoStatus.WouldBlock;
        }
        var most = Math.Min(Fragment(_options.MaxSend), Outgoing.Free);
        _endFollows = endFollows && head.Length + content.Length <= most;
        var ofHead = head[..Math.Min(head.Length, most)];
        var ofContent = content[..Math.Min(content.Length, most - ofHead.Length)];
        if (keeps || _endFollows)
        {
            _kept = [.. ofHead, .. ofContent];
            sent = _kept.Length;
            if (!_endFollows) loop.AddKept(this);
            return IoStatus.Done;
        }
        _inside = true;
        if (!ofHead.IsEmpty) sent = Put(ofHead);
        if (!ofContent.IsEmpty && !IsReset) sent += Put(ofContent);
        _inside = false;
        return IoStatus.Done;
    }

    private void EndDirection()
    {
        SendKept();
        if (!IsReset) End();
    }

    // The rest is "on its way": it arrives in the next turn.
    private void Pause()
    {
        _paused = true;
        Enqueue();
    }

    private void Enqueue()
    {
        if (_queued) return;
        _queued = true;
        loop.AddReady(this);
    }

    private void Forget()
    {
        IsClosed = true;
        _owner = null;
        Ready = Readiness.None;
        transport.Closed(this);
    }

    private int Fragment(int most) => _options.RandomFragments ? transport.Random.Next(1, Math.Min(most, 4096) + 1) : most;

    private void CheckLoop()
    {
        if (!loop.IsCurrent) throw new InvalidOperationException("A connection was used off its loop.");
    }
}
