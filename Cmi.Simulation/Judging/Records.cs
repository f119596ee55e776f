using Cmi.Simulation.Plans;
using Cmi.Simulation.World;

namespace Cmi.Simulation.Judging;

/// <summary>A request, and all that is known of what became of it.</summary>
internal sealed class AskedRequest(RequestPlan plan, SimulatedClient client, int index)
{
    public RequestPlan Plan => plan;
    public SimulatedClient Client => client;

    /// <summary>Its place among those of its client, from 0.</summary>
    public int Index => index;

    /// <summary>Each time that a server has seen it.</summary>
    public List<Attempt> Attempts { get; } = [];

    /// <summary>What the queue knows it as; none before it asked for a server.</summary>
    public ExchangeRecord? Exchange { get; set; }

    /// <summary>When its client has begun to send it, in milliseconds.</summary>
    public long BegunAt { get; set; }

    /// <summary>Whether its client has sent all of it.</summary>
    public bool SentWhole { get; set; }

    /// <summary>The faults that struck it.</summary>
    public List<(Fault Fault, Phase Phase)> Felt { get; } = [];

    /// <summary>What became of it; none while it is under way.</summary>
    public Outcome? Outcome { get; set; }

    /// <summary>Whether it may have neighbours.</summary>
    public bool IsParallel(Terms terms) => plan.IsSafe && terms.Distribute == Distribution.Safe;

    public override string ToString() =>
        $"{plan.Method} /{plan.Id} (client {client.Plan.Number}, its {index + 1}. request, {plan.Bytes} bytes{(plan.Chunked ? " chunked" : "")}), attempts [{string.Join("; ", Attempts)}], {Exchange}";
}

/// <summary>One time that a server has seen a request.</summary>
internal sealed class Attempt(AskedRequest request, int number, ReplyPlan plan, int server, long now)
{
    public AskedRequest Request => request;

    /// <summary>From 1.</summary>
    public int Number => number;
    public ReplyPlan Plan => plan;

    public long At => now;

    /// <summary>When the server last took or gave a byte, as the gateway can know it.</summary>
    public long LastProgress { get; private set; }

    /// <summary>When it did so in an earlier millisecond than in the last.</summary>
    public long ProgressBefore { get; private set; }

    public bool SaidHead { get; set; }

    /// <summary>Behind how many bytes the rest of a reply was asked for; none: all of it was.</summary>
    public int? RestFrom { get; set; }

    /// <summary>Under which tag the rest was asked for.</summary>
    public string? RestTag { get; set; }

    /// <summary>Whether what it gives is the rest that was asked for.</summary>
    public bool GivesRest { get; set; }

    /// <summary>What its content follows from, beside the request and the place.</summary>
    public int Content => plan.Version == 0 ? number : Pattern.OfVersion + plan.Version;

    /// <summary>Whether its reply could be gone on with by another server if it broke.</summary>
    public bool IsResumable => request.Plan is { Method: "GET", Bytes: 0 } && plan is { Version: > 0, Status: 200 }
        && !(request.Plan.TakesTrailers && plan is { Framing: ReplyFraming.Chunked, IsOld: false });

    /// <summary>Whether the server has given all of its reply away.</summary>
    public bool SaidWhole { get; set; }

    /// <summary>Why it cannot come to a whole reply.</summary>
    public Fault Failure { get; set; }

    /// <summary>The server takes or gives a byte.</summary>
    public void Progress(long at)
    {
        if (at == LastProgress) return;
        (ProgressBefore, LastProgress) = (LastProgress, at);
    }

    public override string ToString() =>
        $"{number} at server {server} at {At}: {plan.Status} {plan.Framing} {plan.Bytes} bytes{(plan.Version > 0 ? $" v{plan.Version}" : "")}{(RestFrom is { } from ? $" from {from} ({plan.ToRest})" : "")}{(plan.Fault == Fault.None ? "" : $", {plan.Fault} {plan.Phase} {plan.Share}‰ gap {plan.Gap}")}," +
        $" failed by {Failure}, head {SaidHead}, whole {SaidWhole}, last byte at {LastProgress}";
}

/// <summary>An exchange as the queue sees it.</summary>
internal sealed class ExchangeRecord(long id, AskedRequest request, long now)
{
    public long Id => id;
    public AskedRequest Request => request;
    public long FirstAsked { get; } = now;

    /// <summary>When its present or last ticket was given in.</summary>
    public long AskedAt { get; set; } = now;

    /// <summary>Whether a ticket waits.</summary>
    public bool IsWaiting { get; set; }

    /// <summary>Whether the queue has refused it.</summary>
    public bool IsRefused { get; set; }

    /// <summary>When the queue last heard or said something of it.</summary>
    public long LastChange { get; set; } = now;

    public List<GrantRecord> Grants { get; } = [];

    /// <summary>When its last ticket became a grant or was withdrawn.</summary>
    public long WaitedUntil { get; set; }

    /// <summary>From its first ticket to the end of its last wait.</summary>
    public long LongestWait => WaitedUntil - FirstAsked;

    /// <summary>Whether it waits for a server or has one.</summary>
    public bool IsOpen => IsWaiting || OpenGrant is not null;

    /// <summary>The grant that is out, the last if there are two; none: none is.</summary>
    public GrantRecord? OpenGrant => Grants.FindLast(grant => grant.IsOpen);

    public override string ToString() => $"exchange {id} asked at {FirstAsked}, waiting {IsWaiting}, refused {IsRefused}, grants [{string.Join("; ", Grants)}]";
}

/// <summary>What explains that a grant came to no reply.</summary>
internal enum Cause : byte
{
    Unknown,

    /// <summary>No connection to the server was there: it cannot have seen a byte.</summary>
    Dial,

    /// <summary>The server failed when it may have seen something.</summary>
    Server,

    /// <summary>The store failed.</summary>
    Store,

    /// <summary>A time ran out.</summary>
    Time,

    /// <summary>Another server had said the head of its reply first.</summary>
    Overtaken,
}

/// <summary>One grant.</summary>
internal sealed class GrantRecord(ExchangeRecord exchange, SimulatedServer server, long now)
{
    public ExchangeRecord Exchange => exchange;
    public SimulatedServer Server => server;
    public long At => now;

    /// <summary>What the server has seen of it.</summary>
    public Attempt? Attempt { get; set; }
    public bool IsOpen { get; set; } = true;
    public GrantOutcome Outcome { get; set; }
    public Cause Cause { get; set; }

    public override string ToString() => $"server {server.Plan.Number} at {now}: {(IsOpen ? "open" : $"{Outcome}, {Cause}")}";
}
