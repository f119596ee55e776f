using NUnit.Framework;

namespace Cmi.Testing.Contracts;

/// <summary>
/// What every <see cref="IConnectionManager"/> must do. A transport's tests inherit it:
/// <code>
/// public sealed class MyTransportContract : ConnectionManagerContract
/// {
///     protected override ValueTask&lt;IConnectionManager&gt; CreateManagerAsync() =&gt; new(new MyTransport());
/// }
/// </code>
/// <para>
/// Everything happens through <see cref="ILoop.Post"/>, and every wait is bounded (<see cref="Crank"/>): loops with threads need no more than the above;
/// loops that are cranked by hand override <see cref="Crank"/>. The manager connects to itself.
/// </para>
/// <para>Threading: that of the test framework; one test at a time for each instance.</para>
/// </summary>
public abstract partial class ConnectionManagerContract
{
    private readonly List<ConnectionProbe> _probes = [];
    private IConnectionManager _manager = null!;

    /// <summary>Makes a manager, whose loops run; the contract disposes it.</summary>
    /// <returns>The manager.</returns>
    protected abstract ValueTask<IConnectionManager> CreateManagerAsync();

    /// <summary>Where to listen, with port 0 or else free for each test.</summary>
    protected virtual ListenAddress AnyAddress => new(AddressKind.Tcp, "127.0.0.1", 0);

    /// <summary>A server that never answers a connect; <see langword="null"/> (the default) where there is none to be had.</summary>
    /// <param name="manager">The manager.</param>
    /// <returns>Its address.</returns>
    protected virtual ServerAddress? SilentServer(IConnectionManager manager) => null;

    /// <summary>Whether a peer can tell an abort from a clean end; <see langword="false"/> only where the system has no such thing (Unix domain sockets).</summary>
    protected virtual bool AbortIsVisible => true;

    /// <summary>Waits for a task while the loops run: 10 s at most by default. Where loops are cranked by hand, crank them here.</summary>
    /// <param name="until">The task.</param>
    /// <returns>A task that completes as <paramref name="until"/> does, or fails if that takes too long.</returns>
    protected virtual Task Crank(Task until) => until.WaitAsync(TimeSpan.FromSeconds(10));

    /// <summary>Called after each test when the manager was disposed: the place to look for connections that it has not let go of.</summary>
    protected virtual void AssertNothingIsLeft()
    {
    }

    /// <summary>Makes the manager.</summary>
    [SetUp]
    public async Task SetUpManager()
    {
        _probes.Clear();
        _manager = await CreateManagerAsync();
    }

    /// <summary>Disposes the manager; no connection may have been told anything against the contract.</summary>
    [TearDown]
    public async Task TearDownManager()
    {
        foreach (var probe in _probes.ToArray()) await OnLoop(probe.Connection.Loop, () => probe.Abort());
        await Crank(_manager.DisposeAsync().AsTask());
        Assert.That(_probes.SelectMany(p => p.Faults), Is.Empty);
        AssertNothingIsLeft();
    }

    private static ServerAddress ServerAt(IListener listener) => new(listener.Address.Kind, listener.Address.Host, listener.Address.Port);

    private async Task<T> OnLoop<T>(ILoop loop, Func<ValueTask<T>> work)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        loop.Post(_ => Forward(work, done), null);
        await Crank(done.Task);
        return await done.Task;
    }

    private async Task OnLoop(ILoop loop, Action work) => await OnLoop(loop, () =>
    {
        work();
        return new ValueTask<int>(0);
    });

    private Task<T> OnLoop<T>(ILoop loop, Func<T> work) => OnLoop(loop, () => new ValueTask<T>(work()));

    /// <summary>Waits until a condition holds for a connection.</summary>
    private async Task Until(ConnectionProbe probe, Func<ConnectionProbe, bool> condition, string what)
    {
        var holds = await OnLoop(probe.Connection.Loop, () => probe.Until(condition));
        try
        {
            await Crank(holds);
        }
        catch (TimeoutException)
        {
            Assert.Fail($"Waited in vain until {what}. {Describe(probe)}");
        }
    }

    private static string Describe(ConnectionProbe probe) =>
        $"It sent {probe.Sent} of {probe.ToSend} bytes, received {probe.Received}, was told {probe.Told} times; ended: {probe.Ended}, failed: {probe.Failed}. {string.Join("; ", probe.Faults)}";

    private async Task<(IListener Listener, Task<ConnectionProbe> Accepted)> Listen(bool echoing = false, bool reading = true, bool owned = true)
    {
        var accepted = new TaskCompletionSource<ConnectionProbe>(TaskCreationOptions.RunContinuationsAsynchronously);
        var listener = await Await(_manager.ListenAsync(AnyAddress, connection =>
        {
            var probe = new ConnectionProbe(connection) { Echoing = echoing, Reading = reading };
            lock (_probes) _probes.Add(probe);
            if (owned) probe.Start();
            accepted.TrySetResult(probe);
        }, CancellationToken.None));
        return (listener, accepted.Task);
    }

    private Task<ConnectionProbe> Connect(ServerAddress server, bool reading = true, ILoop? on = null)
    {
        var loop = on ?? _manager.Loops[0];
        return OnLoop(loop, async () =>
        {
            var probe = new ConnectionProbe(await _manager.ConnectAsync(server, loop, CancellationToken.None)) { Reading = reading };
            lock (_probes) _probes.Add(probe);
            return probe.Start();
        });
    }

    private async Task<(ConnectionProbe Client, ConnectionProbe Server)> Pair(bool echoing = false, bool serverReads = true, bool serverOwned = true)
    {
        var (listener, accepted) = await Listen(echoing, serverReads, serverOwned);
        var client = await Connect(ServerAt(listener));
        return (client, await Await(accepted));
    }

    private async Task<T> Await<T>(Task<T> task)
    {
        await Crank(task);
        return await task;
    }

    private Task<T> Await<T>(ValueTask<T> task) => Await(task.AsTask());

    private static async void Forward<T>(Func<ValueTask<T>> work, TaskCompletionSource<T> done)
    {
        try
        {
            done.SetResult(await work());
        }
        catch (Exception e)
        {
            done.SetException(e);
        }
    }
}
