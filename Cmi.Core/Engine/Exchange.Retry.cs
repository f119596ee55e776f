using Cmi.Forwarding;
using Cmi.Health;
using Cmi.Messages;
using Cmi.Telemetry;

namespace Cmi.Engine;

// What follows when an attempt fails, or its reply says that another server might do better.
internal sealed partial class Exchange
{
    /// <summary>An attempt came to nothing: another follows if that is safe and allowed, else the client is told.</summary>
    /// <param name="fault">Why; what the client is told if no attempt follows is decided by it.</param>
    /// <param name="reason">The same in words, for logs.</param>
    private void AttemptFailed(AttemptFault fault, string reason)
    {
        var (server, counters, status, now) = (_current.Grant.Server, _current.Server!, fault.Status, _state.Loop.Now);
        // A pooled connection that was closed as the request was written says nothing about the server: once, that is not counted as an attempt (RFC 9112 §9.3.1).
        var stale = _current.IsReused && _current.ReceivedBytes == 0 && status == 502 && !_staleForgiven;
        if (stale) fault = AttemptFault.StaleConnection;
        counters.Failures[(int)fault]++;
        _watch?.AttemptFailed(fault, reason);
        var safe = RetryRule.IsSafe(_isIdempotent, _current.SentBytes > 0, _replyLeaves, !_contentReleased);
        if (!stale) TellHealth(fault, server);
        DropServer(reason, stale || fault is AttemptFault.StoreFailed or AttemptFault.NotTheRest ? GrantOutcome.Unused : GrantOutcome.ServerFailed);
        LeaveStarved();
        if (_isHedged)
        {
            _state.Engine.Logger.AttemptFailed(_attempts, server, reason);
            LoseRace(stale, server, status);
            return;
        }
        if (_replyLeaves)
        {
            if (!TryResume(fault, server, counters, reason)) CutOff(server, reason, withhold: fault == AttemptFault.CheckFailed);
            return;
        }
        _state.Engine.Logger.AttemptFailed(_attempts, server, reason);
        _lastStatus = status;
        if (!safe || now >= _deadline || (!stale && (_attempts >= Settings.Attempts || !IsPaidFor(fault, server))))
        {
            Decide(status, status == 504 ? "No server answered in time." : "No server gave a whole reply.");
            return;
        }
        if (stale) _staleForgiven = true;
        else CountAttempt(server);
        counters.Retries[(int)fault]++;
        _freshOnly = true;
        TryAgain();
    }

    /// <summary>
    /// Whether another attempt may follow as far as the budget goes. The first one after a connection that failed or broke is free while another server is
    /// healthy: a server that goes away costs no client an error, however many it served.
    /// </summary>
    private bool IsPaidFor(AttemptFault fault, ServerAddress server)
    {
        var group = Route.Group!;
        return (_attempts == 1 && fault.IsOfConnection && group.Health.HasHealthy(_avoid.With(server))) || group.Budget.TrySpend(_state.Loop.Now);
    }

    /// <summary>Drops a reply whose status code is one to be tried again, if another attempt may follow. If not, it is the client's.</summary>
    private bool IsStatusRetried(ResponseHead head)
    {
        if (!Settings.RetryStatuses.Has(head.Status) || (_attempts >= Settings.Attempts && !_isHedged)) return false;
        if (!RetryRule.IsSafe(_isIdempotent, _current.SentBytes > 0, _replyLeaves, !_contentReleased)) return false;
        var (server, now, group) = (_current.Grant.Server, _state.Loop.Now, Route.Group!);
        var wait = head.Fields.Has(FieldName.RetryAfter) ? RetryAfterField.Read(head.Fields.First(FieldName.RetryAfter), _state.Loop.Time) : null;
        if (head.Status == 429 && wait is null) return false;
        if (_isHedged)
        {
            DropReply(head, server);                                // another server is asked already
            LoseRace(isStale: false, server, AttemptFault.BadStatus.Status);
            return true;
        }
        // Only where nobody else can be asked is it asked again, and not before the time that it names.
        var alone = !group.Health.HasHealthy(_avoid.With(server));
        if (alone && (wait is not { } ms || ms > Settings.MaxRetryAfter || now + ms >= _deadline)) return false;
        if (!group.Budget.TrySpend(now)) return false;
        _current.Server!.Retries[(int)AttemptFault.BadStatus]++;
        DropReply(head, server);
        _lastStatus = AttemptFault.BadStatus.Status;
        CountAttempt(server);
        _freshOnly = true;
        if (alone) (_notBefore, _queueDeadline) = (now + wait!.Value, _queueDeadline + wait.Value);
        TryAgain();
        return true;
    }

    private void DropReply(ResponseHead head, ServerAddress server)
    {
        var reason = $"it answered {head.Status}";
        _current.Server!.Failures[(int)AttemptFault.BadStatus]++;
        _watch?.AttemptFailed(AttemptFault.BadStatus, reason);
        _state.Engine.Logger.AttemptFailed(_attempts, server, reason);
        DropServer("its reply is not wanted", GrantOutcome.Done);
        LeaveStarved();
    }

    private void CountAttempt(ServerAddress server)
    {
        _attempts++;
        _avoid = _avoid.With(server);
    }

    private void TryAgain()
    {
        _state.Counters.Retries++;
        Reply.Reset();
        ReplyHead.Reset();
        ResetTransfer();
        _phase = Phase.Waiting;
        Wake();
    }

    private void TellHealth(AttemptFault fault, ServerAddress server)
    {
        ServerFailure? failure = fault switch
        {
            AttemptFault.ConnectFailed => ServerFailure.Connect,
            AttemptFault.ConnectTimeout when _current.IsDialling => ServerFailure.Connect,       // not where our own bound on connections was waited for
            AttemptFault.HeadTimeout or AttemptFault.ContentTimeout => ServerFailure.Silence,
            AttemptFault.ExchangeTimeout when _attempts == 1 => ServerFailure.Silence,     // it had all the time that there is
            AttemptFault.ConnectionLost or AttemptFault.BadReply or AttemptFault.CheckFailed => ServerFailure.Broken,
            _ => null,
        };
        if (failure is { } known) Route.Group!.Health.Failed(server, known, _current.StartedAt, _state.Loop.Now, _state.Loop.Random);
    }

    private bool HasIdempotencyKey(RequestHead head) => Settings.IdempotencyKeyField is { } name && !head.Fields.First(name).IsEmpty;
}
