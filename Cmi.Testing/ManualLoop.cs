using Cmi.Loops;

namespace Cmi.Testing;

/// <summary>
/// A loop that turns only when a test cranks it, on the thread of the test.
/// <para>
/// What posted work, a timer or an owner of a connection throws comes out of the call that cranks, and fails the test; what was behind it runs when the
/// loop is cranked again.
/// </para>
/// <para>Threading: <see cref="Post"/> and <see cref="IsCurrent"/> any thread, so that a store may come back from real I/O; all else the test's.</para>
/// </summary>
public sealed class ManualLoop : ILoop
{
    // A turn hands connections over until none is left, since a new owner is told in the same turn. Owners that hand one connection to and fro for ever
    // go on in the next turn, where the limit of turns finds them.
    private const int MaxHandoversPerTurn = 10_000;

    private readonly ManualLoops _group;
    private readonly Mailbox _mailbox;
    private readonly TimerWheel _timers;
    private readonly LoopSynchronizationContext _context;
    private readonly Queue<InMemoryConnection> _ready = new();     // have gained readiness
    private readonly Queue<InMemoryConnection> _kept = new();      // have bytes that leave as the next turn begins
    private readonly Queue<InMemoryConnection> _handedOver = new(); // have an owner that is to be told in this turn

    /// <summary>Makes a loop that lives alone, with a time of its own.</summary>
    /// <param name="seed">What <see cref="Random"/> begins with.</param>
    public ManualLoop(int seed = 1) : this(null, seed)
    {
    }

    internal ManualLoop(ManualLoops? group, int seed)
    {
        _group = group ?? new ManualLoops(this);
        _mailbox = new(_group.Wake);
        _timers = new(_group.Time.Milliseconds);
        _context = new(this);
        Random = new Random(seed);
    }

    /// <summary>
    /// Whether this loop turns on the calling thread. While none of the loops that share a time turns, the thread of the test (that which made or last
    /// cranked them) counts as on every one of them, so that a test can call what belongs to a loop without a detour.
    /// </summary>
    public bool IsCurrent => _group.IsOn(this);

    /// <inheritdoc/>
    public TimeProvider Time => _group.Time;

    /// <inheritdoc/>
    public long Now => _group.Time.Milliseconds;

    /// <inheritdoc/>
    public Random Random { get; }

    /// <inheritdoc/>
    public int TimersSet => _timers.Count;

    /// <summary>How many pieces of posted work wait to be run.</summary>
    public int Posted => _mailbox.Count;

    /// <summary>How many turns it has made.</summary>
    public long Turns { get; private set; }

    internal long NextDue => _timers.NextDue;

    /// <inheritdoc/>
    public void Post(SendOrPostCallback work, object? state)
    {
        if (_group.IsTurning(this)) _mailbox.PostLocal(work, state);
        else _mailbox.Post(work, state);
    }

    /// <inheritdoc/>
    public void SetTimer(LoopTimer node, long due) => _timers.Set(node, due);

    /// <inheritdoc/>
    public void ClearTimer(LoopTimer node) => _timers.Clear(node);

    /// <inheritdoc cref="ManualLoops.RunUntilIdle"/>
    public void RunUntilIdle() => _group.RunUntilIdle();

    /// <inheritdoc cref="ManualLoops.Advance"/>
    public void Advance(TimeSpan by) => _group.Advance(by);

    /// <summary>Calls <paramref name="work"/> on this loop and turns until idle.</summary>
    /// <param name="work">What to call.</param>
    public void Run(Action work)
    {
        Post(static work => ((Action)work!)(), work);
        RunUntilIdle();
    }

    /// <summary>
    /// Calls <paramref name="work"/> on this loop and turns until it has completed, also where that needs real I/O that comes back through
    /// <see cref="Post"/>.
    /// </summary>
    /// <param name="work">What to call.</param>
    /// <param name="atMost">How long to wait in real time; 10 s by default.</param>
    /// <typeparam name="T">What it gives.</typeparam>
    /// <returns>What it gave.</returns>
    /// <exception cref="TimeoutException">It did not complete, and nothing more was posted.</exception>
    public T Wait<T>(Func<ValueTask<T>> work, TimeSpan? atMost = null)
    {
        ArgumentNullException.ThrowIfNull(work);
        var done = new TaskCompletionSource<T>();
        Post(_ => Forward(work, done), null);
        _group.RunUntil(done.Task, atMost ?? TimeSpan.FromSeconds(10));
        return done.Task.GetAwaiter().GetResult();
    }

    /// <inheritdoc cref="Wait{T}"/>
    public void Wait(Func<ValueTask> work, TimeSpan? atMost = null)
    {
        ArgumentNullException.ThrowIfNull(work);
        Wait(async () => { await work(); return 0; }, atMost);
    }

    /// <summary>One turn: what was kept in the one before, I/O events, due timers, the mailbox.</summary>
    /// <returns>Whether there was anything to do.</returns>
    internal bool Turn()
    {
        var before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(_context);
        try
        {
            Turns++;
            var done = _kept.Count;
            while (_kept.TryDequeue(out var connection)) connection.SendKept();
            for (var left = _ready.Count; left > 0; left--, done++) _ready.Dequeue().TellOwner(handedOver: false);
            done += _timers.Advance(Now);
            done += _mailbox.Drain(int.MaxValue);
            for (var left = MaxHandoversPerTurn; left > 0 && _handedOver.TryDequeue(out var connection); left--, done++) connection.TellOwner(handedOver: true);
            return done > 0;
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    internal void AddReady(InMemoryConnection connection) => _ready.Enqueue(connection);

    internal void AddKept(InMemoryConnection connection) => _kept.Enqueue(connection);

    internal void AddHandedOver(InMemoryConnection connection) => _handedOver.Enqueue(connection);

    private static async void Forward<T>(Func<ValueTask<T>> work, TaskCompletionSource<T> done)
    {
        try
        {
            done.SetResult(await work());
        }
        catch (OperationCanceledException e)
        {
            done.SetCanceled(e.CancellationToken);
        }
        catch (Exception e)
        {
            done.SetException(e);
        }
    }
}
