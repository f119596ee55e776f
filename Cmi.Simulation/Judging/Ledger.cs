using Cmi.Simulation.Plans;
using Cmi.Simulation.World;

namespace Cmi.Simulation.Judging;

/// <summary>Keeps account of tickets and grants, and judges what can be judged by them: limits, order, barriers, and whether a server was given up for nothing.</summary>
internal sealed class Ledger(SimulatedWorld world)
{
    private const long FoundAgainMs = 5000;                         // at most until one that accepts again is found to, with time to spare
    private readonly Dictionary<ulong, SimulatedClient> _clients = [];
    private readonly Dictionary<long, ExchangeRecord> _exchanges = [];
    private readonly Dictionary<long, GrantRecord> _open = [];      // by lease

    /// <summary>Grants that are out.</summary>
    public int OpenGrants => _open.Count;

    private Terms Terms => world.Scenario.Terms;
    private long Now => world.Now;

    /// <summary>Makes a client known by the address that its tickets carry.</summary>
    public void Add(SimulatedClient client) => _clients[client.Address.FairKey] = client;

    /// <summary>A ticket is given in.</summary>
    public void Asked(JobTicket ticket)
    {
        if (!_exchanges.TryGetValue(ticket.Id, out var exchange))
        {
            if (!_clients.TryGetValue(ticket.FairKey, out var client) || client.NextToAsk() is not { } request)
            {
                world.Violate("ungranted", $"exchange {ticket.Id} asks for a server, and no client has a request that could be it");
                return;
            }
            if (client.LastExchange > ticket.Id) world.Violate("order", $"{request} asks for a server behind a later one of its client");
            client.LastExchange = ticket.Id;
            exchange = request.Exchange = new(ticket.Id, request, Now);
            _exchanges.Add(ticket.Id, exchange);
        }
        world.Note('a', exchange.Request.Plan.Id);
        if (exchange.IsOpen) JudgeHedge(exchange);
        else exchange.AskedAt = exchange.LastChange = Now;
        JudgeAttempts(exchange);
        JudgeNeighbours(exchange.Request);
    }

    /// <summary>A ticket waits, or is about to be told no.</summary>
    public void Waits(JobTicket ticket, int waiting)
    {
        if (Of(ticket) is { } exchange) exchange.IsWaiting = true;
        if (waiting > Terms.MaxQueued) world.Violate("queue-bound", $"{waiting} tickets wait, {Terms.MaxQueued} may");
    }

    /// <summary>A ticket has become a grant.</summary>
    /// <param name="isCrossed">Whether it had been withdrawn, and the grant will go back unused.</param>
    public void Granted(JobTicket ticket, JobGrant grant, bool isCrossed = false)
    {
        if (Of(ticket) is not { } exchange) return;
        var server = world.ServerAt(grant.Server);
        var record = new GrantRecord(exchange, server, Now);
        exchange.IsWaiting = false;
        exchange.LastChange = Now;
        if (exchange.OpenGrant is null) exchange.WaitedUntil = Now;
        if (exchange.OpenGrant is null && !isCrossed) JudgeChoice(exchange, server);
        if (!isCrossed) exchange.Grants.Add(record);
        world.Note('g', server.Plan.Number);
        if (!_open.TryAdd(grant.Lease, record)) world.Violate("grants", $"the lease {grant.Lease} is given out twice");
        server.Grants++;
        if (Terms.MaxRequests > 0 && server.Grants > Terms.MaxRequests)
            world.Violate("request-bound", $"{server.Grants} requests are in flight at server {server.Plan.Number}, {Terms.MaxRequests} may be");
        var open = exchange.Request.Client.Requests.Count(request => request.Exchange is { IsOpen: true });
        if (open > Terms.MaxPipelined) world.Violate("pipeline-bound", $"{open} requests of one connection are in hand, {Terms.MaxPipelined} may be");
    }

    /// <summary>A ticket was refused.</summary>
    public void Refused(JobTicket ticket)
    {
        if (Of(ticket) is not { } exchange) return;
        (exchange.IsWaiting, exchange.IsRefused, exchange.LastChange) = (false, true, Now);
    }

    /// <summary>A ticket was withdrawn.</summary>
    public void Withdrawn(JobTicket ticket)
    {
        if (Of(ticket) is not { } exchange) return;
        (exchange.IsWaiting, exchange.LastChange, exchange.WaitedUntil) = (false, Now, Now);
    }

    /// <summary>A grant is given back.</summary>
    /// <returns>Whether it was out.</returns>
    public bool Completed(JobGrant grant, GrantOutcome outcome)
    {
        if (!_open.Remove(grant.Lease, out var record))
        {
            world.Violate("grants", $"the grant {grant.Lease} for {grant.Server} is given back, and is not out");
            return false;
        }
        (record.IsOpen, record.Outcome, record.Exchange.LastChange) = (false, outcome, Now);
        record.Server.Grants--;
        world.Note('c', (int)outcome);
        if (outcome == GrantOutcome.Done)
        {
            if (record.Attempt is not { SaidWhole: true }) world.Violate("incomplete", $"a reply to {record.Exchange.Request} is taken for whole, and its server has not said it");
            return true;
        }
        record.Cause = world.Oracle.FindCause(record);
        if (outcome == GrantOutcome.Unused && record.Exchange.OpenGrant is { Attempt.SaidHead: true }) record.Cause = Cause.Overtaken;
        // Content that the store has lost is lost for every attempt.
        if (record.Cause == Cause.Unknown && outcome == GrantOutcome.Unused && record.Exchange.Request.Plan.Bytes > 0 && record.Exchange.Grants.Exists(grant => grant.Cause == Cause.Store)) record.Cause = Cause.Store;
        if (record.Attempt is null && record.Server.HadOutage(record.At, Now) is { } outage) FeelOutage(record.Exchange.Request, outage.Fault);
        if (outcome == GrantOutcome.ServerFailed && record.Cause == Cause.Unknown)
            world.Violate("needless-failure", $"server {record.Server.Plan.Number} is given up for {record.Exchange.Request}, and it had not failed");
        return true;
    }

    /// <summary>A server sees a request.</summary>
    /// <returns>What it was granted by.</returns>
    public GrantRecord? Seen(AskedRequest request, SimulatedServer server)
    {
        if (request.Exchange?.Grants.FindLast(one => one.IsOpen && one.Server == server) is { } grant)
        {
            if (grant.Attempt is null) return grant;
            world.Violate("sent-twice", $"{request} reaches server {server.Plan.Number} twice by one grant");
        }
        else
        {
            world.Violate("ungranted", $"{request} reaches server {server.Plan.Number}, which it was not granted");
        }
        return null;
    }

    // What was never seen by a server that is away: the dial came to nothing, or the connection did.
    private void FeelOutage(AskedRequest request, Fault fault)
    {
        if (fault == Fault.Died) world.Feel(request, Fault.Refused, Phase.Dialling);
        else world.Feel(request, fault, fault is Fault.Refused or Fault.Ignored ? Phase.Dialling : Phase.SendingHead);
    }

    private ExchangeRecord? Of(JobTicket ticket) => _exchanges.GetValueOrDefault(ticket.Id);

    // One more may be asked beside one that is late, if that can do no harm.
    private void JudgeHedge(ExchangeRecord exchange)
    {
        var isLate = Terms.HedgeAfter > 0 && exchange is { IsWaiting: false } && Now - exchange.OpenGrant!.At >= Terms.HedgeAfter;
        if (!isLate || !exchange.Request.Plan.IsSafe || !exchange.Request.SentWhole || exchange.Grants.Count(grant => grant.IsOpen) > 1)
            world.Violate("grants", $"{exchange.Request} asks again while it waits or has a server");
    }

    private void JudgeAttempts(ExchangeRecord exchange)
    {
        // A reused connection that was closed as it was written to does not count, once.
        if (!world.MayBe(exchange.Request, terms => exchange.Grants.Count <= terms.Attempts)) world.Violate("attempts", $"{exchange.Request} is tried once more");
        foreach (var unused in exchange.Grants.Where(grant => grant is { IsOpen: false, Cause: Cause.Unknown, Outcome: GrantOutcome.Unused }))
        {
            // Nothing is held against a server for what the store has done.
            if (world.Store.TryExcuse(exchange.Request)) unused.Cause = Cause.Store;
            else world.Violate("needless-retry", $"{exchange.Request} is tried again, and its server had not failed");
        }
        if (exchange.Grants.Find(grant => grant is { IsOpen: false, Outcome: GrantOutcome.Done, Cause: Cause.Unknown }) is not { } done) return;
        // A whole reply may be lost by the store before it leaves. What waited for it may have begun, so that only what has no effect is asked for again.
        if (exchange.Request.Plan is { IsSafe: true, Bytes: 0 } && (world.Store.TryExcuse(exchange.Request) || world.Store.TryExcuseByDelay(exchange.Request))) done.Cause = Cause.Store;
        else world.Violate("answered-twice", $"{exchange.Request} asks for a server, and has its reply");
    }

    // A server that has failed a request is asked again only where there is none that was not asked, be it one that is out for what it did to others; but for
    // those that are known not to accept.
    private void JudgeChoice(ExchangeRecord exchange, SimulatedServer server)
    {
        if (!exchange.Grants.Exists(grant => grant.Server == server && grant.Outcome == GrantOutcome.ServerFailed)) return;
        if (world.ServersSince(exchange.FirstAsked).FirstOrDefault(other => other.HadOutage(Now - FoundAgainMs, Now) is null && !exchange.Grants.Exists(grant => grant.Server == other)) is { } unasked)
            world.Violate("tried-again", $"{exchange.Request} is given to server {server.Plan.Number} again, and server {unasked.Plan.Number} was not asked");
    }

    // RFC 9112 §9.3.2: runs of safe methods run side by side, everything else waits for what is before it, and what is behind waits for it; but not for one that is
    // asked again since its whole reply was lost.
    private void JudgeNeighbours(AskedRequest request)
    {
        foreach (var before in request.Client.Requests)
        {
            if (before.Index >= request.Index) return;
            if (before.IsParallel(Terms) && request.IsParallel(Terms)) continue;
            if (before.Exchange is { IsOpen: true } open && !open.Grants.Exists(grant => grant is { Outcome: GrantOutcome.Done, Cause: Cause.Store })) world.Violate("barrier", $"{request} starts before the end of {before}");
        }
    }
}
