using Cmi.Engine;
using Cmi.Simulation.Plans;
using Cmi.Simulation.World;

namespace Cmi.Simulation.Judging;

/// <summary>
/// The rules: what a gateway with these settings may do, given what its servers, its clients and its store have really done. All rules that follow from
/// settings stand here and in the <see cref="Ledger"/>.
/// </summary>
internal sealed class Oracle(SimulatedWorld world)
{
    private Terms Terms => world.Scenario.Terms;
    private long Now => world.Now;

    /// <summary>What explains that a grant came to no reply.</summary>
    public Cause FindCause(GrantRecord grant)
    {
        var (attempt, server, exchange) = (grant.Attempt, grant.Server, grant.Exchange);
        if (attempt is not null)
        {
            if (attempt.Failure != Fault.None) return Cause.Server;
            if (attempt is { RestFrom: not null, SaidHead: true, GivesRest: false }) return Cause.Server;        // not the rest that was asked for
            // What ends with the connection is never whole for those who do not trust a close.
            if (Terms.TrustClose == CloseTrust.Never && attempt.Plan.Framing == ReplyFraming.UntilClose) return Cause.Server;
            if (!attempt.SaidHead && Now - attempt.At + world.MostLate >= Terms.ServerHead) return Cause.Server;
            // What comes in the millisecond in which the time for it ends may come too late.
            var progress = attempt.LastProgress == Now ? attempt.ProgressBefore : attempt.LastProgress;
            if (Now - Math.Max(attempt.At, progress) + world.MostLate >= Math.Min(Terms.ServerHead, Terms.ServerContent)) return Cause.Server;
        }
        else
        {
            // The time to connect holds the wait for a slot too. A server that went, or let go of a connection as it was written to, may have seen something.
            if (server.HasClosedSince(grant.At)) return Cause.Server;
            if (server.HadOutage(grant.At, Now) is { } outage) return outage.Fault is Fault.Refused or Fault.Ignored ? Cause.Dial : Cause.Server;
            if (Now - grant.At >= Terms.ServerConnect) return Now - grant.At >= Terms.ServerHead ? Cause.Server : Cause.Dial;
        }
        if (Now - exchange.FirstAsked >= Terms.Exchange) return Cause.Time;
        if (attempt is null && Now - exchange.AskedAt >= Terms.Queue) return Cause.Time;      // it came as the time to wait for it ended
        return grant.Outcome == GrantOutcome.ServerFailed && world.Store.TryExcuse(exchange.Request) ? Cause.Store : Cause.Unknown;
    }

    /// <summary>A reply that is not a server's.</summary>
    public void JudgeOwnReply(AskedRequest request, int status)
    {
        var client = request.Client;
        var exchange = request.Exchange;
        switch (status)
        {
            case 408:
                if (!client.WasSlow) Violate("needless-error", "the client is told 408, and was not late");
                return;
            case 503 when exchange is { IsRefused: true }:
            case 502 or 503 or 504 when exchange is not null && (exchange.LongestWait >= Terms.Queue || exchange.LastChange - exchange.FirstAsked >= Terms.Exchange):
                return;
            // Its server came in time and could not be asked, and then the time for another was over.
            case 503 when exchange is { Grants: [.., { IsOpen: false, Outcome: GrantOutcome.Unused }] } && exchange.LastChange - exchange.FirstAsked >= Terms.Queue:
                return;
            case 502 or 503 or 504 when exchange is { Grants.Count: > 0 } && MayGiveUp(request, exchange):
                return;
            case 503 when world.Store.TryExcuse(request):
            case 503 when exchange is { Grants: [.., { Outcome: GrantOutcome.Done }] } && world.Store.TryExcuseByDelay(request):
                return;
            default:
                Violate("needless-error", $"the client is told {status}");
                return;
        }

        void Violate(string rule, string text) => world.Violate(rule, $"{text}: {request}");
    }

    /// <summary>A reply said that the connection closes.</summary>
    public void JudgeClose(AskedRequest request, bool isOwn, bool endsWithConnection)
    {
        var client = request.Client;
        if (request.Plan.SaysClose || client.IsDegraded || endsWithConnection || !request.SentWhole || world.IsDraining) return;
        if (client.HasEndedSending || client.WasSlow) return;
        // Its request was refused, or answered before its end; the rest of it has come meanwhile.
        if (isOwn && (request.Exchange is null || (request.Plan.Bytes > 0 && (world.Store.HasFailed || Terms.RequestCommit != CommitMode.Whole)))) return;
        if (request.Plan.Bytes > 0 && request.Attempts.Exists(attempt => attempt.Plan.Fault == Fault.EarlyReply || attempt.Failure != Fault.None)) return;
        world.Violate("needless-close", $"the connection is closed behind the reply to {request}");
    }

    /// <summary>The connection of a client is gone, or stands still, and a request has no whole reply.</summary>
    /// <param name="request">The first such request.</param>
    /// <param name="began">Whether a byte of its reply had come.</param>
    /// <param name="wasReset">Whether the connection was reset.</param>
    /// <param name="how">What the client saw.</param>
    public void JudgeBroken(AskedRequest request, bool began, bool wasReset, string how)
    {
        var (client, exchange) = (request.Client, request.Exchange);
        if (client.IsAtFault) return;
        if (client.WasToldClose && !began) return;                  // nothing behind such a reply is processed
        if (world.IsDraining && (exchange is null || exchange.FirstAsked > world.DrainingSince || Now - world.DrainingSince >= Terms.Drain)) return;
        // Kept alive without a request for too long: closed, as the request came.
        if (exchange is null && !began && client.WasIdleFor(Terms.ClientIdle)) return;
        // It read so slowly that it sent on to a connection that had ended, and lingered for its time (RFC 9112 §9.6): what lay unread is gone. Whether there was a
        // reason for the end is judged where clients read as far as that.
        if (wasReset && client.ReadsSlowly && client.HasHadEndFor(EngineSettings.LingerMs)) return;
        if (MayBeCut(request, began)) return;
        var mayLeaveEarly = world.MayBe(request, MayLeaveEarly);
        // What has begun to leave waits for a slow store no longer than for its server, and the server is not to blame.
        if (mayLeaveEarly && exchange is { IsOpen: false } && exchange.Grants.Exists(grant => grant is { Outcome: GrantOutcome.Unused, Attempt.SaidHead: true }) && world.Store.TryExcuseByDelay(request)) return;
        if (world.Store.TryExcuse(request)) return;
        // What ends with its connection can only be cut by a reset, and with that goes what of the replies before its client has not read.
        if (wasReset && client.IsDegraded && client.Requests.Skip(request.Index + 1).Any(later => MayBeCut(later, began: false) || world.Store.TryExcuse(later))) return;
        world.Violate(mayLeaveEarly ? "broken" : "cut-under-whole", $"{how}, and there is no reason for it: {request}");
    }

    private bool MayBeCut(AskedRequest request, bool began)
    {
        if (request.Exchange is not { IsOpen: false, Grants.Count: > 0 } exchange || exchange.Grants.Exists(grant => grant.Cause == Cause.Unknown)) return false;
        // Of two that were asked at once, the one that has said its head first.
        var last = exchange.Grants.Exists(grant => grant.Cause == Cause.Overtaken) ? exchange.Grants.FindLast(grant => grant is { Attempt: not null, Cause: not Cause.Overtaken })?.Attempt : request.Attempts.LastOrDefault();
        if (last is null) return false;
        // Of the rest, too, a server may have seen no more than the first line of what asks for it.
        return (began || last.SaidHead || last.RestFrom is not null) && world.MayBe(request, MayLeaveEarly) && !CouldGoOn(request, last, exchange);
    }

    private static bool MayLeaveEarly(Terms terms) => terms.ReplyCommit != CommitMode.Whole;

    // Nobody was asked for the rest of a reply that has stopped, and could have been.
    private bool CouldGoOn(AskedRequest request, Attempt last, ExchangeRecord exchange) =>
        Terms is { Resume: true, HasTightBudget: false } && exchange is { IsRefused: false, LongestWait: < Terms.Queue } && exchange.Grants.Count(grant => grant.Cause != Cause.Overtaken) == 1 && !world.MayBe(request, terms => terms.Attempts <= exchange.Grants.Count)
        && last is { IsResumable: true, Failure: Fault.Reset or Fault.Closed or Fault.HalfClosed or Fault.Silent } && !world.Store.HasFailed && !world.Store.HasBeenFull;

    /// <summary>Whether an error is allowed, since no other attempt was possible.</summary>
    private bool MayGiveUp(AskedRequest request, ExchangeRecord exchange)
    {
        // One of two that were asked at once may have found the content lost by the store; the other fails for its own reason, and nobody can be asked again.
        if (request.Plan.Bytes > 0 && exchange.Grants.Find(grant => grant is { Outcome: GrantOutcome.Unused, Cause: Cause.Unknown }) is { } unused && world.Store.TryExcuse(request)) unused.Cause = Cause.Store;
        var failed = exchange.Grants.Count(grant => grant.Cause != Cause.Unknown);
        if (failed < exchange.Grants.Count) return false;           // a server had not failed
        // Unused is a grant of a stale connection, which does not count, or one whose reply the store had no place for, which does.
        var attempts = exchange.Grants.Count(grant => grant.Outcome == GrantOutcome.ServerFailed || grant.Cause == Cause.Overtaken || world.Store.HasFailed);
        if (world.MayBe(request, terms => attempts >= terms.Attempts)) return true;
        if (Terms.HasTightBudget) return true;                      // the budget of retries may be spent
        if (!request.Plan.IsIdempotent && exchange.Grants.Exists(grant => grant.Cause != Cause.Dial)) return true;
        if (exchange.IsRefused) return true;
        // The content that a server has taken was let go, for want of room, or is lost.
        return request.Plan.Bytes > 0 && (world.Store.HasBeenFull || exchange.Grants.Exists(grant => grant.Cause == Cause.Store) || world.Store.TryExcuse(request));
    }
}
