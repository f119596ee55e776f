namespace Cmi.Simulation.World;

/// <summary>What those outside of the gateway will do, and when: earlier first, and in order of asking where the time is the same.</summary>
internal sealed class Agenda
{
    private readonly PriorityQueue<Action, (long Due, long Number)> _entries = new();
    private long _last;

    /// <summary>The time, in milliseconds.</summary>
    public long Now { get; private set; }

    /// <summary>When the next is due; <see cref="long.MaxValue"/> if there is none.</summary>
    public long NextDue => _entries.TryPeek(out _, out var next) ? next.Due : long.MaxValue;

    /// <summary>Has something done later.</summary>
    /// <param name="delay">In how many milliseconds.</param>
    /// <param name="act">What.</param>
    public void In(long delay, Action act) => At(Now + delay, act);

    /// <summary>Has something done at a time.</summary>
    public void At(long due, Action act) => _entries.Enqueue(act, (Math.Max(due, Now), ++_last));

    /// <summary>Does all that is due.</summary>
    public void RunUntil(long now)
    {
        Now = now;
        while (NextDue <= now) _entries.Dequeue()();
    }
}
