using System.Collections.Concurrent;

namespace Cmi.Loops;

/// <summary>
/// The work that was posted to one loop, in the order of posting. It has no bound of its own (<see cref="ILoop.Post"/>): whoever posts bounds what it has
/// outstanding.
/// <para>
/// A loop calls <see cref="Drain"/> in every turn, and waits for I/O only while <see cref="IsEmpty"/>. When it waits, the first post from another thread
/// wakes it.
/// </para>
/// <para>Threading: <see cref="Post"/> any thread; all else the loop.</para>
/// </summary>
/// <param name="wake">
/// Ends the loop's waiting, or keeps it from the next one; called by posting threads, at most once until the loop has drained. Must not throw.
/// </param>
// One queue for posts from the loop itself and from elsewhere, although a plain queue would be cheaper for the former: with two, work that the loop
// posts after it has seen an effect of another thread could overtake what that thread had posted before. ConcurrentQueue<T> reuses its segments, so
// nothing is allocated in the steady state; a Channel would add a lock to each write and a waiting reader that is of no use here.
public sealed class Mailbox(Action wake)
{
    private readonly ConcurrentQueue<(SendOrPostCallback Work, object? State)> _queue = new();
    private int _woken;                                            // 1: wake was called, or is just about to be, and no drain has begun since

    /// <summary>Whether nothing waits to be run. A loop must not wait for I/O while this is <see langword="false"/>.</summary>
    public bool IsEmpty => _queue.IsEmpty;

    /// <summary>How many pieces of work wait to be run.</summary>
    public int Count => _queue.Count;

    /// <summary>Posts work and wakes the loop. From any thread; on the loop itself <see cref="PostLocal"/> does the same for less.</summary>
    /// <param name="work">What to call.</param>
    /// <param name="state">What to call it with.</param>
    public void Post(SendOrPostCallback work, object? state)
    {
        ArgumentNullException.ThrowIfNull(work);
        _queue.Enqueue((work, state));

        // The race to mind: the work is in the queue *before* the flag is taken here, and Drain gives the flag back *before* it looks into the queue.
        // Both are full fences. If the flag was already 1, then either Drain has yet to give it back, and after that it sees this work; or the thread
        // that made it 1 has yet to call wake, and the drain which that brings about sees this work. If it was 0, this thread wakes the loop, which
        // may find its work done already: one turn too many, never one too few.
        if (Interlocked.Exchange(ref _woken, 1) == 0) wake();
    }

    /// <summary>Posts work from the loop itself, which needs no waking: it looks at <see cref="IsEmpty"/> before it waits.</summary>
    /// <param name="work">What to call.</param>
    /// <param name="state">What to call it with.</param>
    public void PostLocal(SendOrPostCallback work, object? state)
    {
        ArgumentNullException.ThrowIfNull(work);
        _queue.Enqueue((work, state));
    }

    /// <summary>
    /// Runs what waits at this moment, and no more: work that posts itself again runs in the next call, so that it cannot keep the loop from its I/O.
    /// <para>
    /// What the work throws is passed on, with that work done with and all behind it still waiting: it is the loop that decides whether to log and call
    /// again or to end.
    /// </para>
    /// </summary>
    /// <param name="max">The most pieces of work to run; above 0.</param>
    /// <returns>How many were run.</returns>
    public int Drain(int max)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(max);
        if (Volatile.Read(ref _woken) != 0) Interlocked.Exchange(ref _woken, 0);     // before the first look into the queue: see Post
        if (_queue.IsEmpty) return 0;
        var count = Math.Min(_queue.Count, max);
        for (var run = 0; run < count; run++)
        {
            _queue.TryDequeue(out var item);                       // never fails: only this thread takes, and there were as many
            item.Work(item.State);
        }
        return count;
    }
}
