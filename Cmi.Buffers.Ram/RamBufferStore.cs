using System.Diagnostics.CodeAnalysis;

namespace Cmi.Buffers;

/// <summary>
/// Keeps contents in memory, within a budget that is exact over all loops: what buffers hold, what slices keep and what waits to be used again are together
/// never above <see cref="MaxTotalBytes"/>. In the steady state it allocates nothing.
/// <para>Threading: any loop, several at once.</para>
/// </summary>
public sealed class RamBufferStore : IBufferStore, IMeasuredBufferStore, ITrimmableBufferStore
{
    private readonly RamBufferOptions _options;
    private readonly RamBudget _budget;
    private readonly Lock _adding = new();
    private SegmentPool[] _pools = [];                             // one for each loop; replaced as a whole when a loop comes for the first time
    private volatile bool _disposed;

    /// <summary>Makes a store.</summary>
    /// <param name="options">How much memory it may use; all by default if absent.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names all that are.</exception>
    public RamBufferStore(RamBufferOptions? options = null)
    {
        options ??= new();
        if (options.FindFaults() is { Count: > 0 } faults) throw new ArgumentException(string.Join(' ', faults), nameof(options));
        _options = new() { MaxTotalBytes = options.MaxTotalBytes, ReserveShare = options.ReserveShare, MaxShare = options.MaxShare };
        _budget = new(_options.MaxTotalBytes);
    }

    /// <summary>The most memory that the store ever uses.</summary>
    /// <value>Bytes.</value>
    public long MaxTotalBytes => _options.MaxTotalBytes;

    /// <summary>The memory that buffers hold and slices keep, in whole segments; 0 when all are disposed.</summary>
    /// <value>Bytes; while loops work it may be a moment old.</value>
    public long UsedBytes => Volatile.Read(ref _pools).Sum(p => p.BytesInUse);

    /// <summary>How many buffers were made and not disposed.</summary>
    public int LiveBuffers => Volatile.Read(ref _pools).Sum(p => p.LiveBuffers);

    /// <inheritdoc/>
    public double Fill
    {
        get
        {
            var used = 0L;
            foreach (var pool in Volatile.Read(ref _pools)) used += pool.BytesInUse;
            return (double)used / MaxTotalBytes;
        }
    }

    /// <summary>The memory that is in use or kept for use again, as it counts against <see cref="MaxTotalBytes"/>.</summary>
    internal long DrawnBytes => MaxTotalBytes - _budget.Free;

    /// <summary>The memory of segments that no loop has.</summary>
    internal long KeptBytes => _budget.Shelved;

    /// <inheritdoc/>
    /// <exception cref="ObjectDisposedException">The store was disposed.</exception>
    public IBuffer? TryCreate(ILoop loop, long? expectedBytes)
    {
        ArgumentNullException.ThrowIfNull(loop);
        if (expectedBytes is < 0) throw new ArgumentOutOfRangeException(nameof(expectedBytes), expectedBytes, "A length is not negative.");
        ObjectDisposedException.ThrowIf(_disposed, this);
        return PoolOf(loop).TryCreate(expectedBytes);
    }

    /// <inheritdoc/>
    public IReadOnlyList<BufferTierUsage> GetUsage() =>
        [new() { Tier = "ram", UsedBytes = UsedBytes, CapacityBytes = MaxTotalBytes, Buffers = LiveBuffers }];

    /// <inheritdoc/>
    public void Trim(ILoop loop)
    {
        ArgumentNullException.ThrowIfNull(loop);
        foreach (var pool in Volatile.Read(ref _pools))
            if (ReferenceEquals(pool.Loop, loop)) pool.DropKept();
        _budget.DropShelved();                                      // the loop's own among them; what others put there too
    }

    /// <summary>Makes no more buffers. Those that live, and their slices, stay usable until they are disposed.</summary>
    /// <returns>A completed task.</returns>
    [SuppressMessage("Usage", "CA1816", Justification = "There is no finalizer.")]
    public ValueTask DisposeAsync()
    {
        _disposed = true;
        return ValueTask.CompletedTask;
    }

    private SegmentPool PoolOf(ILoop loop)
    {
        // There are as few as the machine has cores: a scan beats hashing.
        foreach (var pool in Volatile.Read(ref _pools))
            if (ReferenceEquals(pool.Loop, loop)) return pool;

        var added = new SegmentPool(_budget, _options, loop);      // no other thread adds the same one: this is called on the loop
        _budget.AddLoop();
        lock (_adding) Volatile.Write(ref _pools, [.. _pools, added]);
        return added;
    }
}
