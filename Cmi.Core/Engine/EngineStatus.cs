using System.Reflection;
using Cmi.Engine;
using Cmi.Telemetry;

namespace Cmi;

/// <summary>What an engine is doing.</summary>
public enum EngineState : byte
{
    /// <summary>It was not started.</summary>
    New,

    /// <summary>Clients can connect.</summary>
    Listening,

    /// <summary>Clients can still connect, but are to go elsewhere: <see cref="TimeoutOptions.DrainDelay"/>.</summary>
    Leaving,

    /// <summary>No client is accepted any more; what has begun is finished.</summary>
    Draining,

    /// <summary>Nothing is left.</summary>
    Stopped,
}

/// <summary>How an engine is at a moment. <para>Threading: immutable.</para></summary>
public sealed record EngineStatus
{
    private static readonly string AssemblyVersion =
        typeof(EngineStatus).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";

    /// <summary>The version of the library.</summary>
    public required string Version { get; init; }

    /// <summary>What it is doing.</summary>
    public required EngineState State { get; init; }

    /// <summary>Since it listens; <see langword="null"/>: it was not started.</summary>
    public required DateTimeOffset? StartedAt { get; init; }

    /// <summary>Where clients connect.</summary>
    public required IReadOnlyList<ListenAddress> Endpoints { get; init; }

    /// <summary>What it has counted since its start.</summary>
    public required EngineStatistics Statistics { get; init; }

    /// <summary>Its loops, in the order of the transport.</summary>
    public required IReadOnlyList<LoopStatus> Loops { get; init; }

    /// <summary>Its server groups.</summary>
    public required IReadOnlyList<GroupStatus> Groups { get; init; }

    /// <summary>The tiers of the buffer store, the fastest first; empty if the store does not tell.</summary>
    public required IReadOnlyList<BufferTierUsage> Buffers { get; init; }

    internal static EngineStatus Of(CmiEngine engine, EngineState state, DateTimeOffset startedAt)
    {
        var servers = engine.Servers().ToDictionary(server => server.Server, server => server.Counters);
        return new()
        {
            Version = AssemblyVersion,
            State = state,
            StartedAt = state == EngineState.New ? null : startedAt,
            Endpoints = engine.Endpoints,
            Statistics = engine.GetStatistics(),
            Loops = [.. engine.Loops.Select(loop => new LoopStatus(loop.Counters.Clients, loop.Counters.Active.Sum(), loop.Loop.TimersSet, loop.Memory.BlocksOut))],
            Groups = [.. engine.Configuration.Groups.Select(group => new GroupStatus(group.Name, group.Queue.Waiting,
                [.. group.Health.Describe().Select(health => ServerOf(engine, health, servers.GetValueOrDefault(health.Server, [])))]))],
            Buffers = (engine.Buffers as IMeasuredBufferStore)?.GetUsage() ?? [],
        };
    }

    private static ServerStatus ServerOf(CmiEngine engine, ServerHealth health, ServerCounters[] counters) => new()
    {
        Address = health.Server,
        Health = health,
        ActiveRequests = counters.Sum(c => Volatile.Read(ref c.Active)),
        Grants = counters.Sum(c => Volatile.Read(ref c.Attempts)),
        Failures = counters.Sum(c => c.Failures.Sum()),
        Retries = counters.Sum(c => c.Retries.Sum()),
        RepliesCut = counters.Sum(c => Volatile.Read(ref c.RepliesCut)),
        RepliesResumed = counters.Sum(c => Volatile.Read(ref c.RepliesResumed)),
        Hedges = counters.Sum(c => Volatile.Read(ref c.Hedges)),
        HedgesWon = counters.Sum(c => Volatile.Read(ref c.HedgesWon)),
        OpenConnections = engine.OpenConnections(health.Server),
        IdleConnections = counters.Sum(c => Volatile.Read(ref c.Idle)),
    };
}

/// <summary>How a loop is at a moment. <para>Threading: immutable.</para></summary>
/// <param name="Clients">Client connections that are open.</param>
/// <param name="ActiveRequests">Requests whose reply has not left yet.</param>
/// <param name="TimersSet">Timers that are set: one for each client, and a few of the loop's own.</param>
/// <param name="BlocksOut">Pieces of the loop's memory, of 4 KiB and more, that hold incomplete heads and bytes which a connection has not taken.</param>
public sealed record LoopStatus(long Clients, long ActiveRequests, int TimersSet, int BlocksOut);

/// <summary>How a server group is at a moment. <para>Threading: immutable.</para></summary>
/// <param name="Name">Its name.</param>
/// <param name="Waiting">Requests that wait for a grant.</param>
/// <param name="Servers">Its servers.</param>
public sealed record GroupStatus(string Name, int Waiting, IReadOnlyList<ServerStatus> Servers);

/// <summary>How a server is at a moment, over all loops and all groups that it is in. <para>Threading: immutable.</para></summary>
public sealed record ServerStatus
{
    /// <summary>Where it is.</summary>
    public required ServerAddress Address { get; init; }

    /// <summary>What its group knows of its health.</summary>
    public ServerHealth Health { get; init; }

    /// <summary>Attempts that have not ended.</summary>
    public long ActiveRequests { get; init; }

    /// <summary>Attempts since the start.</summary>
    public long Grants { get; init; }

    /// <summary>Attempts that failed.</summary>
    public long Failures { get; init; }

    /// <summary>Failed attempts that others followed.</summary>
    public long Retries { get; init; }

    /// <summary>Replies that failed after their first byte had left.</summary>
    public long RepliesCut { get; init; }

    /// <summary>Times that it went on with a reply which had failed after its first byte had left.</summary>
    public long RepliesResumed { get; init; }

    /// <summary>Second attempts, at other servers, beside one whose reply was late here.</summary>
    public long Hedges { get; init; }

    /// <summary>Those of them that came to a reply first.</summary>
    public long HedgesWon { get; init; }

    /// <summary>Connections that are open or being dialled.</summary>
    public int OpenConnections { get; init; }

    /// <summary>Those of them that are idle.</summary>
    public long IdleConnections { get; init; }
}
