namespace Cmi.Loops;

/// <summary>A hierarchical timing wheel of 1 ms ticks (Varghese and Lauck, 1987).</summary>
/// <param name="now">The time it starts at, in milliseconds.</param>
public sealed class TimerWheel(long now)
{
    /// <summary>How many timers are set.</summary>
    public int Count => throw null!;
    /// <summary>A time by which <see cref="Advance"/> should be called; never later than the first due timer; <see cref="long.MaxValue"/>: none is set.</summary>
    public long NextDue => throw null!;
    /// <summary>Sets or moves a timer.</summary>
    /// <param name="node">The timer.</param>
    /// <param name="due">When.</param>
    public void Set(LoopTimer node, long due) => throw null!;
    /// <summary>Clears a timer.</summary>
    /// <param name="node">The timer.</param>
    public void Clear(LoopTimer node) => throw null!;
    /// <summary>Fires what is due.</summary>
    /// <param name="to">The time now.</param>
    /// <returns>How many fired.</returns>
    public int Advance(long to) => throw null!;
}
