using System.Runtime.InteropServices;

namespace Cmi.Queues;

/// <summary>
/// The requests in flight at one server, counted exactly over all loops. It has 128 bytes to itself, so that two busy servers do not share a cache
/// line (nor a pair of lines that the processor fetches together).
/// <para>Threading: any thread.</para>
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = 128)]
internal struct InFlightCounter
{
    [FieldOffset(0)]
    private int _count;

    /// <summary>How many, at this moment.</summary>
    public readonly int Count => Volatile.Read(in _count);

    /// <summary>
    /// Takes a slot. By compare-and-swap and not by "add, look, take back": the count is never above the limit, not even for a moment, so a slot that is
    /// free is never refused because of someone else's failed attempt.
    /// </summary>
    /// <param name="limit">The most slots; 0: no limit.</param>
    /// <returns>Whether there was one.</returns>
    public bool TryTake(int limit)
    {
        if (limit == 0)
        {
            Interlocked.Increment(ref _count);                     // counted all the same: the choice by load lives on it
            return true;
        }
        for (var seen = Volatile.Read(ref _count); seen < limit;)
        {
            var before = Interlocked.CompareExchange(ref _count, seen + 1, seen);
            if (before == seen) return true;
            seen = before;
        }
        return false;
    }

    /// <summary>Gives a slot back; a full fence.</summary>
    public void Release() => Interlocked.Decrement(ref _count);
}
