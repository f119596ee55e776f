namespace Cmi;

/// <summary>
/// One thread that carries connections; all that belongs to it is touched by that thread only, so nothing on the way of a request needs a lock.
/// <para>
/// A loop works in turns: I/O events, then due timers, then the mailbox, then it waits. While it runs, its <see cref="SynchronizationContext"/> is
/// current, so a plain <c>await</c> comes home to it, and <c>ConfigureAwait(false)</c> leaves it.
/// </para>
/// <para>Threading: <see cref="Post"/>, <see cref="IsCurrent"/> and <see cref="TimersSet"/> any thread; all else the loop itself.</para>
/// </summary>
public interface ILoop
{
    /// <summary>Whether the calling thread is this loop's.</summary>
    bool IsCurrent { get; }

    /// <summary>The clock that this loop lives by; its UTC time is for the outside (the <c>Date</c> field, logs).</summary>
    TimeProvider Time { get; }

    /// <summary>Monotonic milliseconds, read once per turn. All loops of one manager share one origin.</summary>
    long Now { get; }

    /// <summary>The loop's source of chance, seeded in tests.</summary>
    Random Random { get; }

    /// <summary>
    /// Has <paramref name="work"/> called on the loop: in this turn, behind the I/O events, when posted on the loop itself, else in the next one.
    /// In the order of posting. The mailbox has no bound of its own: whoever posts bounds what it has outstanding.
    /// </summary>
    /// <param name="work">What to call.</param>
    /// <param name="state">What to call it with.</param>
    void Post(SendOrPostCallback work, object? state);

    /// <summary>Sets a timer, or moves it if it is set. It never fires inside this call, nor before its time.</summary>
    /// <param name="node">The timer; it must not be set on another loop.</param>
    /// <param name="due">When, in the milliseconds of <see cref="Now"/>; a time that has passed means the next turn.</param>
    void SetTimer(LoopTimer node, long due);

    /// <summary>Clears a timer; does nothing if it is not set.</summary>
    /// <param name="node">The timer.</param>
    void ClearTimer(LoopTimer node);

    /// <summary>How many timers are set; for status and leak checks. From another thread it may be a turn old.</summary>
    int TimersSet { get; }
}
