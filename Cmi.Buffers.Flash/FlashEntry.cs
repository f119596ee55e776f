namespace Cmi.Buffers;

/// <summary>
/// An entry in a log. Its address changes when it is copied forward; the bytes at the old one do not change, so a read that has begun there is right, or finds
/// the segment gone and looks at the address again.
/// <para>Threading: the device's keeper, except what says otherwise.</para>
/// </summary>
internal sealed class FlashEntry(FlashLog log, int length) : IDeviceEntry
{
    private long _address;
    private int _freed;

    public FlashLog Log => log;

    public int Length => length;

    /// <summary>Where it is in its log. Any thread.</summary>
    public long Address
    {
        get => Volatile.Read(ref _address);
        set => Volatile.Write(ref _address, value);
    }

    /// <summary>Its neighbours in its segment's list.</summary>
    public FlashEntry? Previous { get; set; }

    public FlashEntry? Next { get; set; }

    /// <summary>The one that was freed before it and was not taken out yet. Whoever frees, then the keeper.</summary>
    public FlashEntry? NextFreed { get; set; }

    /// <summary>It could not be read when it was to be moved: it stays, and its segment with it, until it is freed.</summary>
    public bool IsStuck { get; set; }

    /// <summary>Any thread.</summary>
    public bool TryMarkFreed() => Interlocked.Exchange(ref _freed, 1) == 0;
}
