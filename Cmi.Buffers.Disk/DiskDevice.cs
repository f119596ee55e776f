namespace Cmi.Buffers;

/// <summary>
/// Entries in slots of a plain file. A file in which a write fails is given up, and the next write opens another one: in a directory that may be there again, on a
/// disk that may have been changed.
/// <para>Threading: any thread, but a loop's only for <see cref="Free"/> and the figures.</para>
/// </summary>
internal sealed class DiskDevice(Func<IScratchFile> open, long maxTotalBytes, TaskScheduler scheduler) : IEntryDevice
{
    private readonly Lock _gate = new();
    private readonly List<SlabFile> _files = [];
    private readonly SemaphoreSlim _opening = new(1);
    private volatile SlabFile? _current;
    private Task _shortening = Task.CompletedTask;
    private long _used;
    private readonly int _slabBytes = Slab.SizeFor(maxTotalBytes);
    private readonly long _most = maxTotalBytes / Slab.SizeFor(maxTotalBytes) * Slab.SizeFor(maxTotalBytes);
    private long _capacity = maxTotalBytes;
    private volatile bool _isFull;                                          // the file system is: below what it was thought to have
    private bool _disposed;

    public string Name => "disk";

    public long CapacityBytes => Volatile.Read(ref _capacity);

    public long UsedBytes => Volatile.Read(ref _used);

    /// <summary>What the files may have taken of the file system.</summary>
    public long AllocatedBytes
    {
        get { lock (_gate) return AllocatedSlabs * _slabBytes; }
    }

    private long AllocatedSlabs => _files.Sum(f => (long)f.Slabs);

    /// <summary>How many files are open.</summary>
    public int OpenFiles
    {
        get { lock (_gate) return _files.Count; }
    }

    /// <summary>Opens a file to write to.</summary>
    /// <exception cref="IOException">It cannot.</exception>
    public SlabFile Open()
    {
        var file = new SlabFile(open(), _slabBytes);
        MeasureCapacity(file);
        lock (_gate)
        {
            _files.Add(file);
            _current = file;
        }
        return file;
    }

    public async ValueTask<IDeviceEntry?> WriteAsync(ReadOnlyMemory<byte> entry, CancellationToken cancellationToken)
    {
        if (await TakeAsync(entry.Length) is not { } taken) return null;
        try
        {
            for (var done = 0; done < entry.Length;)
            {
                var count = await taken.File.File.WriteAsync(taken.Offset + done, entry[done..], cancellationToken);
                if (count <= 0) throw new IOException("The file takes no bytes.");
                done += count;
            }
            if (_isFull) MeasureCapacity(taken.File);              // others may have made room
            return taken;
        }
        catch (IOException e) when (ScratchFile.IsFull(e))
        {
            Free(taken);
            lock (_gate)
            {
                _isFull = true;
                Volatile.Write(ref _capacity, _used);
            }
            return null;
        }
        catch
        {
            Retire(taken.File);
            Free(taken);
            throw;
        }
    }

    public async ValueTask ReadAsync(IDeviceEntry entry, Memory<byte> into, CancellationToken cancellationToken)
    {
        var from = (DiskEntry)entry;
        into = into[..from.Length];
        for (var done = 0; done < into.Length;)
        {
            var count = await from.File.File.ReadAsync(from.Offset + done, into[done..], cancellationToken);
            if (count <= 0) throw new EndOfStreamException("The file ends before the entry does.");
            done += count;
        }
    }

    public void Free(IDeviceEntry entry)
    {
        var freed = (DiskEntry)entry;
        lock (_gate)
        {
            if (_disposed) return;
            freed.File.Free(freed);
            Volatile.Write(ref _used, _used - freed.SlotSize);
            if (freed.File is { IsRetired: true, LiveEntries: 0 }) Close(freed.File);
            else if (_shortening.IsCompleted && freed.File.SurplusSlabs is > 0 and var surplus) Shorten(freed.File, surplus);
        }
    }

    public async ValueTask DisposeAsync()
    {
        SlabFile[] files;
        Task shortening;
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
            files = [.. _files];
            _files.Clear();
            _used = 0;
            shortening = _shortening;
        }
        await shortening;
        _opening.Dispose();
        foreach (var file in files) await file.File.DisposeAsync();
    }

    private async ValueTask<DiskEntry?> TakeAsync(int length)
    {
        if (length > Slab.LargestSlot) throw new ArgumentOutOfRangeException(nameof(length), length, $"The largest entry has {Slab.LargestSlot} bytes.");
        for (var measured = false; ;)
        {
            var file = _current ?? await OpenAsync();
            Task shortening;
            lock (_gate)
            {
                ObjectDisposedException.ThrowIf(_disposed, this);
                if (file.IsRetired) continue;
                shortening = _shortening;
                var taken = file.TryTake(length, mayGrow: shortening.IsCompleted && (AllocatedSlabs + 1) * _slabBytes <= _capacity);
                if (taken is not null) Volatile.Write(ref _used, _used + taken.SlotSize);
                if (taken is not null || (shortening.IsCompleted && (!_isFull || measured))) return taken;
            }
            await shortening;                                      // what is behind the end that it cuts would be lost
            measured = true;
            if (_isFull) MeasureCapacity(file);
        }
    }

    private async ValueTask<SlabFile> OpenAsync()
    {
        await _opening.WaitAsync();                                // and not the lock, for which a loop may wait
        try
        {
            return _current ?? Open();
        }
        finally
        {
            _opening.Release();
        }
    }

    private void MeasureCapacity(SlabFile file)
    {
        var free = file.File.FreeBytes;
        lock (_gate)
        {
            var allocated = AllocatedSlabs * _slabBytes;
            var capacity = Math.Min(_most, allocated + (free / 10 * 9 / _slabBytes * _slabBytes));      // a tenth is left to others
            _isFull = capacity <= allocated && capacity < _most;
            Volatile.Write(ref _capacity, capacity);
        }
    }

    private void Retire(SlabFile file)
    {
        lock (_gate)
        {
            if (_current == file) _current = null;
            file.IsRetired = true;
        }
    }

    private void Close(SlabFile file)
    {
        _files.Remove(file);
        var before = _shortening;
        _shortening = RunAsync(async () =>
        {
            await before;
            await file.File.DisposeAsync();
        });
    }

    private void Shorten(SlabFile file, int slabs)
    {
        var length = file.Shorten(slabs);
        _shortening = RunAsync(async () => await file.File.TruncateAsync(length));
    }

    // Elsewhere, since a loop may have freed the entry. Where it fails nothing is lost: the file stays as it is, and is used again.
    private Task RunAsync(Func<Task> work) => Task.Factory.StartNew(
        async () =>
        {
            try
            {
                await work();
            }
            catch (IOException)
            {
            }
        },
        CancellationToken.None, TaskCreationOptions.DenyChildAttach, scheduler).Unwrap();
}
