using System.Diagnostics;

namespace Cmi.Buffers;

// Reading: from memory at once; from the device by a worker, a few entries ahead of a reader that goes through from one end to the other.
internal sealed partial class EntryBuffer
{
    private const int MaxReadAhead = 16;                            // fewer where memory is scarce

    // Memory that quick readers hold comes back sooner, and sessions give back after 10 ms what their clients do not take.
    private const long PatienceMs = 20;

    private readonly List<BufferEntry> _fetched = [];
    private TaskCompletionSource<BufferSlice>? _readWait;
    private CancellationTokenRegistration _readCancellation;
    private LoopTimer? _patience;                                  // set while a read waits for memory
    private (long Offset, int MaxBytes) _wanted;
    private long _readUpTo;                                        // where the last slice ended
    private bool _isSequential;                                    // the reader goes through from one end to the other

    public ValueTask<BufferSlice> ReadAsync(long offset, int maxBytes, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfLessThan(offset, _released);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBytes, 1);
        if (_readWait is not null) throw new InvalidOperationException("A read waits already: there can be one at a time.");
        _wanted = (offset, maxBytes);
        _isSequential = offset == 0 || offset == _readUpTo;
        if (offset < Length)
        {
            var entry = Find(offset);
            if (entry.Phase == EntryPhase.Lost) return ValueTask.FromException<BufferSlice>(Lost(entry));
            if (TryLend(entry, out var slice)) return new(slice);
        }
        else if (State == BufferState.Whole) return new(default(BufferSlice));
        else if (State == BufferState.Failed) return ValueTask.FromException<BufferSlice>(Failure());
        if (cancellationToken.IsCancellationRequested) return ValueTask.FromCanceled<BufferSlice>(cancellationToken);

        var wait = _readWait = new(TaskCreationOptions.RunContinuationsAsynchronously);
        if (cancellationToken.CanBeCanceled)
            _readCancellation = cancellationToken.UnsafeRegister(_ => Loop.Post(_ => CancelRead(wait, cancellationToken), null), null);
        if (offset < Length) ContinueRead();
        return new(wait.Task);
    }

    /// <summary>A worker is done with reading an entry. On the loop.</summary>
    public void Fetched(FetchJob job)
    {
        Debug.Assert(Loop.IsCurrent);
        var (entry, block) = (job.Entry, job.Block);
        entry.IsFetching = false;
        if (entry.IsFreed)
        {
            _owner.LetGo(block);
            ReleaseEntry(entry);
            Lingered();
            return;
        }
        var isWanted = _readWait is not null && _wanted.Offset >= entry.Start && _wanted.Offset < entry.End;
        if (job.Fault is not null)
        {
            _owner.LetGo(block);
            if (isWanted) EndRead(new IOException("Stored content cannot be read back: " + job.Fault.Message, job.Fault));
        }
        else if (job.IsWhole)
        {
            entry.Block = block;
            _fetched.Add(entry);
            if (isWanted) ContinueRead();
        }
        else if (isWanted && _wanted.Offset - entry.Start - job.From is >= 0 and var skip && skip < job.Count)
        {
            EndRead(Lend(block, (int)skip, (int)Math.Min(_wanted.MaxBytes, job.Count - skip)));
            _owner.LetGo(block);
        }
        else
        {
            _owner.LetGo(block);                                   // that read was given up
            if (isWanted) ContinueRead();
        }
    }

    /// <summary>Answers the read that waits, if it can be; else sees to it that it can be later.</summary>
    private void ContinueRead()
    {
        if (_readWait is null) return;
        if (_wanted.Offset >= Length)
        {
            if (State == BufferState.Whole) EndRead(default(BufferSlice));
            else if (State == BufferState.Failed) EndRead(Failure());
            return;
        }
        var entry = Find(_wanted.Offset);
        if (entry.Phase == EntryPhase.Lost) EndRead(Lost(entry));
        else if (TryLend(entry, out var slice)) EndRead(slice);
        else if (entry.IsFetching) return;
        else if (entry.Block is not null || !TryFetch(entry, small: false)) WaitToRead(entry);
        else ReadAhead(entry);
    }

    private void WaitToRead(BufferEntry entry)
    {
        if (_patience is not { IsSet: true }) Loop.SetTimer(_patience ??= new(static b => ((EntryBuffer)b!).LosePatience(), this), Loop.Now + PatienceMs);
        if (_queuedToRead) return;
        _queuedToRead = true;
        Store.Memory.WaitToRead(this);

        // What others held may have come back before this buffer was in the queue.
        Loop.Post(static b => ((EntryBuffer)b!).ContinueRead(), this);
    }

    // Others hold on to what they were lent. To read a whole entry for a small part of it costs more than it should, but waits for nobody.
    private void LosePatience()
    {
        if (_readWait is null || _wanted.Offset >= Length || Find(_wanted.Offset) is not { Phase: EntryPhase.Stored, IsFetching: false } entry) return;
        if (entry.Block is not null || !TryFetch(entry, small: true)) ContinueRead();
    }

    private void ReadTurn()
    {
        _queuedToRead = false;
        ContinueRead();
        if (!_queuedToRead) Store.Memory.WakeReader();
    }

    private bool TryLend(BufferEntry entry, out BufferSlice slice)
    {
        slice = default;
        if (entry.Block is not { } block) return false;
        var from = (int)(_wanted.Offset - entry.Start);
        var count = Math.Min(_wanted.MaxBytes, entry.Length - from);
        if (block.Leases > 0 || Store.Memory.TryLend(block))
        {
            slice = Lend(block, from, count);
        }
        else
        {
            // Slow readers must not keep what is to be written in memory: they get a small copy.
            count = Math.Min(count, SmallRead);
            if (Store.Memory.TryTakeForReading(Block.CapacityFor(count)) is not { } copy) return false;
            block.Content(from, count).CopyTo(copy.Content(0, count));
            slice = Lend(copy, 0, count);
            _owner.LetGo(copy);
        }

        // A reader does not come back to an entry that it has read to its end; if it does, it is read again.
        if (block.IsForReading && from + count == entry.Length) DropFetched(entry);
        ReadAhead(entry);
        return true;
    }

    private BufferSlice Lend(Block block, int from, int count)
    {
        _readUpTo = _wanted.Offset + count;
        return _owner.Lend(block, from, count);
    }

    private void ReadAhead(BufferEntry entry)
    {
        for (var i = _fetched.Count - 1; i >= 0; i--)
            if (_fetched[i] != entry && (_fetched[i].Start < entry.Start || _fetched[i].Start > entry.End + (MaxReadAhead * Block.Largest))) DropFetched(_fetched[i]);
        if (!_isSequential) return;
        var at = IndexOf(entry);
        var begun = false;
        for (var ahead = 1; ahead <= MaxReadAhead && at + ahead < _first + _count; ahead++)
        {
            var next = _entries[at + ahead];
            if (next.Phase != EntryPhase.Stored || next.IsFetching || next.Block is not null) continue;
            if (!begun && ahead > MaxReadAhead / 2) return;        // several are read in one go
            begun = true;
            if (!TryFetch(next, small: false, ahead: true)) return;
        }
    }

    private bool TryFetch(BufferEntry entry, bool small, bool ahead = false)
    {
        Debug.Assert(entry.Phase == EntryPhase.Stored && !entry.IsFetching && entry.Block is null);
        var from = small ? (int)(_wanted.Offset - entry.Start) : 0;
        var count = small ? Math.Min(SmallRead, entry.Length - from) : entry.Length;
        if (Store.Memory.TryTakeForReading(Block.CapacityFor(count), ahead) is not { } block) return false;
        entry.IsFetching = true;
        Store.Fetch(new(entry, entry.Stored!, block, from, count, ahead));
        return true;
    }

    private void DropFetched(BufferEntry entry)
    {
        if (entry.Block is not { IsForReading: true } block) return;
        entry.Block = null;
        _fetched.Remove(entry);
        _owner.LetGo(block);
    }

    private BufferEntry Find(long offset)
    {
        var (low, high) = (_first, _first + _count - 1);
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (_entries[middle].End <= offset) low = middle + 1;
            else high = middle;
        }
        return _entries[low];
    }

    private int IndexOf(BufferEntry entry) => _first + (int)(entry.Id.Index - _entries[_first].Id.Index);

    private void CancelRead(TaskCompletionSource<BufferSlice> wait, CancellationToken cancellationToken)
    {
        if (_readWait != wait) return;
        EndReadWait();
        wait.SetCanceled(cancellationToken);
    }

    private void EndRead(BufferSlice slice) => EndReadWait()?.SetResult(slice);

    private void EndRead(Exception why) => EndReadWait()?.SetException(why);

    private TaskCompletionSource<BufferSlice>? EndReadWait()
    {
        var wait = _readWait;
        _readWait = null;
        if (_patience is { IsSet: true }) Loop.ClearTimer(_patience);
        _readCancellation.Unregister();                            // does not wait for the callback, which finds its wait over
        _readCancellation = default;
        return wait;
    }

    private static IOException Lost(BufferEntry entry) => new("Content was lost as it was written out: " + entry.Fault!.Message, entry.Fault);

    private IOException Failure() => new("The content will never be whole: " + _why!.Message, _why);
}
