using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;

namespace Cmi.Buffers;

/// <summary>
/// Keeps contents on a device that is slower than memory and may fail: as sealed entries, written and read by a few workers, while loops only ever touch memory.
/// What loops and workers share is this store, its <see cref="BlockMemory"/> and its <see cref="EntryWorkers"/>.
/// <para>Threading: <see cref="TryCreate"/> on loops, several at once; all else any thread.</para>
/// </summary>
internal sealed class EntryBufferStore : IBufferStore, IMeasuredBufferStore, ITrimmableBufferStore
{
    private readonly EntryStoreOptions _options;
    private readonly EntryWorkers _workers;
    private readonly Lock _adding = new();
    private readonly Lock _parking = new();
    private readonly List<BufferEntry> _parked = [];               // the device had no room for them
    private readonly ulong _generation;
    private EntryLoop[] _loops = [];                               // replaced as a whole when a loop comes for the first time
    private ulong _sequence, _buffers;
    private int _tails;
    private volatile int _parkedCount;
    private volatile bool _disposed;

    public EntryBufferStore(IEntryDevice device, EntryStoreOptions options, ILogger logger)
    {
        Device = device;
        _options = options;
        Memory = new(options.MaxMemoryBytes);
        Health = new(device.Name, logger);
        Span<byte> generation = stackalloc byte[sizeof(ulong)];
        RandomNumberGenerator.Fill(generation);
        _generation = BitConverter.ToUInt64(generation);
        _workers = new(this, options, RandomNumberGenerator.GetBytes(options.Encrypt ? 32 : 0));
    }

    public IEntryDevice Device { get; }

    public BlockMemory Memory { get; }

    public StoreHealth Health { get; }

    public bool IsDisposed => _disposed;

    /// <summary>The bytes that one buffer may hold.</summary>
    public long MaxBytesPerBuffer => (long)(Device.CapacityBytes * _options.MaxShare);

    /// <summary>Whether memory comes free without anybody else's doing.</summary>
    public bool CanMakeRoom => _workers.Unwritten > 0 || Volatile.Read(ref _tails) > 0;

    /// <summary>Buffers that live, and those that were disposed and of which a worker still has something.</summary>
    public int LiveBuffers => Volatile.Read(ref _loops).Sum(l => l.LiveBuffers);

    /// <summary>Slices that were lent and not given back.</summary>
    public int SlicesOut => Volatile.Read(ref _loops).Sum(l => l.SlicesOut);

    /// <inheritdoc/>
    public double Fill => Device.CapacityBytes is > 0 and var capacity ? Math.Min(1, (double)UsedBytes / capacity) : 1;

    /// <summary>What contents take on the device and, on their way there, in memory.</summary>
    public long UsedBytes => Device.UsedBytes + Memory.Writing;

    /// <summary>Entries that the workers have not done with.</summary>
    public int Unwritten => _workers.Unwritten;

    // What is in memory will be on the device: it has its place there already.
    private long FreeBytes => Device.CapacityBytes - UsedBytes;

    public IBuffer? TryCreate(ILoop loop, long? expectedBytes)
    {
        ArgumentNullException.ThrowIfNull(loop);
        if (expectedBytes is < 0) throw new ArgumentOutOfRangeException(nameof(expectedBytes), expectedBytes, "A length is not negative.");
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (Health.IsFailing)
        {
            if (Health.MayProbe(loop.Now)) _workers.Probe(loop);
            return null;
        }
        var capacity = Device.CapacityBytes;
        if (FreeBytes < Math.Max((long)(capacity * _options.ReserveShare), 1) || _parkedCount > 0)
        {
            WasFull(loop);
            return null;
        }
        return new EntryBuffer(LoopOf(loop), Interlocked.Increment(ref _buffers), expectedBytes);
    }

    public IReadOnlyList<BufferTierUsage> GetUsage() =>
    [
        new()
        {
            Tier = Device.Name,
            UsedBytes = UsedBytes,
            CapacityBytes = Device.CapacityBytes,
            Buffers = LiveBuffers,
            WrittenBytes = _workers.WrittenBytes,
            ReadBytes = _workers.ReadBytes,
            IoTime = _workers.IoTime,
            Failures = Health.Failures,
        },
    ];

    // The memory is of all loops together; the second loop that says so finds nothing.
    public void Trim(ILoop loop) => Memory.DropIdle();

    /// <summary>Ends the workers and then the device. What they had not done yet fails; buffers that live can only be disposed.</summary>
    [SuppressMessage("Usage", "CA1816", Justification = "There is no finalizer.")]
    public async ValueTask DisposeAsync()
    {
        lock (_adding)
        {
            if (_disposed) return;
            _disposed = true;
        }
        await _workers.DisposeAsync();
        await Device.DisposeAsync();
        Memory.WakeOne();                                          // who waits for room hears that it has failed, and wakes the next
        Memory.WakeReader();
    }

    public EntryId NextId(ulong buffer, uint index) => new(_generation, buffer, index, Interlocked.Increment(ref _sequence));

    public void Write(BufferEntry entry, bool isUrgent) => _workers.Write(entry, isUrgent);

    public void Urge(BufferEntry entry) => _workers.Urge(entry);

    public void Withdraw(BufferEntry entry) => _workers.Withdraw(entry);

    /// <summary>Has the buffer look again for room, in its turn; what waits to be written makes it.</summary>
    public void WaitForRoom(EntryBuffer buffer)
    {
        Memory.WaitForRoom(buffer);
        _workers.MemoryIsWanted();
    }

    public void CountWritten() => _workers.CountDone();

    public void Fetch(FetchJob job) => _workers.Fetch(job);

    public void Free(IDeviceEntry entry)
    {
        if (!_disposed) Device.Free(entry);                        // the device frees all when it ends
        RetryParked();
    }

    /// <summary>Whether content of that size will find a place on the device.</summary>
    public bool HasDeviceRoom(long bytes) => _parkedCount == 0 && FreeBytes >= bytes;

    /// <summary>Whether that may turn out so: what is just being written counts twice, in memory and on the device.</summary>
    public bool MayHaveDeviceRoom(long bytes) => _parkedCount == 0 && _workers.Unwritten > 0 && Device.CapacityBytes - Device.UsedBytes >= bytes;

    /// <summary>Keeps an entry that the device has no room for until something is freed.</summary>
    public void Park(BufferEntry entry)
    {
        lock (_parking)
        {
            _parked.Add(entry);
            _parkedCount = _parked.Count;
        }
    }

    public void RetryParked()
    {
        if (_parkedCount == 0) return;
        BufferEntry[] parked;
        lock (_parking)
        {
            parked = [.. _parked];
            _parked.Clear();
            _parkedCount = 0;
        }
        foreach (var entry in parked) Write(entry, isUrgent: true);
    }

    /// <summary>Has a look at a device that is full from time to time: others may have made room on it.</summary>
    public void WasFull(ILoop loop)
    {
        if (Health.MayLookAtFull(loop.Now)) _workers.Probe(loop);
    }

    public void CountTail(int change) => Interlocked.Add(ref _tails, change);

    /// <summary>Asks all loops for memory that lies idle.</summary>
    public void RequestFlush()
    {
        foreach (var loop in Volatile.Read(ref _loops)) loop.RequestFlush();
    }

    private EntryLoop LoopOf(ILoop loop)
    {
        // There are as few as the machine has cores: a scan beats hashing.
        foreach (var known in Volatile.Read(ref _loops))
            if (ReferenceEquals(known.Loop, loop)) return known;

        var added = new EntryLoop(this, loop);                     // no other thread adds the same one: this is called on the loop
        lock (_adding) Volatile.Write(ref _loops, [.. _loops, added]);
        return added;
    }
}
