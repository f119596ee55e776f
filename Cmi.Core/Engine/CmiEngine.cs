using Cmi.Engine;
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
    private readonly LoopState[] _loops;
    private readonly ListenAddress[] _wanted;
    private readonly Lock _gate = new();
    private IListener[] _listeners = [];
    private volatile bool _draining;
    private int _clients;
    private bool _paused;
    private long _lastExchangeId;
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task? _stopping;

    /// <summary>Makes an engine; it does nothing before <see cref="StartAsync"/>.</summary>
    /// <param name="options">The settings; <see cref="Apply"/> takes others.</param>
    /// <param name="connections">The transport; the engine does not dispose it.</param>
    /// <param name="buffers">The buffer store; the engine does not dispose it.</param>
    /// <param name="queue">Makes the queue of a server group, which the engine disposes; by default a <see cref="JobQueue"/>.</param>
    /// <param name="logger">The log.</param>
    /// <exception cref="ArgumentException">The options have faults; it says all of them.</exception>
    public CmiEngine(CmiOptions options, IConnectionManager connections, IBufferStore buffers, Func<ServerGroup, IJobQueue>? queue = null, ILogger<CmiEngine>? logger = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(connections);
        ArgumentNullException.ThrowIfNull(buffers);
        (Connections, Buffers, Logger) = (connections, buffers, logger ?? NullLogger<CmiEngine>.Instance);
        if (CmiSettings.Faults(options) is { Count: > 0 } faults) throw new ArgumentException(string.Join(' ', faults), nameof(options));
        _wanted = EndpointsOf(options);
        _groups = new(queue);
        _configuration = new(options, _groups.Change(options, []));
        _loops = [.. connections.Loops.Select(loop => new LoopState(this, loop, _configuration, _groups.SlotsOf, Reclaim))];
    }

    /// <summary>Where clients connect, with the ports that were picked; empty before the start.</summary>
    public IReadOnlyList<ListenAddress> Endpoints => [.. _listeners.Select(listener => listener.Address)];

    internal IConnectionManager Connections { get; }
    internal IBufferStore Buffers { get; }
    internal ILogger Logger { get; }
    internal RoomArbiter Arbiter { get; } = new();
    internal bool IsDraining => _draining;
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
        OwnReplies = _loops.Sum(loop => Volatile.Read(ref loop.Counters.OwnReplies)),
        RepliesCut = _loops.Sum(loop => Volatile.Read(ref loop.Counters.RepliesCut)),
        Retries = _loops.Sum(loop => Volatile.Read(ref loop.Counters.Retries)),
        Changes = Volatile.Read(ref _changes),
        RefusedChanges = Volatile.Read(ref _refusedChanges),
    };

    /// <summary>Begins to listen. If one endpoint cannot be had, none is kept.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Done when clients can connect.</returns>
    /// <exception cref="IOException">An address is in use, or not of this machine.</exception>
    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        if (_listeners.Length > 0 || _draining) throw new InvalidOperationException("The engine was started before.");
        var listeners = new List<IListener>();
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
        foreach (var listener in _listeners) Logger.Listening(listener.Address);
    }

    /// <summary>Stops accepting, lets requests whose head has arrived finish for <see cref="TimeoutOptions.Drain"/>, then cuts what is left.</summary>
    /// <param name="cancellationToken">Cuts at once.</param>
    /// <returns>Done when nothing is left.</returns>
    public Task StopAsync(CancellationToken cancellationToken = default)
    {
        // An impatient second call shortens the drain of the first.
        var impatience = cancellationToken.UnsafeRegister(drained => ((TaskCompletionSource)drained!).TrySetResult(), _drained);
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
        if (clients == 0 && _draining) _drained.TrySetResult();
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

    private void Accept(IConnection connection) => Of(connection.Loop).Accept(connection);

    private LoopState Of(ILoop loop)
    {
        foreach (var state in _loops)
        {
            if (ReferenceEquals(state.Loop, loop)) return state;
        }
        throw new InvalidOperationException("The connection belongs to a loop that its connection manager does not name.");
    }

    private void Reclaim(ServerAddress server)
    {
        foreach (var state in _loops) state.Loop.Post(_ => state.Pool.Reclaim(server), null);
    }

    private static async Task Finish(Task stopping, CancellationTokenRegistration impatience)
    {
        await using (impatience) await stopping;
    }

    private async Task DrainAsync()
    {
        _draining = true;
        foreach (var listener in _listeners) await listener.DisposeAsync();
        var ran = _listeners.Length > 0;
        if (ran) Logger.Draining(Volatile.Read(ref _clients));
        if (Volatile.Read(ref _clients) == 0) _drained.TrySetResult();
        var timer = new LoopTimer(_ => _drained.TrySetResult(), null);
        await OnLoop(_loops[0], state => state.Loop.SetTimer(timer, state.Loop.Now + (long)_configuration.Settings.Drain.TotalMilliseconds));
        foreach (var state in _loops) await OnLoop(state, static state => state.Drain());
        await _drained.Task;
        await OnLoop(_loops[0], state => state.Loop.ClearTimer(timer));
        var cut = 0;
        foreach (var state in _loops) await OnLoop(state, state => cut += state.Cut());
        if (cut > 0) Logger.DrainCut(cut);
        foreach (var queue in EndChanges()) await queue.DisposeAsync();
        if (ran) Logger.Stopped();
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
