using System.Collections.Concurrent;

namespace Cmi.Buffers;

/// <summary>
/// Where loops and the device meet: a few workers that seal and write what is due, and others that read and unseal, so that a read never waits behind what is to
/// be written. Each takes the oldest job. What they have done goes home through the mailbox of the buffer's loop.
/// <para>Threading: any thread. Bound: what waits is bounded by memory, and by one fetch for each entry.</para>
/// </summary>
internal sealed class EntryWorkers : IAsyncDisposable
{
    private const int ProbeBytes = 32;

    private const int MostUntoldWrites = 16;                       // a loop waits for their memory only
    private const int MostUntoldReads = 4;                         // half of them may be wanted by now

    private static readonly TimeSpan Long = TimeSpan.FromMilliseconds(1);      // for one entry: then its loop is not kept waiting for the next

    private readonly EntryBufferStore _store;
    private readonly EntryStoreOptions _options;
    private readonly byte[] _key;
    private readonly WriteQueue _writes;
    private readonly ConcurrentQueue<FetchJob> _fetches = new();
    private readonly ConcurrentStack<Desk> _desks = new();
    private readonly WorkerCrew _writers, _readers;
    private readonly CancellationTokenSource _stopping = new();
    private Task _probing = Task.CompletedTask;
    private long _writtenBytes, _readBytes, _ioTime;

    public EntryWorkers(EntryBufferStore store, EntryStoreOptions options, byte[] key)
    {
        (_store, _options, _key) = (store, options, key);
        _writes = new(options.WriteBehindBytes, store.Memory);
        _writers = new(options.Writers, options.Scheduler, () => _writes.IsDue, WriteAllAsync);
        _readers = new(options.Workers, options.Scheduler, () => !_fetches.IsEmpty, FetchAllAsync);
    }

    public long WrittenBytes => Volatile.Read(ref _writtenBytes);

    public long ReadBytes => Volatile.Read(ref _readBytes);

    public TimeSpan IoTime => _options.Time.GetElapsedTime(0, Volatile.Read(ref _ioTime));

    /// <summary>Entries that wait to be written or are being written.</summary>
    public int Unwritten => _writes.Unwritten;

    /// <summary>Has an entry written when it is due.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="isUrgent">Whether somebody waits until it is written.</param>
    public void Write(BufferEntry entry, bool isUrgent)
    {
        if (_writes.TryAdd(entry, isUrgent)) _writers.Call();
        else if (entry.TryLeaveQueue(EntryPhase.Writing)) Refuse(entry);
    }

    /// <summary>Has an entry written at once.</summary>
    public void Urge(BufferEntry entry)
    {
        _writes.Urge(entry);
        _writers.Call();
    }

    /// <summary>Forgets an entry that was given up.</summary>
    public void Withdraw(BufferEntry entry) => _writes.Remove(entry);

    /// <summary>Has what waits written, since somebody waits for its memory.</summary>
    public void MemoryIsWanted() => _writers.Call();

    /// <summary>The loop has heard that an entry is written, or cannot be.</summary>
    public void CountDone() => _writes.CountDone();

    public void Fetch(FetchJob job)
    {
        _fetches.Enqueue(job);
        _readers.Call();
    }

    /// <summary>Tries whether the device works, with an entry of nobody's.</summary>
    public void Probe(ILoop loop) => _probing = Task.Factory.StartNew(
        async () =>
        {
            Exception? fault = null;
            var wrote = false;
            try
            {
                var probe = new byte[ProbeBytes];
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
                    if (wrote) _store.RetryParked();               // others may have made room for what waits in memory
                },
                null);
        },
        CancellationToken.None, TaskCreationOptions.DenyChildAttach, _options.Scheduler).Unwrap();

    /// <summary>Ends when the device has answered what is under way. What only waits fails.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        foreach (var entry in _writes.End()) Refuse(entry);
        await Task.WhenAll(_writers.EndAsync(), _readers.EndAsync(), _probing);
        while (_desks.TryPop(out var desk)) desk.Dispose();
        _stopping.Dispose();
    }

    private void Refuse(BufferEntry entry)
    {
        entry.Fault = new ObjectDisposedException(nameof(IBufferStore));
        entry.Buffer.Owner.AddDone(entry);
        entry.Buffer.Owner.PostDone();
    }

    private async Task WriteAllAsync()
    {
        var desk = TakeDesk();
        while (_writes.Take() is { } entry)
        {
            _writers.Call();
            var took = await WriteAsync(entry, desk);
            desk.Report.Add(entry.Buffer.Owner, entry, _options.Time.GetElapsedTime(0, took) >= Long ? 1 : MostUntoldWrites);
        }
        PutBack(desk);
    }

    /// <returns>How long the device took, by its clock.</returns>
    private async ValueTask<long> WriteAsync(BufferEntry entry, Desk desk)
    {
        var took = 0L;
        try
        {
            ObjectDisposedException.ThrowIf(_stopping.IsCancellationRequested, _store);
            var content = entry.Block!.Content(0, entry.Length);
            var made = desk.Seal.Encrypts ? desk.Memory.AsMemory(0, entry.Length) : content;
            entry.Tag = desk.Seal.Seal(entry.Id, content.Span, made.Span);
            for (var attempt = 1; ; attempt++)
            {
                var begun = _options.Time.GetTimestamp();
                try
                {
                    var writing = _store.Device.WriteAsync(made, _stopping.Token);
                    if (!writing.IsCompleted) desk.Report.Tell();
                    entry.Stored = await writing;
                    if (entry.Stored is not null) Interlocked.Add(ref _writtenBytes, made.Length);
                    break;
                }
                catch (IOException) when (attempt == 1)
                {
                    _store.Health.CountFailure();                  // the device may find another place
                }
                finally
                {
                    took += _options.Time.GetTimestamp() - begun;
                }
            }
        }
        catch (Exception e)
        {
            entry.Fault = e;
        }
        Interlocked.Add(ref _ioTime, took);
        return took;
    }

    private async Task FetchAllAsync()
    {
        var desk = TakeDesk();
        while (_fetches.TryDequeue(out var job))
        {
            _readers.Call();
            var begun = _options.Time.GetTimestamp();
            await FetchAsync(job, desk);
            var took = _options.Time.GetTimestamp() - begun;
            Interlocked.Add(ref _ioTime, took);
            desk.Report.Add(job.Entry.Buffer.Owner, job, !job.IsAhead || _options.Time.GetElapsedTime(0, took) >= Long ? 1 : MostUntoldReads);
        }
        PutBack(desk);
    }

    private async ValueTask FetchAsync(FetchJob job, Desk desk)
    {
        try
        {
            ObjectDisposedException.ThrowIf(_stopping.IsCancellationRequested, _store);
            var entry = (job.IsWhole ? job.Block.Bytes : desk.Memory).AsMemory(0, job.Stored.Length);
            var reading = _store.Device.ReadAsync(job.Stored, entry, _stopping.Token);
            if (!reading.IsCompleted) desk.Report.Tell();
            await reading;
            Interlocked.Add(ref _readBytes, entry.Length);
            if (!desk.Seal.TryOpen(job.Entry.Id, job.Entry.Tag, entry.Span)) throw new InvalidDataException("An entry came back corrupted.");
            if (!job.IsWhole) entry.Slice(job.From, job.Count).CopyTo(job.Block.Content(0, job.Count));
        }
        catch (Exception e)
        {
            job.Fault = e;
            if (!_stopping.IsCancellationRequested) _store.Health.ReadFailed(e);
        }
    }

    private Desk TakeDesk() => _desks.TryPop(out var desk) ? desk : new(_key);

    private void PutBack(Desk desk)
    {
        desk.Report.Tell();
        _desks.Push(desk);
    }

    /// <summary>What a worker needs: there are as many as were ever at work at once.</summary>
    private sealed class Desk(byte[] key) : IDisposable
    {
        public EntrySeal Seal { get; } = new(key);

        public DoneReport Report { get; } = new();

        /// <summary>For an entry as it is on the device: encrypted, or one of which only a part is wanted.</summary>
        public byte[] Memory => field ??= new byte[Block.Largest];

        public void Dispose() => Seal.Dispose();
    }
}
