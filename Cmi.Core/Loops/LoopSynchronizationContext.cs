namespace Cmi.Loops;

/// <summary>
/// Brings the continuations of a plain <c>await</c> home to a loop. A loop makes it current while it runs.
/// <para>Threading: any thread.</para>
/// </summary>
/// <param name="loop">The loop.</param>
public sealed class LoopSynchronizationContext(ILoop loop) : SynchronizationContext
{
    /// <summary>Posts to the loop. What <paramref name="d"/> throws there is for the loop to handle.</summary>
    /// <param name="d">What to call.</param>
    /// <param name="state">What to call it with.</param>
    public override void Post(SendOrPostCallback d, object? state) => loop.Post(d, state);

    /// <summary>Calls at once when on the loop. From elsewhere it would have to block, and two loops that do so to each other never come back.</summary>
    /// <param name="d">What to call.</param>
    /// <param name="state">What to call it with.</param>
    /// <exception cref="NotSupportedException">The calling thread is not the loop's.</exception>
    public override void Send(SendOrPostCallback d, object? state)
    {
        ArgumentNullException.ThrowIfNull(d);
        if (!loop.IsCurrent) throw new NotSupportedException("Blocking until a loop has done something is not supported. Use Post.");
        d(state);
    }

    /// <summary>Returns this context: it has no state to copy.</summary>
    /// <returns>This.</returns>
    public override SynchronizationContext CreateCopy() => this;
}
