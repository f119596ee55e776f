using System.Numerics;

namespace Cmi.Buffers;

/// <summary>
/// A piece of a file that is cut into slots of one size while any of them is in use; then it may be cut anew. So entries of all sizes are freed in any order, and
/// what is free is never lost in gaps between them.
/// <para>Threading: whoever holds the lock of the device.</para>
/// </summary>
internal sealed class Slab(int index)
{
    /// <summary>Sixteen of the largest slots.</summary>
    public const int Bytes = 16 * (68 << 10);

    // The last one holds a full entry, 64 KiB and what seals it, in whole pages.
    private static readonly int[] SlotSizes = [1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10, 32 << 10, 48 << 10, 68 << 10];

    private readonly ulong[] _taken = new ulong[((Bytes / SlotSizes[0]) + 63) / 64];
    private int _slots;

    public static int Classes => SlotSizes.Length;

    public static int LargestSlot => SlotSizes[^1];

    public int Index => index;

    public int SizeClass { get; private set; }

    public int Used { get; private set; }

    public int SlotSize => SlotSizes[SizeClass];

    public bool IsFull => Used == _slots;

    public static int ClassFor(int length) => Array.FindIndex(SlotSizes, size => size >= length);

    public static int SizeOf(int sizeClass) => SlotSizes[sizeClass];

    /// <summary>Cuts it anew; no slot is in use.</summary>
    public void Cut(int sizeClass) => (SizeClass, _slots) = (sizeClass, Bytes / SlotSizes[sizeClass]);

    /// <summary>Takes the lowest slot that is free; there is one.</summary>
    public int Take()
    {
        Used++;
        for (var word = 0; ; word++)
        {
            if (_taken[word] == ulong.MaxValue) continue;
            var bit = BitOperations.TrailingZeroCount(~_taken[word]);
            _taken[word] |= 1UL << bit;
            return (word * 64) + bit;
        }
    }

    public void Free(int slot)
    {
        if ((_taken[slot / 64] & (1UL << (slot % 64))) == 0) throw new InvalidOperationException("The entry was freed before.");
        _taken[slot / 64] &= ~(1UL << (slot % 64));
        Used--;
    }

    public long OffsetOf(int slot) => ((long)Index * Bytes) + ((long)slot * SlotSize);
}
