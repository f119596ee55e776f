using System.Text.Json.Serialization;
using Cmi.Testing;

namespace Cmi.Simulation.Plans;

/// <summary>The settings of the gateway, of the network and of the store in one run: what the oracle may hold the gateway to.</summary>
internal sealed record Terms
{
    public int Loops { get; init; } = 1;

    /// <summary>Bytes that each direction of a connection holds on its way.</summary>
    public int Capacity { get; init; } = 64 * 1024;
    public int MaxReceive { get; init; } = int.MaxValue;
    public int MaxSend { get; init; } = int.MaxValue;
    public bool RandomFragments { get; init; }
    public bool OneFragmentPerTurn { get; init; }
    public bool SendsLate { get; init; }

    public ServerSelection Selection { get; init; }
    public int MaxRequests { get; init; }
    public int? MaxServerConnections { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]             // 0 is not its default
    public int MaxIdle { get; init; } = 256;

    public int Attempts { get; init; } = 3;

    /// <summary>Whether attempts beyond the first may be refused since others were made; else there is always one left.</summary>
    public bool HasTightBudget { get; init; }

    public CommitMode ReplyCommit { get; init; }
    public CommitMode RequestCommit { get; init; }
    public int HoldBytes { get; init; }
    public CloseTrust TrustClose { get; init; }
    public bool AlwaysStore { get; init; }
    public bool Resume { get; init; }

    /// <summary>After how many milliseconds a second server is asked; 0: never.</summary>
    public int HedgeAfter { get; init; }

    public int MaxPipelined { get; init; } = 64;

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]             // 0 is not its default
    public int MaxPipelinedBytes { get; init; } = 1 << 20;

    public Distribution Distribute { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]             // 0 is not its default
    public int MaxQueued { get; init; } = 10_000;

    public int MaxClients { get; init; }

    /// <summary>What the store is made of, the fastest first.</summary>
    public IReadOnlyList<TierPlan> Tiers { get; init; } = [new()];

    /// <summary>How many of a thousand calls of the store come to nothing.</summary>
    public int StoreFailures { get; init; }

    /// <summary>How many of a thousand calls of the store take their time.</summary>
    public int StoreDelays { get; init; }

    /// <summary>When the gateway is told to stop, in milliseconds; 0: when all clients are through.</summary>
    public long DrainAt { get; init; }

    /// <summary>The changes of settings while it runs, in order of time.</summary>
    public IReadOnlyList<Swap> Swaps { get; init; } = [];

    // Long enough for what is slow and not too slow, short enough that a run meets each of them.
    public const int ClientHead = 10_000, ClientContent = 6000, ClientIdle = 20_000, ClientSend = 8000;
    public const int ServerConnect = 1000, ServerHead = 5000, ServerContent = 4000, ServerIdle = 7000;
    public const int Queue = 9000, Exchange = 25_000, HoldTime = 3000, Drain = 12_000;

    /// <summary>The longest that anything may last in which something still happens at times.</summary>
    public const long Patience = 3_600_000;

    public bool HasStoreFaults => StoreFailures > 0;

    /// <summary>What they are after a change.</summary>
    public Terms After(Swap swap) => this with { ReplyCommit = swap.ReplyCommit, Attempts = swap.Attempts };

    public InMemoryOptions ToTransport(int seed) => new()
    {
        Seed = seed,
        LoopCount = Loops,
        Capacity = Capacity,
        MaxReceive = MaxReceive,
        MaxSend = MaxSend,
        RandomFragments = RandomFragments,
        OneFragmentPerTurn = OneFragmentPerTurn,
        SendsLate = SendsLate,
    };

    public CmiOptions ToOptions(IEnumerable<ServerAddress> servers)
    {
        var options = new CmiOptions();
        options.Listen("http://127.0.0.1:8080");
        foreach (var server in servers) options.AddServer(server.ToString());
        (options.Servers.Selection, options.Servers.MaxRequests, options.Servers.MaxConnections) = (Selection, MaxRequests, MaxServerConnections);
        options.Servers.MaxIdleConnections = MaxIdle;
        (options.Retry.Attempts, options.Retry.HedgeAfter) = (Attempts, Ms(HedgeAfter));
        if (!HasTightBudget) options.Retry.BudgetMinimumPerSecond = 1_000_000;
        (options.Reply.Commit, options.Reply.HoldBytes, options.Reply.HoldTime, options.Reply.TrustClose) = (ReplyCommit, HoldBytes, Ms(HoldTime), TrustClose);
        (options.Request.Commit, options.Request.HoldBytes, options.Request.HoldTime) = (RequestCommit, HoldBytes, Ms(HoldTime));
        options.Reply.Resume = Resume;
        options.Buffers.Always = AlwaysStore;
        (options.Limits.MaxPipelinedRequests, options.Limits.MaxPipelinedBytes) = (MaxPipelined, MaxPipelinedBytes);
        (options.Limits.MaxQueuedRequests, options.Limits.MaxConnections) = (MaxQueued, MaxClients);
        options.Pipelining.Distribute = Distribute;
        var timeouts = options.Timeouts;
        (timeouts.ClientHead, timeouts.ClientContent, timeouts.ClientIdle, timeouts.ClientSend) = (Ms(ClientHead), Ms(ClientContent), Ms(ClientIdle), Ms(ClientSend));
        (timeouts.ServerConnect, timeouts.ServerHead, timeouts.ServerContent, timeouts.ServerIdle) = (Ms(ServerConnect), Ms(ServerHead), Ms(ServerContent), Ms(ServerIdle));
        (timeouts.Queue, timeouts.Exchange, timeouts.Drain) = (Ms(Queue), Ms(Exchange), Ms(Drain));
        return options;
    }

    private static TimeSpan Ms(int milliseconds) => TimeSpan.FromMilliseconds(milliseconds);
}
