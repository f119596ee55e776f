namespace Cmi.Engine;

// How long each wait may last.
internal sealed partial class Exchange
{
    // While content comes for a reply that leaves, only the gaps in it are bounded; while another server is asked to go on with it, all is.
    private bool IsFlowing => _replyLeaves && _phase == Phase.Content;

    /// <summary>When <see cref="CheckDeadlines"/> should be called, in milliseconds of the loop.</summary>
    public long Due => _phase switch
    {
        Phase.Receiving => Settings.RequestCommit == CommitMode.UpTo ? _startedAt + Settings.RequestHoldTime : long.MaxValue,
        Phase.Waiting => _notBefore > _state.Loop.Now ? _notBefore : long.MaxValue,
        Phase.Queued => Math.Min(_queueDeadline, _deadline),
        Phase.Connecting or Phase.Head => Math.Min(Math.Min(_current.Due, HedgeDue), _deadline),
        Phase.Content => Math.Min(IsFlowing ? long.MaxValue : Math.Min(_deadline, HoldEnds), IsWaitPaused ? long.MaxValue : _current.Deadline),
        _ => long.MaxValue,
    };

    /// <summary>Ends what has lasted too long.</summary>
    public void CheckDeadlines(long now)
    {
        CheckAttempt(now);
        if (_isHedged)
        {
            Swap();
            CheckAttempt(now);
        }
        else if (_phase is Phase.Connecting or Phase.Head && now >= HedgeDue)
        {
            Hedge(now);
        }
    }

    private void CheckAttempt(long now)
    {
        switch (_phase)
        {
            case Phase.Receiving when now >= Due:
            case Phase.Waiting:
                Wake();
                return;
            case Phase.Queued when now >= Math.Min(_queueDeadline, _deadline):
                if (_lastStatus != 0) Decide(_lastStatus, "No other server had a slot free in time.");
                else Decide(503, "No server had a slot free in time.");
                return;
            case Phase.Connecting or Phase.Head or Phase.Content when !IsFlowing && now >= _deadline:
                AttemptFailed(AttemptFault.ExchangeTimeout, "the exchange took too long");
                return;
            case Phase.Connecting when now >= _current.Deadline:
                AttemptFailed(AttemptFault.ConnectTimeout, "it did not accept a connection in time");
                return;
            case Phase.Head when !IsWaitPaused && now >= _current.Deadline:
                AttemptFailed(AttemptFault.HeadTimeout, "it sent no reply head in time");
                return;
            case Phase.Content when !IsWaitPaused && now >= _current.Deadline:
                if (_current.IsWaitPaused) AttemptFailed(AttemptFault.StoreFailed, "the buffer store made no room in time");     // not the server's doing
                else AttemptFailed(AttemptFault.ContentTimeout, "it sent no further content in time");
                return;
        }
    }
}
