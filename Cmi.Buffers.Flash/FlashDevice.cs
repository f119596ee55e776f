namespace Cmi.Buffers;

/// <summary>How a <see cref="FlashDevice"/> is made.</summary>
internal sealed record FlashDeviceSettings(string Directory, long CapacityBytes, long MemoryBytes)
{
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Makes the files of a log; tests make some that fail.</summary>
    public Func<string, HeldSpace, SegmentFiles> MakeFiles { get; init; } = static (directory, held) => new SegmentFiles(directory, held);

    /// <summary>Is told of each log that failed, with the reason, and how many entries in it can still be read.</summary>
    public Action<Exception, int> LogFailed { get; init; } = static (_, _) => { };
}

/// <summary>
/// Entries in a log on flash. Writers and readers come from any thread; all that changes the log is done by one task, its <see cref="FlashKeeper"/>.
/// </summary>
internal sealed class FlashDevice : IEntryDevice
{
    private readonly FlashLogs _logs;
    private readonly FlashKeeper _keeper;
    private readonly SemaphoreSlim _wake = new(0, 1);
    private readonly LogLayout _layout;
    private readonly long _capacity;
    private readonly Task _running;
    private long _liveBytes;
    private int _woken;
    private volatile bool _stopping;

    public FlashDevice(FlashDeviceSettings settings)
    {
        _layout = LogLayout.For(settings.CapacityBytes, settings.MemoryBytes);
        _capacity = settings.CapacityBytes;
        _logs = new(settings, _layout);
        _keeper = new(_logs, _layout);
        _running = Task.Run(RunAsync);
    }

    public string Name => "flash";

    /// <summary>The bound of <see cref="HeldBytes"/>; while the file system has no room for that, what is held already.</summary>
    public long CapacityBytes => _logs.IsFileSystemFull ? Math.Min(_capacity, HeldBytes) : _capacity;

    /// <summary>
    /// What the log holds, or would when it has copied forward as much as it does under pressure: what is above that is dead and gives way to whatever comes.
    /// </summary>
    public long UsedBytes
    {
        get
        {
            var live = Volatile.Read(ref _liveBytes);
            return live == 0 ? 0 : Math.Min(HeldBytes, (live / 7 * 10) + (FlashKeeper.SlackSegments * _layout.SegmentBytes));
        }
    }

    /// <summary>What the files take: the file system has that much less.</summary>
    public long HeldBytes => _logs.Held.Bytes;

    /// <summary>The longest entry.</summary>
    /// <value>Bytes.</value>
    public int MaxEntryBytes => _layout.MaxEntryBytes;

    public FlashLogs Logs => _logs;

    public FlashKeeper Keeper => _keeper;

    public ValueTask<IDeviceEntry?> WriteAsync(ReadOnlyMemory<byte> entry, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfZero(entry.Length, nameof(entry));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(entry.Length, MaxEntryBytes, nameof(entry));
        ObjectDisposedException.ThrowIf(_stopping, this);
        var write = new FlashWrite(entry, cancellationToken);
        _keeper.Write(write);
        Wake();

        // The keeper may have looked for the last time between the check above and the queue.
        if (_stopping && _running.IsCompleted) _keeper.RefuseWrites();
        return AwaitAsync(write);
    }

    public ValueTask ReadAsync(IDeviceEntry entry, Memory<byte> into, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested) return ValueTask.FromCanceled(cancellationToken);
        try
        {
            var read = (FlashEntry)entry;
            for (;;)
            {
                // Copied forward meanwhile: the address is another one by the time the segment is gone.
                var address = read.Address;
                if (read.Log.TryRead(address, into.Span[..read.Length])) return ValueTask.CompletedTask;
                if (read.Address == address) return ValueTask.FromException(new IOException("The entry is not in the flash log any more."));
            }
        }
        catch (IOException failure)
        {
            return ValueTask.FromException(failure);
        }
    }

    public void Free(IDeviceEntry entry)
    {
        var freed = (FlashEntry)entry;
        if (!freed.TryMarkFreed()) throw new InvalidOperationException("The entry was freed before.");
        Interlocked.Add(ref _liveBytes, -LiveRanges.Footprint(freed.Length));
        _keeper.Free(freed);
        Wake();
    }

    public async ValueTask DisposeAsync()
    {
        _stopping = true;
        Wake();
        await _running.ConfigureAwait(false);
    }

    private async ValueTask<IDeviceEntry?> AwaitAsync(FlashWrite write)
    {
        var entry = await write.Task.ConfigureAwait(false);
        if (entry is not null) Interlocked.Add(ref _liveBytes, LiveRanges.Footprint(entry.Length));
        return entry;
    }

    private void Wake()
    {
        if (Interlocked.Exchange(ref _woken, 1) == 0) _wake.Release();
    }

    private async Task RunAsync()
    {
        while (!_stopping)
        {
            await _wake.WaitAsync().ConfigureAwait(false);
            Interlocked.Exchange(ref _woken, 0);
            while (await _keeper.TurnAsync().ConfigureAwait(false) && !_stopping)
            {
            }
        }
        await _keeper.DisposeAsync().ConfigureAwait(false);
    }
}
