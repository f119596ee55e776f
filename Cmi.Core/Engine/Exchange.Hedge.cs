using Cmi.Messages;
using Cmi.Telemetry;

namespace Cmi.Engine;

// A second attempt beside one whose reply is late. It begins only here; the race is over when one of the two has given the head of a reply that may be used, or
// has failed. What follows from that is as if the other had never been.
internal sealed partial class Exchange
{
    // All that is said of "the server" elsewhere is of the attempt in hand. While the exchange is hedged the other is laid aside, and each has its turn in hand.
    private ServerAttempt _current = new();
    private ServerAttempt? _other;                                  // where it is not hedged: for the next time
    private bool _isHedged;
    private long _hedgeAt;                                          // kept only where hedging is on

    private long HedgeDue => _isHedged ? _other!.Due : Settings.HedgeAfter > 0 ? _hedgeAt : long.MaxValue;

    // RFC 9110 §9.2.1: only what changes nothing may run twice at once. Of what is merely idempotent the later one could act when its client has long gone on.
    private long FirstHedge() => Method.IsSafe && !IsUpgrade && !_bindsConnection && !_replyLeaves ? _state.Loop.Now + Settings.HedgeAfter : long.MaxValue;

    /// <summary>Takes the other attempt in hand, and lays this one aside.</summary>
    private void Swap()
    {
        (_current, _other) = (_other!, _current);
        (_phase, _other.Phase) = (_current.Phase, _phase);
        _watch?.Swap();
    }

    /// <summary>
    /// Asks a second server, if the request is there whole and its content, if any, was sent to the first, attempts are left, another server is healthy and has a slot free at once, and the budget has it. If not,
    /// it is looked at again when as much time has gone by: nobody waits in the queue for this.
    /// </summary>
    private void Hedge(long now)
    {
        _hedgeAt = now + Settings.HedgeAfter;
        if (_attempts >= Settings.Attempts || !IsRequestWhole || !_contentKept) return;
        if (!_current.IsRequestSent && Request.Length > 0) return;  // content has one reader: two would take from each other what a store has read back
        var (group, avoid) = (Route.Group!, _avoid.With(_current.Grant.Server));
        if (!group.Health.HasHealthy(avoid) || !group.Budget.TrySpend(now)) return;
        if (!TryAcquireBeside(avoid, out var grant))
        {
            group.Budget.GiveBack(now);
            return;
        }
        _attempts++;
        _current.Server!.Hedges++;
        _state.Counters.Hedges++;
        _state.Engine.Logger.Hedged(_current.Grant.Server, grant.Server, now - _current.StartedAt);
        _other ??= new();
        Swap();
        _isHedged = true;
        _current.Reset();
        (_current.Grant, _current.IsGranted) = (grant, true);
        Wake();
        Connect();
    }

    private bool TryAcquireBeside(ServerSet avoid, out JobGrant grant)
    {
        var queue = Route.Group!.Queue;
        try
        {
            if (!queue.TryAcquire(Ticket(_attempts + 1, avoid), out grant)) return false;
        }
        catch (Exception e)
        {
            _state.Engine.Logger.JobQueueFailed(e);
            grant = default;
            return false;
        }
        if (!avoid.Contains(grant.Server)) return true;
        CompleteGrant(queue, grant, GrantOutcome.Unused);           // to ask the same server twice gains nothing
        return false;
    }

    /// <summary>The attempt in hand has a reply: the other is given up, and nothing of it is kept.</summary>
    private void EndRace()
    {
        var loser = _other!;
        if (loser.StartedAt < _current.StartedAt)
        {
            loser.Server!.HedgesWon++;
            _state.Counters.HedgesWon++;
        }
        if (loser.ReceivedBytes == 0) Route.Group!.Health.Overtaken(loser.Grant.Server, loser.StartedAt, Settings.ServerHead, _state.Loop.Now, _state.Loop.Random);
        DropOther("another server has answered first");
    }

    /// <summary>The attempt in hand has failed, and its server was let go of: the other goes on alone.</summary>
    /// <param name="isStale">Whether it was none: its pooled connection had ended.</param>
    /// <param name="server">Its server.</param>
    /// <param name="status">What the client is told if the other fails too, and no further attempt follows.</param>
    private void LoseRace(bool isStale, ServerAddress server, int status)
    {
        _isHedged = false;
        _lastStatus = status;
        if (isStale) (_staleForgiven, _attempts) = (true, _attempts - 1);
        else _avoid = _avoid.With(server);
        Swap();
        if (Settings.HedgeAfter > 0) _hedgeAt = _state.Loop.Now + Settings.HedgeAfter;
        Wake();
    }

    private void DropOther(string reason)
    {
        Swap();
        DropServer(reason, GrantOutcome.Unused);
        Swap();
        _isHedged = false;
    }

    /// <summary>Lets go of whatever server was asked.</summary>
    private void DropServers(string reason)
    {
        if (_isHedged) DropOther(reason);
        DropServer(reason, GrantOutcome.Unused);
    }
}
