namespace Cmi.Buffers;

/// <summary>
/// A run of one content, whole in a buffer of one tier: what moves from tier to tier. It grows only while it is its content's last.
/// <para>Threading: its loop.</para>
/// </summary>
internal sealed class Extent
{
    /// <summary>Whose content it is; <see langword="null"/>: it was dropped, and whoever moves it frees what it holds.</summary>
    public TieredBuffer? Owner;

    public IBuffer Buffer = null!;

    /// <summary>The number of its tier, from 0.</summary>
    public int Tier;

    /// <summary>The offset in the content of the first byte of <see cref="Buffer"/>.</summary>
    public long Base;

    /// <summary>The offset behind its last byte.</summary>
    public long End;

    /// <summary>Bytes before this offset were released.</summary>
    public long Released;

    /// <summary>Whether nothing more is appended to it.</summary>
    public bool IsSealed;

    /// <summary>Reads of its owner that the tier answers later.</summary>
    public int Reads;

    /// <summary>A buffer that it has left while such a read was under way.</summary>
    public IBuffer? Left;

    /// <summary>Whether it is being copied to another tier.</summary>
    public bool IsMoving;

    /// <summary>The read with which the move gets its bytes, while the tier has not answered: a buffer answers one at a time.</summary>
    public Task? MoveReads;

    /// <summary>A move has failed: none is tried before this time.</summary>
    public long NotBefore;

    /// <summary>Its neighbours among those of its tier and loop, in the order in which they came or were last seen at work.</summary>
    public Extent? Older, Younger;

    /// <summary>Whether it stands in that order.</summary>
    public bool IsListed;

    /// <summary>Content bytes that it holds.</summary>
    public long Held => End - Math.Max(Base, Released);
}

/// <summary>Extents of one tier on one loop, the one that has waited longest first. <para>Threading: its loop.</para></summary>
internal sealed class ExtentList
{
    private Extent? _youngest;

    public Extent? Oldest { get; private set; }

    public void Add(Extent extent)
    {
        (extent.Older, extent.Younger, extent.IsListed) = (_youngest, null, true);
        if (_youngest is null) Oldest = extent;
        else _youngest.Younger = extent;
        _youngest = extent;
    }

    public void Remove(Extent extent)
    {
        if (!extent.IsListed) return;
        if (extent.Older is { } older) older.Younger = extent.Younger;
        else Oldest = extent.Younger;
        if (extent.Younger is { } younger) younger.Older = extent.Older;
        else _youngest = extent.Older;
        (extent.Older, extent.Younger, extent.IsListed) = (null, null, false);
    }
}
