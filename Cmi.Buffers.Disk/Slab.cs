using System.Numerics;

namespace Cmi.Buffers;

/// <summary>
/// A piece of a file that is cut into slots of one size while any of them is in use; then it may be cut anew. So entries of all sizes are freed in any order, and
/// what is free is never lost in gaps between them.
/// <para>Threading: whoever holds the lock of the device.</para>
/// </summary>
internal sealed class Slab(int index, int bytes)
{
    private const int LargestSlots = 16;

    // Powers of two, the last of them a full entry: where slots begin at multiples of their size, a system that has large pages caches each in one. In slots of
    // 68 KiB the same bytes took 1.6 times as long to write and 1.4 times as long to read (ext4, Linux 6.18).
    private static readonly int[] SlotSizes = [1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10];

    private readonly ulong[] _taken = new ulong[((bytes / SlotSizes[0]) + 63) / 64];
    private int _slots;

    public static int Classes => SlotSizes.Length;

    public static int LargestSlot => SlotSizes[^1];

    public int Index => index;

    public int SizeClass { get; private set; }

    public int Used { get; private set; }

    public int SlotSize => SlotSizes[SizeClass];

    public bool IsFull => Used == _slots;

    public static int ClassFor(int length) => Array.FindIndex(SlotSizes, size => size >= length);

    /// <summary>The size of the slabs of a store: 16 of the largest slots, fewer where the store is small, so that it has one for each size.</summary>
    public static int SizeFor(long totalBytes) => (int)Math.Clamp(totalBytes / 16 / LargestSlot, 1, LargestSlots) * LargestSlot;

    /// <summary>Cuts it anew; no slot is in use.</summary>
    public void Cut(int sizeClass) => (SizeClass, _slots) = (sizeClass, bytes / SlotSizes[sizeClass]);

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

    public long OffsetOf(int slot) => ((long)Index * bytes) + ((long)slot * SlotSize);
}
