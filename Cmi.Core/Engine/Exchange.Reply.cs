using Cmi.Forwarding;
using Cmi.Http1;
using Cmi.Loops;
using Cmi.Messages;
using Cmi.Telemetry;

namespace Cmi.Engine;

// When and how the reply leaves, and what happens when the store has no room for it.
internal sealed partial class Exchange
{
    private bool _replyLeaves;                                      // from here on no other attempt can take its place
    private MessageSender _leaving;

    /// <summary>Whether a byte of the reply has left, or is about to.</summary>
    public bool IsLeaving => _replyLeaves;

    /// <summary>Whether its reply is whole and lies in the loop's scratch, which is valid until its next use.</summary>
    public bool HoldsScratch => Reply is { State: BufferState.Whole, IsInScratch: true };

    /// <summary>Whether the first byte of the reply may leave: the commit point is reached.</summary>
    public bool MayLeave => _phase is Phase.Done or Phase.Tunnel || (_phase == Phase.Content && CommitRule.MayLeaveUnfinished(_isStream ? CommitMode.Stream : Settings.ReplyCommit,
        Reply.Length, Settings.ReplyHoldBytes, _state.Loop.Now - _headAt, Settings.ReplyHoldTime, _isStarved));

    /// <summary>Interim responses that may leave now; empty if there are none.</summary>
    public ReadOnlySpan<byte> Interims => _interims is { } interims ? interims.Written : default;

    /// <summary>Forgets interim responses that have left.</summary>
    public void InterimsLeft() => _interims!.Reset();

    /// <summary>Whether a failure of this reply can only be shown by a reset, since its end is the end of the connection.</summary>
    public bool EndsWithConnection => _leaving.Framing.Kind == FramingKind.UntilClose;

    // Of a reply that leaves, what still waits for the client is bounded by its own time, and makes room. When none is left, nothing of this reply can.
    private bool IsWaitPaused => _isWaitPaused && !(_phase == Phase.Content && _replyLeaves && _leaving.ContentSent == Reply.Length);

    private long HoldEnds
    {
        get
        {
            if (Settings.ReplyCommit != CommitMode.UpTo || _isStream) return long.MaxValue;
            var ends = _headAt + Settings.ReplyHoldTime;
            return ends > _state.Loop.Now ? ends : long.MaxValue;   // passed: it acts when the reply's turn comes
        }
    }

    /// <summary>
    /// Sees, before the first byte of the reply leaves, that the store still has it: until then another attempt, or an answer of our own, can take its place.
    /// </summary>
    /// <returns>Whether its first bytes are at hand; if not, a wake-up follows.</returns>
    public bool IsAtHand()
    {
        if (!Reply.IsStored || Reply.Length == 0 || Reply.TryRead(0, MessageSender.MaxSliceBytes, out _)) return true;
        if (Reply.State == BufferState.Failed) ReplyLost();
        return false;
    }

    private void ReplyLost()
    {
        if (_phase == Phase.Content)
        {
            AttemptFailed(AttemptFault.StoreFailed, "the buffer store lost what had come of its reply");
            return;
        }
        // Its turn as far as others can tell is over: what waited for it may have begun. Only what has no effect is asked for again.
        if (!Method.IsSafe || _requestFraming.Kind != FramingKind.None || _attempt >= Settings.Attempts || _state.Loop.Now >= _deadline)
        {
            Decide(503, "The reply was lost.");
            return;
        }
        _attempt++;
        TryAgain();
    }

    /// <summary>Step 9: the reply is framed for this client; nothing of it is tried again after this.</summary>
    /// <param name="mayPersist">Whether the session could keep its connection.</param>
    /// <returns>Whether the connection is kept after this reply.</returns>
    public bool StartLeaving(bool mayPersist)
    {
        var persistent = mayPersist && _wantsPersistence && IsRequestWhole;
        if (_own != 0)
        {
            ResponseHeadWriter.WriteOwn(ReplyHead, _own, _ownText, Method, persistent, ClientMinorVersion, _state.Date, _own == 503 ? EngineSettings.RetryAfterSeconds : 0);
            _leaving = new(new(FramingKind.None));
        }
        else if (IsTunnel)
        {
            _leaving = new(new(FramingKind.None));                  // the 101 is written already
        }
        else
        {
            var framing = MessageFraming.ToClient(_replyFraming, Reply.State == BufferState.Whole ? Reply.Length : null, Method, _status, ClientMinorVersion,
                withTrailers: _takesTrailers && (Reply.HasTrailers || Reply.State != BufferState.Whole) && _replyFraming.Kind == FramingKind.Chunked);
            persistent &= framing.Kind != FramingKind.UntilClose;
            ResponseHeadWriter.WriteEnd(ReplyHead, framing, persistent, ClientMinorVersion);
            _leaving = new(framing);
        }
        _replyLeaves = true;
        _watch?.Leaves();
        if (_isWaitPaused) _phaseDeadline = _state.Loop.Now + Settings.ServerContent;
        _contentKept = false;
        LeaveStarved();
        return persistent;
    }

    /// <summary>Sends of the reply what goes; what has left is freed, and makes room for what is to come.</summary>
    public SendStatus SendReply(IConnection client, ref SendQueue queue, ref long sentBytes)
    {
        var before = _leaving.ContentSent;
        var status = _leaving.Send(client, ref queue, _state.ToClient, _state.Memory, ReplyHead.Written, Reply, ref sentBytes);
        if (_leaving.ContentSent != before)
        {
            Reply.Release(_leaving.ContentSent);
            if (Reply.IsStored) _state.Engine.Arbiter.Drained(_state.Loop.Now);
            if (_isWaitPaused) _phaseDeadline = _state.Loop.Now + Settings.ServerContent;
            if (_isStarved) Wake();
        }
        _hasLeft = status == SendStatus.Done;
        return status;
    }

    /// <summary>Keeps a reply that lies in the loop's scratch beyond its next use.</summary>
    public void KeepReply()
    {
        if (_phase != Phase.Done || Reply.TryStore(_replyLeaves)) return;
        if (!_replyLeaves) DecideFull();
        else Wake();                                                // it is cut
    }

    /// <summary>Whether the store has room for as much as one receive may bring.</summary>
    private bool HasRoom()
    {
        var waited = _isWaitPaused;
        var room = Reply.CheckRoom();
        // Of a reply that leaves nothing waits in the store, and the store is full of others: it flows on past it, so that the oldest always finishes.
        if (room == RoomAnswer.Full && _replyLeaves && _leaving.ContentSent == Reply.Length && Reply.TryOverflow()) room = RoomAnswer.Ok;
        _isWaitPaused = room != RoomAnswer.Ok;
        switch (room)
        {
            case RoomAnswer.Ok:
                if (waited) _phaseDeadline = _state.Loop.Now + Settings.ServerContent;       // the server's time was not its own
                if (_isStarved)
                {
                    _isStarved = false;
                    _state.Engine.Arbiter.FoundRoom(Id, _state.Loop.Now);
                }
                return true;
            case RoomAnswer.Full:
                // The server waits, and the client if it is its turn: then the reply flows through what room there is. Only replies that must be whole
                // can wait for each other for ever.
                _isStarved = true;
                _state.Starved(_session);
                if (!_replyLeaves && !_isStream && Settings.ReplyCommit == CommitMode.Whole && _state.Engine.Arbiter.MustGiveWay(Id, _state.Loop.Now))
                {
                    _state.Engine.Logger.HeldReplyGaveWay();
                    DecideFull();
                }
                return false;
            case RoomAnswer.Failed:
                AttemptFailed(AttemptFault.StoreFailed, "the buffer store failed");
                return false;
            default:
                return false;
        }
    }

    private void DecideFull() => Decide(503, "No room to hold the reply.");

    private void LeaveStarved()
    {
        if (!_isStarved) return;
        _isStarved = false;
        _state.Engine.Arbiter.Left(Id);
    }
}
