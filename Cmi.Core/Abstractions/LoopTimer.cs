namespace Cmi;

/// <summary>
/// A timer node that its user owns and sets again and again without allocating; it is part of a wheel (<see cref="Loops.TimerWheel"/>) while it is set.
/// <para>Threading: the loop that it is set on.</para>
/// </summary>
/// <param name="fire">Called on the loop when the timer is due; the node is no longer set then and may be set again.</param>
/// <param name="state">What <paramref name="fire"/> is called with.</param>
public sealed class LoopTimer(Action<object?> fire, object? state)
{
    // Written by the wheel only.
    internal Loops.TimerWheel? Wheel;
    internal LoopTimer? Previous;
    internal LoopTimer? Next;
    internal int Slot;

    /// <summary>When the timer is due, in the milliseconds of <see cref="ILoop.Now"/>; meaningful while <see cref="IsSet"/>. Never before the time of setting.</summary>
    public long Due { get; internal set; }

    /// <summary>Whether the timer waits to fire.</summary>
    public bool IsSet => Wheel is not null;

    internal void Fire() => fire(state);
}
