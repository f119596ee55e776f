namespace Cmi.Buffers;

/// <summary>The slices that are out on one loop; a token given back twice finds another generation. <para>Threading: the loop.</para></summary>
internal sealed class SliceLeases
{
    private Lease[] _leases = new Lease[16];
    private int _free = -1;                                        // head of a list through NextFree
    private int _used;

    public int Count { get; private set; }

    public long Add(Block block)
    {
        var index = _free;
        if (index >= 0) _free = _leases[index].NextFree;
        else
        {
            if (_used == _leases.Length) Array.Resize(ref _leases, _used * 2);
            index = _used++;
        }
        ref var lease = ref _leases[index];
        lease.Block = block;
        Count++;
        return ((long)lease.Generation << 32) | (uint)index;
    }

    /// <returns>The block; <see langword="null"/>: the token was given back before.</returns>
    public Block? Remove(long token)
    {
        var index = (int)(uint)token;
        if ((uint)index >= (uint)_used) return null;
        ref var lease = ref _leases[index];
        if (lease.Generation != (int)(token >> 32) || lease.Block is not { } block) return null;
        lease.Block = null;
        lease.Generation++;
        lease.NextFree = _free;
        _free = index;
        Count--;
        return block;
    }

    private struct Lease
    {
        public Block? Block;
        public int Generation;
        public int NextFree;
    }
}
