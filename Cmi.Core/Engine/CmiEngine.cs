using System.Diagnostics.Metrics;
using Cmi.Engine;
using Cmi.Health;
using Cmi.Queues;
using Cmi.Servers;
using Cmi.Telemetry;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging;

namespace Cmi;

/// <summary>
/// The engine: it stands between clients and servers on the loops of a transport, with content in a buffer store and requests in a job queue. Hosts get one from
/// <c>AddCmi</c>; it can also be made by hand from its parts.
/// <para>Threading: any thread.</para>
/// </summary>
public sealed partial class CmiEngine : IAsyncDisposable
{
    private readonly LoopState[] _loops = [];                       // the meter may be asked before they are there
    private readonly ListenAddress[] _wanted;
    private readonly Lock _gate = new();
    private IListener[] _listeners = [];
    private volatile EngineState _state = EngineState.New;
    private DateTimeOffset _startedAt;
    private int _clients;
    private bool _paused;
    private long _lastExchangeId;
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _hurried = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task? _stopping;

    /// <summary>Makes an engine; it does nothing before <see cref="StartAsync"/>.</summary>
    /// <param name="options">The settings; <see cref="Apply"/> takes others.</param>
    /// <param name="connections">The transport; the engine does not dispose it.</param>
    /// <param name="buffers">The buffer store; the engine does not dispose it.</param>
    /// <param name="queue">Makes the queue of a server group, which the engine disposes; by default a <see cref="JobQueue"/>.</param>
    /// <param name="logger">The log.</param>
    /// <param name="meters">Makes the meter <c>Cmi</c>; by default the engine makes its own.</param>
    /// <param name="accessLog">Takes one record for each exchange, in the place of <see cref="CmiOptions.AccessLog"/>; the engine does not dispose it.</param>
    /// <exception cref="ArgumentException">The options have faults; it says all of them.</exception>
    public CmiEngine(CmiOptions options, IConnectionManager connections, IBufferStore buffers, Func<ServerGroup, IJobQueue>? queue = null, ILogger<CmiEngine>? logger = null,
        IMeterFactory? meters = null, IAccessLog? accessLog = null)
        : this(options, connections, buffers, queue, logger, meters, accessLog, isTraced: true)
    {
    }

    private CmiEngine(CmiOptions options, IConnectionManager connections, IBufferStore buffers, Func<ServerGroup, IJobQueue>? queue, ILogger<CmiEngine>? logger,
        IMeterFactory? meters, IAccessLog? accessLog, bool isTraced)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(connections);
        ArgumentNullException.ThrowIfNull(buffers);
        (Connections, Buffers, Logger) = (connections, buffers, logger ?? NullLogger<CmiEngine>.Instance);
        if (CmiSettings.Faults(options) is { Count: > 0 } faults) throw new ArgumentException(string.Join(' ', faults), nameof(options));
        _wanted = EndpointsOf(options);
        _groups = new(queue, this);
        _configuration = new(options, _groups.Change(options, []));
        Telemetry = new(this, options.AccessLog, meters, accessLog, isTraced, Logger);
        _loops = [.. connections.Loops.Select((loop, i) => new LoopState(this, loop, _configuration, _groups.SlotsOf, Reclaim) { Index = i })];
    }

    /// <summary>Makes an engine that logs and traces nothing, with meters of its own.</summary>
    internal static CmiEngine Unheard(CmiOptions options, IConnectionManager connections, IBufferStore buffers, IMeterFactory meters) =>
        new(options, connections, buffers, queue: null, logger: null, meters, accessLog: null, isTraced: false);

    /// <summary>Where clients connect, with the ports that were picked; empty before the start.</summary>
    public IReadOnlyList<ListenAddress> Endpoints => [.. _listeners.Select(listener => listener.Address)];

    internal IConnectionManager Connections { get; }
    internal IBufferStore Buffers { get; }
    internal ILogger Logger { get; }
    internal EngineTelemetry Telemetry { get; }
    internal int Clients => Volatile.Read(ref _clients);
    internal long AccessLogDropped => Telemetry.AccessLogDropped;
    internal RoomArbiter Arbiter { get; } = new();

    /// <summary>Whether no client is accepted any more.</summary>
    internal bool IsDraining => _state >= EngineState.Draining;

    /// <summary>Whether clients are to go elsewhere with their next request.</summary>
    internal bool IsLeaving => _state >= EngineState.Leaving;

    internal IReadOnlyList<LoopState> Loops => _loops;

    /// <summary>Our name in the Via field (RFC 9110 §7.6.3).</summary>
    internal static ReadOnlySpan<byte> Pseudonym => "cmi"u8;

    /// <summary>Counts since the start, over all loops; each is exact, but they are not of one moment.</summary>
    /// <returns>The counts.</returns>
    public EngineStatistics GetStatistics() => new()
    {
        Clients = Volatile.Read(ref _clients),
        Requests = _loops.Sum(loop => Volatile.Read(ref loop.Counters.Requests)),
        RepliesDirect = _loops.Sum(loop => Volatile.Read(ref loop.Counters.RepliesDirect)),
        RepliesStored = _loops.Sum(loop => Volatile.Read(ref loop.Counters.RepliesStored)),
        RepliesSpilled = _loops.Sum(loop => Volatile.Read(ref loop.Counters.RepliesSpilled)),
        OwnReplies = _loops.Sum(loop => Volatile.Read(ref loop.Counters.OwnReplies)),
        RepliesCut = _loops.Sum(loop => Volatile.Read(ref loop.Counters.RepliesCut)),
        RepliesResumed = _loops.Sum(loop => Volatile.Read(ref loop.Counters.RepliesResumed)),
        Hedges = _loops.Sum(loop => Volatile.Read(ref loop.Counters.Hedges)),
        HedgesWon = _loops.Sum(loop => Volatile.Read(ref loop.Counters.HedgesWon)),
        Retries = _loops.Sum(loop => Volatile.Read(ref loop.Counters.Retries)),
        Changes = Volatile.Read(ref _changes),
        RefusedChanges = Volatile.Read(ref _refusedChanges),
    };

    /// <summary>What is known of the health of the servers of a group.</summary>
    /// <param name="group">Its name.</param>
    /// <returns>One for each server, in their order.</returns>
    /// <exception cref="ArgumentException">There is no such group.</exception>
    public IReadOnlyList<ServerHealth> GetServerHealth(string group) => HealthOf(group).Describe();

    /// <summary>Takes a server out of use, or back into use, without a change of settings. Requests in flight finish.</summary>
    /// <param name="group">The name of its group.</param>
    /// <param name="server">The server.</param>
    /// <param name="state">What is wanted.</param>
    /// <exception cref="ArgumentException">There is no such group, or no such server in it.</exception>
    public void SetServerState(string group, ServerAddress server, ServerState state)
    {
        ArgumentNullException.ThrowIfNull(server);
        if (!Enum.IsDefined(state)) throw new ArgumentOutOfRangeException(nameof(state));
        if (!HealthOf(group).TrySetState(server, state)) throw new ArgumentException($"The group {group} has no server {server}.", nameof(server));
    }

    /// <summary>Tells how it is now; its numbers are each exact, but not of one moment.</summary>
    /// <returns>The state, the loops, the server groups and the tiers of the buffer store.</returns>
    public EngineStatus GetStatus() => EngineStatus.Of(this, _state, _startedAt);

    /// <summary>Sees whether the loops turn: each is given something to do, and must have done it in time.</summary>
    /// <param name="within">How long a loop may take.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The numbers of the loops that did not, from 0; empty: all turn.</returns>
    public async Task<IReadOnlyList<int>> FindStuckLoopsAsync(TimeSpan within, CancellationToken cancellationToken = default)
    {
        var answers = _loops.Select(state => OnLoop(state, static _ => { })).ToArray();
        try
        {
            await Task.WhenAll(answers).WaitAsync(within, cancellationToken);
        }
        catch (TimeoutException)
        {
            // Told by the answers that are not there.
        }
        return [.. Enumerable.Range(0, answers.Length).Where(loop => !answers[loop].IsCompletedSuccessfully)];
    }

    /// <summary>Begins to listen. If one endpoint cannot be had, none is kept.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Done when clients can connect.</returns>
    /// <exception cref="IOException">An address is in use, or not of this machine.</exception>
    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        if (_state != EngineState.New) throw new InvalidOperationException("The engine was started before.");
        var listeners = new List<IListener>();
        Telemetry.Start();
        try
        {
            foreach (var at in _wanted) listeners.Add(await Connections.ListenAsync(at, Accept, cancellationToken));
        }
        catch
        {
            foreach (var listener in listeners) await listener.DisposeAsync();
            throw;
        }
        _listeners = [.. listeners];
        _startedAt = _loops[0].Loop.Time.GetUtcNow();
        _state = EngineState.Listening;
        lock (_changing) _groups.Watch();
        foreach (var listener in _listeners) Logger.Listening(listener.Address);
    }

    /// <summary>
    /// Keeps accepting for <see cref="TimeoutOptions.DrainDelay"/>, then stops that, lets requests whose head has arrived finish for
    /// <see cref="TimeoutOptions.Drain"/>, then cuts what is left.
    /// </summary>
    /// <param name="cancellationToken">Cuts at once.</param>
    /// <returns>Done when nothing is left.</returns>
    public Task StopAsync(CancellationToken cancellationToken = default)
    {
        // An impatient second call shortens the drain of the first.
        var impatience = cancellationToken.UnsafeRegister(static engine => ((CmiEngine)engine!).Hurry(), this);
        Task stopping;
        lock (_gate) stopping = _stopping ??= DrainAsync();
        return Finish(stopping, impatience);
    }

    /// <summary>Stops at once, cutting what has not finished, unless <see cref="StopAsync"/> did before.</summary>
    /// <returns>Done when nothing is left.</returns>
    public async ValueTask DisposeAsync() => await StopAsync(new CancellationToken(canceled: true));

    internal long NextExchangeId() => Interlocked.Increment(ref _lastExchangeId);

    /// <summary>Counts a client in or out; at the bound accepting pauses.</summary>
    internal void ClientCameOrLeft(int change)
    {
        var clients = Interlocked.Add(ref _clients, change);
        if (_configuration.Settings.MaxConnections is var most and > 0 && clients >= most - 1) PauseOrResume();
        if (clients == 0 && IsDraining) _drained.TrySetResult();
    }

    private void PauseOrResume()
    {
        lock (_gate)
        {
            var full = _configuration.Settings.MaxConnections is var most and > 0 && Volatile.Read(ref _clients) >= most;
            if (full == _paused) return;
            _paused = full;
            foreach (var listener in _listeners)
            {
                if (full) listener.Pause();
                else listener.Resume();
            }
        }
    }

    private GroupHealth HealthOf(string group) => _configuration.Find(group)?.Health
        ?? throw new ArgumentException($"There is no server group {group}.", nameof(group));

    private void Accept(IConnection connection) => Of(connection.Loop).Accept(connection);

    private LoopState Of(ILoop loop)
    {
        foreach (var state in _loops)
        {
            if (ReferenceEquals(state.Loop, loop)) return state;
        }
        throw new InvalidOperationException("The connection belongs to a loop that its connection manager does not name.");
    }

    /// <summary>Connections to a server that are open or being dialled, over all loops.</summary>
    internal int OpenConnections(ServerAddress server) => _groups.OpenConnections(server);

    /// <summary>What each loop has counted of each server that was asked.</summary>
    internal IEnumerable<(ServerAddress Server, ServerCounters[] Counters)> Servers() => _loops
        .SelectMany(loop => loop.Pool.Counters).GroupBy(entry => entry.Key, (server, entries) => (server, entries.Select(entry => entry.Value).ToArray()));

    internal void DropIdle(ServerAddress server)
    {
        foreach (var state in _loops) state.Loop.Post(_ => state.Pool.DropAll(server), null);
    }

    internal void Reclaim(ServerAddress server)
    {
        foreach (var state in _loops) state.Loop.Post(_ => state.Pool.Reclaim(server), null);
    }

    private void Hurry()
    {
        _hurried.TrySetResult();
        _drained.TrySetResult();
    }

    private static async Task Finish(Task stopping, CancellationTokenRegistration impatience)
    {
        await using (impatience) await stopping;
    }

    private async Task DrainAsync()
    {
        var (ran, settings) = (_state == EngineState.Listening, _configuration.Settings);
        if (ran) _state = EngineState.Leaving;
        if (ran && settings.DrainDelay > 0)
        {
            Logger.Leaving(settings.DrainDelay / 1000.0);
            await TimeOrImpatienceAsync(settings.DrainDelay, _hurried);
        }
        foreach (var listener in _listeners) await listener.DisposeAsync();
        // A turn for each loop: whoever was accepted, and whatever had arrived before this, is known to its loop when the drain begins there.
        foreach (var state in _loops) await OnLoop(state, static _ => { });
        _state = EngineState.Draining;
        if (ran) Logger.Draining(Clients);
        if (Clients == 0) _drained.TrySetResult();
        foreach (var state in _loops) await OnLoop(state, static state => state.Drain());
        await TimeOrImpatienceAsync(settings.Drain, _drained);
        var cut = 0;
        foreach (var state in _loops) await OnLoop(state, state => cut += state.Cut());
        if (cut > 0) Logger.DrainCut(cut);
        var queues = EndChanges();
        _groups.StopWatching();
        await OnLoop(_loops[0], static _ => { });                   // behind what that has posted
        foreach (var queue in queues) await queue.DisposeAsync();
        await Telemetry.DisposeAsync();
        _state = EngineState.Stopped;
        if (ran) Logger.Stopped();
    }

    /// <summary>Waits for a time by the clock of the loops, or until something ends it before.</summary>
    private async Task TimeOrImpatienceAsync(long milliseconds, TaskCompletionSource ended)
    {
        var timer = new LoopTimer(_ => ended.TrySetResult(), null);
        await OnLoop(_loops[0], state => state.Loop.SetTimer(timer, state.Loop.Now + milliseconds));
        await ended.Task;
        await OnLoop(_loops[0], state => state.Loop.ClearTimer(timer));
    }

    private static async Task OnLoop(LoopState state, Action<LoopState> work)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        state.Loop.Post(_ =>
        {
            try
            {
                work(state);
                done.SetResult();
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        }, null);
        await done.Task;
    }
}
