using System.Runtime.InteropServices;

namespace Cmi.Queues;

/// <summary>
/// The requests in flight at one server, counted exactly over all loops, and how many there may be. Both are one word, so that a change of the limit and
/// the taking of a slot have an order: after the change no slot is taken by the limit of before. It has its cache line to itself, with half a line of
/// distance on both sides, so that two busy servers do not meet in one (nor in a pair of lines that the processor fetches together).
/// <para>Threading: any thread.</para>
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = 128)]
internal struct InFlightCounter
{
    private const int Closed = -1;

    [FieldOffset(64)]
    private long _word;                                             // high half: the limit, 0: none, Closed: no slot is given; low half: the count

    /// <summary>How many, at this moment.</summary>
    public readonly int Count => (int)Volatile.Read(in _word);

    /// <summary>Looks whether there is a slot free at this moment.</summary>
    public readonly bool HasSlot(out int count, out int limit)
    {
        var word = Volatile.Read(in _word);
        (count, limit) = ((int)word, (int)(word >> 32));
        return limit == 0 || count < limit;
    }

    /// <summary>
    /// Takes a slot. By compare-and-swap and not by "add, look, take back": the count is never above the limit, not even for a moment, so a slot that is
    /// free is never refused because of someone else's failed attempt.
    /// </summary>
    /// <param name="most">The count that is not to be exceeded, whatever the limit.</param>
    /// <returns>Whether there was one.</returns>
    public bool TryTake(int most = int.MaxValue)
    {
        for (var seen = Volatile.Read(ref _word); ;)
        {
            var limit = (int)(seen >> 32);
            if ((int)seen >= most || (limit != 0 && (int)seen >= limit)) return false;     // counted without a limit all the same: the choice by load lives on it
            var before = Interlocked.CompareExchange(ref _word, seen + 1, seen);
            if (before == seen) return true;
            seen = before;
        }
    }

    /// <summary>Gives a slot back; a full fence.</summary>
    public void Release() => Interlocked.Decrement(ref _word);

    /// <summary>Changes how many there may be. What is in flight beyond it ends in its own time; nothing is added before it is below.</summary>
    /// <param name="limit">0: no limit.</param>
    public void SetLimit(int limit)
    {
        for (var seen = Volatile.Read(ref _word); ;)
        {
            var before = Interlocked.CompareExchange(ref _word, (long)limit << 32 | (uint)seen, seen);
            if (before == seen) return;
            seen = before;
        }
    }

    /// <summary>Gives no slot any more, until there is a limit again.</summary>
    public void Close() => SetLimit(Closed);
}
