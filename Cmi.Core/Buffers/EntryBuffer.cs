using System.Diagnostics;

namespace Cmi.Buffers;

/// <summary>
/// The content of one message, in entries of up to 64 KiB. The last one is in memory until it is full, the content ends, or memory is wanted elsewhere; the
/// others are on the device, or on their way.
/// </summary>
/// <remarks>
/// Open → Whole or Failed; Whole → Failed where an entry was lost; from any of these → disposed, which is done when no worker has an entry of it any more.
/// </remarks>
internal sealed partial class EntryBuffer : IFlushableBuffer
{
    /// <summary>How much is lent at once where memory is scarce.</summary>
    public const int SmallRead = 4 << 10;

    private readonly EntryLoop _owner;
    private readonly ulong _id;
    private readonly long? _expected;
    private readonly LinkedListNode<EntryBuffer> _tailNode;
    private BufferEntry[] _entries = [];                           // those from _first on are held
    private int _first;
    private int _count;
    private uint _made;
    private BufferEntry? _tail;                                    // the last one, while it is being filled
    private long _held;                                            // bytes of content in what is held
    private long _unwritten;                                       // bytes of memory of what waits to be written
    private long _released;
    private int _offered;                                          // bytes of the memory that GetMemory gave and Advance has not taken
    private bool _flushWanted;
    private Exception? _why;
    private int _lingering;                                        // entries that were let go of while a worker had them
    private TaskCompletionSource? _disposal;
    private bool _disposed;

    public EntryBuffer(EntryLoop owner, ulong id, long? expectedBytes)
    {
        (_owner, _id, _expected) = (owner, id, expectedBytes);
        _tailNode = new(this);
        owner.Began();
    }

    public ILoop Loop => _owner.Loop;

    public long Length { get; private set; }

    public BufferState State { get; private set; }

    public EntryLoop Owner => _owner;

    private EntryBufferStore Store => _owner.Store;

    private int TailRoom => _tail is { } tail ? tail.Block!.Capacity - tail.Length : 0;

    public Memory<byte> GetMemory(int atLeast)
    {
        CheckOpen();
        ArgumentOutOfRangeException.ThrowIfLessThan(atLeast, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(atLeast, Block.Largest);
        if (TailRoom < atLeast && !TryGrowTail(atLeast))
        {
            CutTail();
            BeginTail(atLeast);
        }
        _offered = TailRoom;
        return _tail!.Block!.Content(_tail.Length, _offered);
    }

    public void Advance(int count)
    {
        CheckOpen();
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (count > _offered) throw new ArgumentOutOfRangeException(nameof(count), count, $"Only {_offered} bytes were given.");
        _offered = 0;
        if (count > 0)
        {
            _tail!.Length += count;
            _held += count;
            Length += count;
            if (_readWait is not null) ContinueRead();
        }
        if (_flushWanted || _tail is { Length: Block.Largest }) CutTail();
    }

    public void Complete()
    {
        CheckOpen();
        State = BufferState.Whole;
        End();
    }

    public void Fail(Exception why)
    {
        ArgumentNullException.ThrowIfNull(why);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (State != BufferState.Open) return;
        (State, _why) = (BufferState.Failed, why);
        End();
    }

    public void Release(long upTo)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(upTo);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(upTo, Length);
        if (upTo <= _released) return;
        _released = upTo;
        while (_count > 0 && _entries[_first] is { } entry && entry != _tail && entry.End <= upTo) DropFirst();
        LookForRoom();
    }

    public ValueTask DisposeAsync()
    {
        if (_disposed) return _disposal is null ? ValueTask.CompletedTask : new(_disposal.Task);
        _disposed = true;
        DropTail();
        while (_count > 0) DropFirst();
        EndPromise();
        (_entries, _why) = ([], null);
        EndRead(new ObjectDisposedException(nameof(IBuffer)));
        EndRoomWait(null);
        EndFlush(new ObjectDisposedException(nameof(IBuffer)));
        if (_lingering == 0)
        {
            _owner.Ended();
            return ValueTask.CompletedTask;
        }
        _disposal = new(TaskCreationOptions.RunContinuationsAsynchronously);
        return new(_disposal.Task);
    }

    /// <summary>Sends what the last entry has on its way, since its memory is wanted elsewhere.</summary>
    public void FlushTail()
    {
        if (_offered > 0) _flushWanted = true;                     // somebody may be receiving into it at this moment
        else CutTail();
    }

    /// <summary>A worker is done with writing an entry. On the loop.</summary>
    public void Written(BufferEntry entry)
    {
        Debug.Assert(Loop.IsCurrent);
        Store.CountWritten();
        entry.Phase = entry.Stored is not null ? EntryPhase.Stored : entry.Fault is not null ? EntryPhase.Lost : EntryPhase.Queued;
        if (entry.Fault is not null && !Store.IsDisposed) Store.Health.WriteFailed(Loop.Now, entry.Fault);
        if (entry.IsFreed)
        {
            ReleaseEntry(entry);
            Lingered();
        }
        else if (entry.Phase == EntryPhase.Queued)
        {
            Store.Park(entry);                                     // the device is full; the content is still in memory
            EndFlush(new IOException("The device is full."));
        }
        else
        {
            LetGoUnwritten(entry);
            if (entry.Fault is not null) Lose(entry.Fault);
        }
        LookForFlush();
        LookForRoom();
        Store.Memory.WakeOne();                                    // also where no memory came free: what was waited for may not come any more
    }

    private bool TryGrowTail(int atLeast)
    {
        // Small contents live in small blocks. One that grows is copied to a larger one, so that it becomes one entry and not four.
        if (_tail is not { } tail || tail.Block!.Capacity == Block.Largest || tail.Length + atLeast > Block.Largest) return false;
        var wanted = _expected - tail.Start is > 0 and { } left ? left : tail.Block.Capacity * 4L;
        var capacity = Block.CapacityFor(Math.Max(tail.Length + atLeast, Math.Min(wanted, Block.Largest)));
        var larger = TryTake(capacity);
        if (larger is null && capacity > Block.CapacityFor(tail.Length + atLeast)) larger = TryTake(Block.CapacityFor(tail.Length + atLeast));
        if (larger is null) return false;
        tail.Block.Content(0, tail.Length).CopyTo(larger.Content(0, tail.Length));
        var smaller = tail.Block;
        _unwritten += larger.Capacity - smaller.Capacity;
        tail.Block = larger;
        _owner.LetGo(smaller);
        return true;
    }

    private void BeginTail(int atLeast)
    {
        var last = _count > 0 ? _entries[_first + _count - 1].Length : 0;
        var wanted = _expected - Length is > 0 and { } left ? left : last == Block.Largest ? Block.Largest : atLeast;
        var block = TryTake(Block.CapacityFor(Math.Max(wanted, atLeast))) ?? TryTake(Block.CapacityFor(atLeast));
        if (block is null) throw new InvalidOperationException("There is no room. Ask WaitForRoomAsync before.");
        _tail = new(this, Length, Store.NextId(_id, _made++), block);
        _unwritten += block.Capacity;
        Append(_tail);
        _owner.AddTail(_tailNode);
    }

    /// <summary>No more is appended to the last entry: it goes to the device.</summary>
    private void CutTail()
    {
        _flushWanted = false;
        if (_tail is not { } tail) return;
        if (tail.Length == 0 || tail.End <= _released)
        {
            DropTail();                                            // nothing is in it, or nobody needs it any more
            return;
        }
        _owner.RemoveTail(_tailNode);
        _tail = null;
        tail.Phase = EntryPhase.Queued;
        Store.Write(tail, isUrgent: _flush is not null);
    }

    private void DropTail()
    {
        _offered = 0;
        if (_tail is null) return;
        _owner.RemoveTail(_tailNode);
        var tail = _tail;
        _tail = null;
        _entries[_first + --_count] = null!;
        _made--;                                                   // places have no gaps
        tail.Phase = EntryPhase.GivenUp;
        _held -= tail.Length;
        LetGoUnwritten(tail);
    }

    private void End()
    {
        _offered = 0;
        CutTail();
        EndPromise();
        if (_readWait is not null) ContinueRead();
        LookForRoom();
    }

    private void Lose(Exception fault)
    {
        _why ??= fault;
        State = BufferState.Failed;
        End();
    }

    private void DropFirst()
    {
        var entry = _entries[_first];
        _entries[_first++] = null!;
        if (--_count == 0) _first = 0;
        _held -= entry.Length;
        if (entry.TryLeaveQueue(EntryPhase.GivenUp))
        {
            Store.Withdraw(entry);
            Store.RetryParked();
        }
        if (entry.IsFetching || entry.Phase == EntryPhase.Writing)
        {
            entry.IsFreed = true;
            _lingering++;
        }
        else
        {
            ReleaseEntry(entry);
        }
    }

    private void ReleaseEntry(BufferEntry entry)
    {
        if (entry.Stored is { } stored)
        {
            entry.Stored = null;
            Store.Free(stored);
        }
        if (entry.Block is not { IsForReading: true }) LetGoUnwritten(entry);
        else DropFetched(entry);
    }

    private void LetGoUnwritten(BufferEntry entry)
    {
        if (entry.Block is not { } block) return;
        entry.Block = null;
        _unwritten -= block.Capacity;
        _owner.LetGo(block);
    }

    private void Lingered()
    {
        if (--_lingering > 0 || _disposal is null) return;
        _owner.Ended();
        _disposal.SetResult();
    }

    private void Append(BufferEntry entry)
    {
        if (_first + _count == _entries.Length)
        {
            var target = _count > _entries.Length / 2 || _entries.Length == 0 ? new BufferEntry[Math.Max(4, _entries.Length * 2)] : _entries;
            Array.Copy(_entries, _first, target, 0, _count);
            if (target == _entries) Array.Clear(_entries, _count, _first);
            (_entries, _first) = (target, 0);
        }
        _entries[_first + _count++] = entry;
    }

    private void CheckOpen()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (State != BufferState.Open) throw new InvalidOperationException($"The buffer is {State}: nothing can be added to it.");
    }
}
