using System.Threading.Channels;

namespace Cmi.Buffers;

/// <summary>
/// Where loops and the device meet: a few workers that seal and write, and others that read and unseal, so that a read never waits behind what is to be
/// written. Each takes the oldest job. What they have done goes home through the mailbox of the buffer's loop.
/// <para>Threading: any thread. The channels have no bound of their own: what is in them is bounded by memory, and by one fetch for each entry.</para>
/// </summary>
internal sealed class EntryWorkers : IAsyncDisposable
{
    private readonly EntryBufferStore _store;
    private readonly EntryStoreOptions _options;
    private readonly byte[] _key;
    private readonly Channel<BufferEntry> _writes = Channel.CreateUnbounded<BufferEntry>();
    private readonly Channel<FetchJob> _fetches = Channel.CreateUnbounded<FetchJob>();
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task[] _workers;
    private Task _probing = Task.CompletedTask;
    private long _writtenBytes, _readBytes, _ioTime;
    private int _unwritten;

    public EntryWorkers(EntryBufferStore store, EntryStoreOptions options, byte[] key)
    {
        (_store, _options, _key) = (store, options, key);
        _workers =
        [
            .. Enumerable.Range(0, options.Writers).Select(_ => Start(WriteAllAsync)),
            .. Enumerable.Range(0, options.Workers).Select(_ => Start(FetchAllAsync)),
        ];
    }

    public long WrittenBytes => Volatile.Read(ref _writtenBytes);

    public long ReadBytes => Volatile.Read(ref _readBytes);

    public TimeSpan IoTime => _options.Time.GetElapsedTime(0, Volatile.Read(ref _ioTime));

    /// <summary>Entries that wait to be written or are being written, those that were given up included.</summary>
    public int Unwritten => Volatile.Read(ref _unwritten);

    public int Queued => _writes.Reader.Count;

    public void Write(BufferEntry entry)
    {
        Interlocked.Increment(ref _unwritten);
        if (_writes.Writer.TryWrite(entry) || !entry.TryLeaveQueue(EntryPhase.Writing)) return;
        entry.Fault = new ObjectDisposedException(nameof(IBufferStore));
        GoHome(entry);
    }

    /// <summary>The loop has heard that an entry is written, or cannot be.</summary>
    public void CountDone() => Interlocked.Decrement(ref _unwritten);

    public void Fetch(FetchJob job)
    {
        if (_fetches.Writer.TryWrite(job)) return;
        job.Fault = new ObjectDisposedException(nameof(IBufferStore));
        GoHome(job);
    }

    /// <summary>Tries whether the device works, with an entry of nobody's.</summary>
    public void Probe(ILoop loop) => _probing = Start(async () =>
    {
        Exception? fault = null;
        var wrote = false;
        try
        {
            var probe = new byte[EntrySeal.HeaderBytes];
            if (await _store.Device.WriteAsync(probe, _stopping.Token) is { } entry)
            {
                try
                {
                    await _store.Device.ReadAsync(entry, probe, _stopping.Token);
                }
                finally
                {
                    _store.Device.Free(entry);
                }
                wrote = true;
            }
        }
        catch (Exception e)
        {
            fault = e;
        }
        loop.Post(
            _ =>
            {
                _store.Health.Probed(loop.Now, fault);
                if (wrote) _store.RetryParked();                   // others may have made room for what waits in memory
            },
            null);
    });

    /// <summary>Ends when the device has answered what is under way. What only waits fails.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _writes.Writer.TryComplete();
        _fetches.Writer.TryComplete();
        await Task.WhenAll([.. _workers, _probing]);
        _stopping.Dispose();
    }

    // A device may block, so this must not run on a loop: the scheduler takes it elsewhere, and what is awaited there comes back there.
    private Task Start(Func<Task> work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach, _options.Scheduler).Unwrap();

    private async Task WriteAllAsync()
    {
        using var seal = new EntrySeal(_key);
        var sealedEntry = seal.Encrypts ? new byte[Block.SizeOf(Block.Largest)] : null;
        while (await NextAsync(_writes.Reader) is { } entry)
        {
            if (entry.TryLeaveQueue(EntryPhase.Writing))
            {
                await WriteAsync(entry, seal, sealedEntry);
                GoHome(entry);
            }
            else
            {
                CountDone();
                _store.Memory.WakeOne();                           // who waited for its memory may have waited for the last of it
            }
        }
    }

    private async Task WriteAsync(BufferEntry entry, EntrySeal seal, byte[]? sealedEntry)
    {
        try
        {
            ObjectDisposedException.ThrowIf(_stopping.IsCancellationRequested, _store);
            var block = entry.Block!;
            var into = sealedEntry ?? block.Bytes;
            var length = seal.Seal(entry.Id, block.Content(0, entry.Length).Span, into);
            for (var attempt = 1; ; attempt++)
            {
                var begun = _options.Time.GetTimestamp();
                try
                {
                    entry.Stored = await _store.Device.WriteAsync(into.AsMemory(0, length), _stopping.Token);
                    if (entry.Stored is not null) Interlocked.Add(ref _writtenBytes, length);
                    return;
                }
                catch (IOException) when (attempt == 1)
                {
                    _store.Health.CountFailure();                  // the device may find another place
                }
                finally
                {
                    Interlocked.Add(ref _ioTime, _options.Time.GetTimestamp() - begun);
                }
            }
        }
        catch (Exception e)
        {
            entry.Fault = e;
        }
    }

    private async Task FetchAllAsync()
    {
        using var seal = new EntrySeal(_key);
        byte[]? whole = null;                                      // of entries of which only a part is wanted
        while (await NextAsync(_fetches.Reader) is { } job)
        {
            var begun = _options.Time.GetTimestamp();
            try
            {
                ObjectDisposedException.ThrowIf(_stopping.IsCancellationRequested, _store);
                var into = job.IsWhole ? job.Block.Bytes : whole ??= new byte[Block.SizeOf(Block.Largest)];
                var entry = into.AsMemory(0, job.Stored.Length);
                await _store.Device.ReadAsync(job.Stored, entry, _stopping.Token);
                Interlocked.Add(ref _readBytes, entry.Length);
                if (!seal.TryOpen(job.Entry.Id, entry.Span)) throw new InvalidDataException("An entry came back corrupted.");
                if (!job.IsWhole) entry.Slice(EntrySeal.HeaderBytes + job.From, job.Count).CopyTo(job.Block.Content(0, job.Count));
            }
            catch (Exception e)
            {
                job.Fault = e;
                if (!_stopping.IsCancellationRequested) _store.Health.ReadFailed(e);
            }
            Interlocked.Add(ref _ioTime, _options.Time.GetTimestamp() - begun);
            GoHome(job);
        }
    }

    // Not ReadAllAsync: it would have a wake-up go through the thread pool before it comes back to the scheduler.
    private static async ValueTask<T?> NextAsync<T>(ChannelReader<T> jobs)
        where T : class
    {
        for (; ; )
        {
            if (jobs.TryRead(out var job)) return job;
            if (!await jobs.WaitToReadAsync()) return null;
        }
    }

    private static void GoHome(BufferEntry entry) => entry.Buffer.Loop.Post(static e => ((BufferEntry)e!).Buffer.Written((BufferEntry)e!), entry);

    private static void GoHome(FetchJob job) => job.Entry.Buffer.Loop.Post(static j => ((FetchJob)j!).Entry.Buffer.Fetched((FetchJob)j!), job);
}
