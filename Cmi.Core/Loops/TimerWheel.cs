using System.Numerics;

namespace Cmi.Loops;

/// <summary>
/// The timers of one loop: a hierarchical timing wheel (Varghese and Lauck, 1987) of 6 levels with 64 slots each and ticks of 1 ms.
/// <para>
/// Timers fire in the order of their due times, equal ones in the order of setting. Setting and clearing cost O(1) and allocate nothing; a timer moves
/// down at most 6 times before it fires, and empty time costs nothing however much of it passes at once. It holds any number of timers: each is a node
/// of its user's, who bounds them.
/// </para>
/// <para>Threading: the loop that owns it.</para>
/// </summary>
// A timer's place follows from the highest group of 6 bits in which its due time differs from now: the group is the level, the group's value the slot.
// So on every level only slots above that of now are taken, all timers of a level are due before all of the next level, and the first timer is in the
// first slot taken on the lowest level taken: two bit scans find it. A time in a later span of 2^36 ms than now's differs above the top level and waits in
// one list that is dealt out again when that span begins.
public sealed class TimerWheel
{
    private const int Levels = 6;
    private const int BitsPerLevel = 6;
    private const int SlotsPerLevel = 1 << BitsPerLevel;
    private const int WheelBits = Levels * BitsPerLevel;           // 2^36 ms: 2.2 years

    // Three lists besides the slots of the wheel.
    private const int Beyond = Levels * SlotsPerLevel;             // due after the span of the wheel
    private const int Passed = Beyond + 1;                         // were due when they were set: for the next Advance
    private const int Firing = Passed + 1;                         // taken out by the Advance that runs; can still be cleared

    private readonly Chain[] _chains = new Chain[Firing + 1];
    private readonly ulong[] _taken = new ulong[Levels];           // per level, one bit for each slot that is not empty
    private uint _takenLevels;                                     // one bit for each level that is not empty
    private long _now;
    private bool _advancing;

    /// <summary>Makes an empty wheel.</summary>
    /// <param name="now">The time it starts at, in milliseconds; not negative.</param>
    public TimerWheel(long now)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(now);
        _now = now;
    }

    /// <summary>How many timers are set.</summary>
    public int Count { get; private set; }

    /// <summary>
    /// A time by which <see cref="Advance"/> should be called; never later than the first due timer, and earlier where a timer has to move down a level first;
    /// <see cref="long.MaxValue"/>: none is set.
    /// </summary>
    public long NextDue =>
        _chains[Passed].First is not null || _chains[Firing].First is not null ? _now
        : TryFindFirstSlot(out _, out var begin) ? begin
        : _chains[Beyond].First is not null ? NextSpan
        : long.MaxValue;

    private long NextSpan => ((_now >> WheelBits) + 1) << WheelBits;

    /// <summary>Sets a timer, or moves it if it is set. It never fires inside this call.</summary>
    /// <param name="node">The timer; not set on another wheel.</param>
    /// <param name="due">When, in milliseconds; a time that has passed counts as now and means the next <see cref="Advance"/>, also inside of one.</param>
    /// <exception cref="InvalidOperationException">The timer is set on another wheel.</exception>
    public void Set(LoopTimer node, long due)
    {
        ArgumentNullException.ThrowIfNull(node);
        Clear(node);
        node.Due = Math.Max(due, _now);
        node.Wheel = this;
        Count++;
        Append(node, due <= _now ? Passed : SlotOf(node.Due));
    }

    /// <summary>Clears a timer; does nothing if it is not set. Also inside <see cref="Advance"/>, where a timer that is due as well does not fire then.</summary>
    /// <param name="node">The timer; not set on another wheel.</param>
    /// <exception cref="InvalidOperationException">The timer is set on another wheel.</exception>
    public void Clear(LoopTimer node)
    {
        ArgumentNullException.ThrowIfNull(node);
        if (node.Wheel is null) return;
        if (node.Wheel != this) throw new InvalidOperationException("The timer is set on another loop.");
        Remove(node);
        node.Wheel = null;
        Count--;
    }

    /// <summary>
    /// Lets time pass and fires what is due at <paramref name="to"/>. What a timer throws is passed on; the other timers that are due stay set and fire in
    /// the next call.
    /// </summary>
    /// <param name="to">The time now; an earlier one than before counts as that.</param>
    /// <returns>How many fired.</returns>
    /// <exception cref="InvalidOperationException">Called from inside a timer.</exception>
    public int Advance(long to)
    {
        if (_advancing) throw new InvalidOperationException("A timer cannot advance the wheel that fires it.");
        Collect(to);
        var fired = 0;
        _advancing = true;
        try
        {
            // All that is due was taken out before the first one fires: whatever a timer sets now, this ends.
            while (_chains[Firing].First is { } node)
            {
                Clear(node);
                fired++;
                node.Fire();
            }
        }
        finally
        {
            _advancing = false;
        }
        return fired;
    }

    private void Collect(long to)
    {
        MoveAll(Passed);
        for (;;)
        {
            if (TryFindFirstSlot(out var slot, out var begin))
            {
                if (begin > to) break;
                _now = begin;                                      // all before it is empty, so nothing else changes its place
                MoveAll(slot);
            }
            else
            {
                // long.MaxValue is a usual "never": the last span of all has no next one, and must not wrap around.
                if (_chains[Beyond].First is null || NextSpan > to || NextSpan < 0) break;

                // Straight to the span of the first timer: one look at those in the list, not one step for each span of 2.2 years.
                var span = FirstDueBeyond() & ~((1L << WheelBits) - 1);
                if (span > to) break;
                _now = span;
                MoveAll(Beyond);
            }
        }
        _now = Math.Max(_now, to);
    }

    // Deals the timers of one list out again, in their order: that keeps equal due times in the order of setting.
    private void MoveAll(int slot)
    {
        var node = _chains[slot].First;
        _chains[slot] = default;
        if (slot < Beyond) MarkEmpty(slot);
        while (node is not null)
        {
            var next = node.Next;
            Append(node, node.Due <= _now ? Firing : SlotOf(node.Due));
            node = next;
        }
    }

    private long FirstDueBeyond()
    {
        var first = long.MaxValue;
        for (var node = _chains[Beyond].First; node is not null; node = node.Next) first = Math.Min(first, node.Due);
        return first;
    }

    private bool TryFindFirstSlot(out int slot, out long begin)
    {
        (slot, begin) = (0, 0);
        if (_takenLevels == 0) return false;
        var level = BitOperations.TrailingZeroCount(_takenLevels);
        var index = BitOperations.TrailingZeroCount(_taken[level]);
        var shift = level * BitsPerLevel;
        slot = (level * SlotsPerLevel) + index;
        begin = (((_now >> (shift + BitsPerLevel)) << BitsPerLevel) | (long)index) << shift;
        return true;
    }

    private int SlotOf(long due)
    {
        var level = BitOperations.Log2((ulong)(due ^ _now)) / BitsPerLevel;
        return level >= Levels ? Beyond : (level * SlotsPerLevel) + (int)((due >> (level * BitsPerLevel)) & (SlotsPerLevel - 1));
    }

    private void Append(LoopTimer node, int slot)
    {
        ref var chain = ref _chains[slot];
        node.Slot = slot;
        node.Next = null;
        node.Previous = chain.Last;
        if (chain.Last is null) chain.First = node;
        else chain.Last.Next = node;
        chain.Last = node;
        if (slot >= Beyond) return;
        _taken[slot / SlotsPerLevel] |= 1UL << (slot % SlotsPerLevel);
        _takenLevels |= 1U << (slot / SlotsPerLevel);
    }

    private void Remove(LoopTimer node)
    {
        ref var chain = ref _chains[node.Slot];
        if (node.Previous is null) chain.First = node.Next;
        else node.Previous.Next = node.Next;
        if (node.Next is null) chain.Last = node.Previous;
        else node.Next.Previous = node.Previous;
        if (chain.First is null && node.Slot < Beyond) MarkEmpty(node.Slot);
        (node.Previous, node.Next) = (null, null);
    }

    private void MarkEmpty(int slot)
    {
        var level = slot / SlotsPerLevel;
        _taken[level] &= ~(1UL << (slot % SlotsPerLevel));
        if (_taken[level] == 0) _takenLevels &= ~(1U << level);
    }

    private struct Chain
    {
        public LoopTimer? First;
        public LoopTimer? Last;
    }
}
