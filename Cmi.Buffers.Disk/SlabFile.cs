namespace Cmi.Buffers;

/// <summary>A file of slabs. The lowest that will do is taken, so that the end of the file comes free and can be given back. <para>Threading: the lock of the device.</para></summary>
internal sealed class SlabFile(IScratchFile file, int slabBytes)
{
    private const int SpareSlabs = 8;                              // what an idle store keeps, 8.5 MiB: to give it back for each small content costs more

    private readonly List<Slab> _slabs = [];
    private readonly SortedSet<int>[] _withRoom = [.. Enumerable.Range(0, Slab.Classes).Select(_ => new SortedSet<int>())];
    private readonly SortedSet<int> _empty = [];

    public IScratchFile File => file;

    /// <summary>A write to it has failed: nothing more is written to it, and it ends with its last entry.</summary>
    public bool IsRetired { get; set; }

    public int Slabs => _slabs.Count;

    public int LiveEntries { get; private set; }

    /// <summary>How much shorter it should be; 0: it is as long as it should be.</summary>
    public int SurplusSlabs
    {
        get
        {
            var end = _slabs.Count;
            while (end > 0 && _slabs[end - 1].Used == 0) end--;
            var keep = Math.Max(end + (end / 4), end + SpareSlabs);
            return _slabs.Count - keep is > SpareSlabs and var surplus ? surplus : 0;
        }
    }

    public DiskEntry? TryTake(int length, bool mayGrow)
    {
        var sizeClass = Slab.ClassFor(length);
        Slab slab;
        if (_withRoom[sizeClass].Count > 0) slab = _slabs[_withRoom[sizeClass].Min];
        else if (_empty.Count > 0 || mayGrow)
        {
            if (_empty.Count > 0) _empty.Remove((slab = _slabs[_empty.Min]).Index);
            else _slabs.Add(slab = new(_slabs.Count, slabBytes));
            slab.Cut(sizeClass);
            _withRoom[sizeClass].Add(slab.Index);
        }
        else return null;

        var slot = slab.Take();
        LiveEntries++;
        if (slab.IsFull) _withRoom[sizeClass].Remove(slab.Index);
        return new(this, slab, slot, length);
    }

    public void Free(DiskEntry entry)
    {
        var slab = entry.Slab;
        if (slab.IsFull) _withRoom[slab.SizeClass].Add(slab.Index);
        slab.Free(entry.Slot);
        LiveEntries--;
        if (slab.Used > 0) return;
        _withRoom[slab.SizeClass].Remove(slab.Index);
        _empty.Add(slab.Index);
    }

    /// <summary>Forgets slabs at the end, all of them empty.</summary>
    /// <returns>The length that the file needs.</returns>
    public long Shorten(int slabs)
    {
        for (; slabs > 0; slabs--)
        {
            _empty.Remove(_slabs.Count - 1);
            _slabs.RemoveAt(_slabs.Count - 1);
        }
        return (long)_slabs.Count * slabBytes;
    }
}

/// <summary>Where an entry lies. <para>Threading: immutable.</para></summary>
internal sealed class DiskEntry(SlabFile file, Slab slab, int slot, int length) : IDeviceEntry
{
    public SlabFile File => file;

    public Slab Slab => slab;

    public int Slot => slot;

    public int Length => length;

    public int SlotSize { get; } = slab.SlotSize;

    public long Offset { get; } = slab.OffsetOf(slot);
}
