using Cmi.Buffers;

namespace Cmi.Simulation.World.Storage;

/// <summary>
/// What stands for the log on flash: entries behind one another in segments, one commit for all that came while the one before was under way, freed in any
/// order, cut off at the oldest end, copied forward under pressure; a log whose commit fails is retired, and a new one takes its place.
/// </summary>
internal sealed class SimulatedLog(SimulatedDrive drive, long capacityBytes, TaskScheduler scheduler) : IEntryDevice
{
    private const int Segments = 16, MostRetired = 4, SlackSegments = 3;
    private readonly long _segmentBytes = Math.Max(capacityBytes / Segments, 80 << 10);     // it holds the largest entry
    private readonly List<Write> _waiting = [];
    private readonly List<Log> _logs = [new()];                     // the last one is written to
    private bool _isCommitting;
    private long _live;

    public string Name => "flash";

    public long CapacityBytes => drive.IsFull ? Math.Min(capacityBytes, HeldBytes) : capacityBytes;

    // As the device on flash reckons: what is dead gives way to whatever comes.
    public long UsedBytes => _live == 0 ? 0 : Math.Min(HeldBytes, (_live / 7 * 10) + (SlackSegments * _segmentBytes));

    private long HeldBytes => _logs.Sum(log => log.Tail - log.Begin);

    public ValueTask<IDeviceEntry?> WriteAsync(ReadOnlyMemory<byte> entry, CancellationToken cancellationToken)
    {
        var write = new Write(entry);
        _waiting.Add(write);
        if (!_isCommitting) _ = Task.Factory.StartNew(CommitAllAsync, CancellationToken.None, TaskCreationOptions.DenyChildAttach, scheduler);
        _isCommitting = true;
        return new(write.Done.Task);
    }

    public async ValueTask ReadAsync(IDeviceEntry entry, Memory<byte> into, CancellationToken cancellationToken)
    {
        await drive.ReadAsync();
        var bytes = ((Entry)entry).Bytes;
        bytes.CopyTo(into);
        drive.Spoil(into.Span[..bytes.Length]);
    }

    public void Free(IDeviceEntry entry)
    {
        var freed = (Entry)entry;
        if (!freed.Log.Live.Remove(freed)) throw new InvalidOperationException("The entry was freed before.");
        _live -= freed.Length;
        CutOff(freed.Log);
    }

    public ValueTask DisposeAsync()
    {
        foreach (var write in _waiting) write.Done.SetException(new ObjectDisposedException(nameof(SimulatedLog)));
        _waiting.Clear();
        return ValueTask.CompletedTask;
    }

    private async Task CommitAllAsync()
    {
        while (_waiting.Count > 0)
        {
            var writes = _waiting.ToArray();
            _waiting.Clear();
            var log = _logs[^1];
            var appended = writes.Where(write => TryAppend(log, write)).ToArray();
            Exception? failure = null;
            try
            {
                await drive.WriteAsync();
            }
            catch (IOException e)
            {
                failure = e;
            }
            if (failure is null) Committed(appended);
            else Retire(log, appended, failure);
            foreach (var full in writes.Except(appended)) full.Done.SetResult(null);
        }
        _isCommitting = false;
    }

    private bool TryAppend(Log log, Write write)
    {
        if (drive.IsFull || !MakeRoom(log, write.Bytes.Length)) return false;
        write.Entry = Append(log, write.Bytes.ToArray());
        return true;
    }

    private bool MakeRoom(Log log, int bytes)
    {
        // To copy more forward than a few segments would be for next to nothing.
        for (var tries = 0; HeldBytes + bytes > capacityBytes; tries++)
        {
            var oldest = log.Live.Where(entry => entry.At < log.Begin + _segmentBytes).ToArray();
            if (tries == SlackSegments || oldest.Length == 0 || oldest.Sum(entry => (long)entry.Length) > _segmentBytes / 10 * 7) return false;
            foreach (var entry in oldest)
            {
                log.Live.Remove(entry);
                (entry.At, log.Tail) = (log.Tail, log.Tail + entry.Length);
                log.Live.Add(entry);
            }
            CutOff(log);
        }
        return true;
    }

    private Entry Append(Log log, byte[] bytes)
    {
        var entry = new Entry(log, bytes) { At = log.Tail };
        log.Tail += bytes.Length;
        log.Live.Add(entry);
        _live += bytes.Length;
        return entry;
    }

    private static void Committed(Write[] writes)
    {
        foreach (var write in writes) write.Done.SetResult(write.Entry);
    }

    // What was committed before can be read until it is freed.
    private void Retire(Log log, Write[] writes, Exception failure)
    {
        foreach (var write in writes)
        {
            Free(write.Entry!);
            write.Done.SetException(new IOException("The log failed before the entry was written.", failure));
        }
        if (_logs.Count <= MostRetired) _logs.Add(new());
        CutOff(log);
    }

    private void CutOff(Log log)
    {
        log.Begin = log.Live.Min is { } oldest ? oldest.At / _segmentBytes * _segmentBytes : log.Tail;
        if (log.Live.Count == 0 && log != _logs[^1]) _logs.Remove(log);
    }

    private sealed class Log
    {
        public long Begin { get; set; }
        public long Tail { get; set; }
        public SortedSet<Entry> Live { get; } = new(Comparer<Entry>.Create((one, other) => one.At.CompareTo(other.At)));
    }

    private sealed class Entry(Log log, byte[] bytes) : IDeviceEntry
    {
        public Log Log => log;
        public byte[] Bytes => bytes;
        public int Length => bytes.Length;
        public long At { get; set; }
    }

    private sealed class Write(ReadOnlyMemory<byte> bytes)
    {
        public ReadOnlyMemory<byte> Bytes => bytes;
        public Entry? Entry { get; set; }
        public TaskCompletionSource<IDeviceEntry?> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
