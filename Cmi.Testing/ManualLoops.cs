namespace Cmi.Testing;

/// <summary>
/// Loops that share one time and are turned in rounds, always in the same order, on the thread of the test. With the same seed and the same calls, the
/// same happens.
/// <para>Threading: the thread of the test.</para>
/// </summary>
public sealed class ManualLoops
{
    private readonly ManualLoop[] _loops;
    private readonly Queue<InMemoryPeer> _outside = new();
    private readonly object _gate = new();
    private bool _posted;                                          // by another thread: a store with real I/O
    private ManualLoop? _turning;
    private bool _cranking;
    private int _thread = Environment.CurrentManagedThreadId;

    /// <summary>Makes loops.</summary>
    /// <param name="count">How many; 1 or more.</param>
    /// <param name="seed">What their sources of chance follow from.</param>
    public ManualLoops(int count = 1, int seed = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        Time.IsOfLoops = true;
        _loops = [.. Enumerable.Range(0, count).Select(i => new ManualLoop(this, unchecked((seed * 1_000_003) + i)))];
    }

    internal ManualLoops(ManualLoop only)
    {
        Time.IsOfLoops = true;
        _loops = [only];
    }

    /// <summary>The loops.</summary>
    public IReadOnlyList<ManualLoop> All => _loops;

    /// <summary>The time that all of them live by.</summary>
    public ManualTime Time { get; } = new();

    /// <summary>How many rounds one call may take before it counts as a livelock.</summary>
    /// <value>1,000,000 by default.</value>
    public int TurnLimit { get; set; } = 1_000_000;

    /// <summary>How many timers are set on all loops; for leak checks.</summary>
    public int TimersSet => _loops.Sum(l => l.TimersSet);

    /// <summary>
    /// A time by which something on a loop is to be done, in milliseconds; never later than the first timer that is due. <see cref="long.MaxValue"/>: no timer is set.
    /// </summary>
    public long NextDue => _loops.Min(l => l.NextDue);

    /// <summary>
    /// One turn of one loop, and then of what lies outside of the loops: for a simulation that picks their order itself. Time stands still.
    /// </summary>
    /// <param name="loop">One of these loops.</param>
    /// <returns>Whether there was anything to do.</returns>
    /// <exception cref="InvalidOperationException">It is called from inside a turn.</exception>
    public bool Turn(ManualLoop loop)
    {
        ArgumentNullException.ThrowIfNull(loop);
        Enter();
        try
        {
            _turning = loop;
            var busy = loop.Turn();
            _turning = null;
            return TellOutside() | busy;
        }
        finally
        {
            _turning = null;
            _cranking = false;
        }
    }

    /// <summary>Moves time without turning a loop; what has become due happens in the next turns. Does nothing if that time has passed.</summary>
    /// <param name="milliseconds">The time, as <see cref="ILoop.Now"/> counts it.</param>
    public void MoveTo(long milliseconds) => Time.MoveTo(milliseconds * TimeSpan.TicksPerMillisecond);

    /// <summary>
    /// Turns all loops that share this time until none has posted work, readiness to tell or a timer that is due. Time stands still.
    /// </summary>
    /// <exception cref="InvalidOperationException">There is no end to it (a livelock), or it is called from inside a turn.</exception>
    public void RunUntilIdle()
    {
        Enter();
        try
        {
            for (var rounds = 0; Round(); rounds++)
            {
                if (rounds < TurnLimit) continue;
                throw new InvalidOperationException(
                    $"Not idle after {TurnLimit} turns at {Time.Milliseconds} ms: something posts itself, sets a timer that is due, or makes itself ready again and again. " +
                    $"Waiting now, by loop: {string.Join("; ", _loops.Select(l => $"{l.Posted} posted, {l.TimersSet} timers"))}.");
            }
        }
        finally
        {
            _turning = null;
            _cranking = false;
        }
    }

    /// <summary>Lets time pass, from one due timer to the next, and turns the loops until idle at each.</summary>
    /// <param name="by">How much time; not negative.</param>
    /// <exception cref="InvalidOperationException">As <see cref="RunUntilIdle"/>.</exception>
    public void Advance(TimeSpan by)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(by, TimeSpan.Zero);
        var end = Time.Ticks + by.Ticks;
        RunUntilIdle();
        for (;;)
        {
            var due = NextDue;
            if (due > end / TimeSpan.TicksPerMillisecond) break;
            Time.MoveTo(due * TimeSpan.TicksPerMillisecond);
            RunUntilIdle();
        }
        Time.MoveTo(end);
        RunUntilIdle();
    }

    /// <summary>Turns the loops until a task has completed, waiting in between for what other threads post (a store's real I/O).</summary>
    /// <param name="done">The task; its failure is not thrown here.</param>
    /// <param name="atMost">How long to wait in real time for one post.</param>
    /// <exception cref="TimeoutException">It has not completed, and nothing more was posted.</exception>
    public void RunUntil(Task done, TimeSpan atMost)
    {
        ArgumentNullException.ThrowIfNull(done);
        // The last step may be another thread's, which completes the task without posting anything.
        _ = done.ContinueWith(static (_, loops) => ((ManualLoops)loops!).Wake(), this, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        for (;;)
        {
            lock (_gate) _posted = false;                          // before the turns: a post that they miss sets it again
            RunUntilIdle();
            if (done.IsCompleted) return;
            if (!WaitForPost(atMost)) throw new TimeoutException($"The loops are idle, nothing was posted for {atMost.TotalSeconds} s, and the task has not completed.");
        }
    }

    internal void AddOutside(InMemoryPeer peer) => _outside.Enqueue(peer);

    internal void Wake()
    {
        lock (_gate)
        {
            _posted = true;
            Monitor.PulseAll(_gate);
        }
    }

    internal bool IsTurning(ManualLoop loop) => _turning == loop && Environment.CurrentManagedThreadId == _thread;

    internal bool IsOn(ManualLoop loop) => Environment.CurrentManagedThreadId == _thread && (_turning is null || _turning == loop);

    private bool WaitForPost(TimeSpan atMost)
    {
        lock (_gate) return _posted || Monitor.Wait(_gate, atMost);
    }

    private bool Round()
    {
        var busy = false;
        foreach (var loop in _loops)
        {
            _turning = loop;
            busy |= loop.Turn();
        }
        _turning = null;
        return TellOutside() | busy;
    }

    private bool TellOutside()
    {
        var busy = false;
        for (var left = _outside.Count; left > 0; left--, busy = true) _outside.Dequeue().Tell();
        return busy;
    }

    private void Enter()
    {
        if (_cranking) throw new InvalidOperationException("The loops are being cranked already: what runs on a loop cannot crank it.");
        _thread = Environment.CurrentManagedThreadId;
        _cranking = true;
    }
}
