namespace Cmi.Testing;

/// <summary>
/// Time that stands still until its owner moves it, so that a test of hours takes no time and repeats exactly.
/// <para>Threading: any thread reads; the thread of the test moves it.</para>
/// </summary>
/// <param name="start">The UTC time to begin at; the beginning of the year 2000 by default.</param>
public sealed class ManualTime(DateTimeOffset? start = null) : TimeProvider
{
    private readonly DateTimeOffset _start = start ?? new(2000, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private long _ticks;                                           // of 100 ns, since the start

    /// <summary>Milliseconds since the start, as <see cref="ILoop.Now"/> counts them.</summary>
    public long Milliseconds => Volatile.Read(ref _ticks) / TimeSpan.TicksPerMillisecond;

    /// <inheritdoc/>
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>UTC, so that a test gives the same text everywhere.</summary>
    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    internal bool IsOfLoops { get; set; }

    internal long Ticks => _ticks;

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => _start.AddTicks(Volatile.Read(ref _ticks));

    /// <inheritdoc/>
    public override long GetTimestamp() => Volatile.Read(ref _ticks);

    /// <summary>Moves time. Where loops live by it, they do that (<see cref="ManualLoops.Advance"/>), since they stop at every timer on the way.</summary>
    /// <param name="by">How far; not negative.</param>
    /// <exception cref="InvalidOperationException">Loops live by this time.</exception>
    public void Advance(TimeSpan by)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(by, TimeSpan.Zero);
        if (IsOfLoops) throw new InvalidOperationException("Loops live by this time: advance the loops, which stop at every timer on the way.");
        MoveTo(_ticks + by.Ticks);
    }

    /// <summary>Not supported: such a timer would fire outside of every loop. Use <see cref="ILoop.SetTimer"/>.</summary>
    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        throw new NotSupportedException("Manual time has no timers of its own. Use ILoop.SetTimer.");

    internal void MoveTo(long ticks) => Volatile.Write(ref _ticks, Math.Max(ticks, _ticks));
}
