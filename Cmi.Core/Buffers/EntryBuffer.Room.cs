namespace Cmi.Buffers;

// Waiting for room: while the store is writing, or can write what lies idle in memory. Where only somebody else can make room, the answer is Full.
internal sealed partial class EntryBuffer
{
    private TaskCompletionSource<Room>? _roomWait;
    private CancellationTokenRegistration _roomCancellation;
    private bool _queuedForRoom, _queuedToRead;

    // An answer that comes late finds its asker only after others of the loop may have taken memory: until then it is set apart.
    private long _promised;
    private bool _promiseEnds;

    private int Needed => _expected - Length is > 0 and < Block.Largest and { } left ? (int)left : Block.Largest;

    private long RoomBytes => _tail is null && Needed < Block.Largest ? Block.CapacityFor(Needed) : EntryLoop.RoomBytes;

    public ValueTask<Room> WaitForRoomAsync(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_roomWait is not null) throw new InvalidOperationException("A wait for room is under way already: there can be one at a time.");
        EndPromise();
        if (CheckRoom() is { } answer) return new(answer);
        if (cancellationToken.IsCancellationRequested) return ValueTask.FromCanceled<Room>(cancellationToken);
        var wait = _roomWait = new(TaskCreationOptions.RunContinuationsAsynchronously);
        if (cancellationToken.CanBeCanceled)
            _roomCancellation = cancellationToken.UnsafeRegister(_ => Loop.Post(_ => CancelRoom(wait, cancellationToken), null), null);
        if (_unwritten > Store.Memory.FewUnwrittenPerBuffer) UrgeAll();       // it waits for its own content
        QueueForRoom();

        // What was under way may have ended before this buffer was in the queue.
        Loop.Post(static b => ((EntryBuffer)b!).LookForRoom(), this);
        return new(wait.Task);
    }

    /// <summary>Has the buffer look again for what it waits for. From any thread.</summary>
    public void PostMemoryChanged(bool forRoom) =>
        Loop.Post(forRoom ? static b => ((EntryBuffer)b!).RoomTurn() : static b => ((EntryBuffer)b!).ReadTurn(), this);

    // Its turn in the queue of those that want room. Whoever gets an answer, or wants none any more, passes the turn on.
    private void RoomTurn()
    {
        _queuedForRoom = false;
        if (_roomWait is null || LookForRoom()) Store.Memory.WakeOne();
        else QueueForRoom();
    }

    private bool LookForRoom()
    {
        if (_roomWait is null || CheckRoom() is not { } answer) return false;
        if (answer == Room.Ok && TailRoom < Needed) _owner.SetApart(_promised = RoomBytes);
        EndRoomWait(answer);
        return true;
    }

    /// <returns>The answer; <see langword="null"/>: the store is making room.</returns>
    private Room? CheckRoom()
    {
        if (State == BufferState.Failed || Store.IsDisposed) return Room.Failed;
        var needed = Needed;
        if (TailRoom >= needed) return Room.Ok;
        var isTooLarge = _held + needed > Store.MaxBytesPerBuffer;  // for its share of the device, which may be less than it was
        if (isTooLarge || !Store.HasDeviceRoom(needed))
        {
            if (!isTooLarge && Store.MayHaveDeviceRoom(needed)) return null;
            if (!Store.HasDeviceRoom(needed)) Store.WasFull(Loop);
            return Room.Full;
        }

        // One fast sender must not have all memory wait for the device with its content. One that waits is called for many entries, not for each.
        if (_unwritten > (_roomWait is null ? Store.Memory.MaxUnwrittenPerBuffer : Store.Memory.FewUnwrittenPerBuffer)) return null;
        if (_owner.EnsureRoom(RoomBytes)) return Room.Ok;
        if (!Store.CanMakeRoom) return Room.Full;
        Store.RequestFlush();
        return null;
    }

    private Block? TryTake(int capacity)
    {
        if (_promised < capacity) return _owner.TryTake(capacity);
        _promised -= capacity;
        if (!_promiseEnds)
        {
            _promiseEnds = true;                                   // it holds for what is asked for at once, not for ever
            Loop.Post(static b => ((EntryBuffer)b!).EndPromiseInUse(), this);
        }
        return Store.Memory.TakeReserved(capacity);
    }

    // Not one that was given in between, whose asker has not had its turn yet.
    private void EndPromiseInUse()
    {
        if (_promiseEnds) EndPromise();
    }

    private void EndPromise()
    {
        var left = _promised;
        (_promised, _promiseEnds) = (0, false);
        if (left > 0) _owner.TakeBack(left);
    }

    private void QueueForRoom()
    {
        if (_queuedForRoom) return;
        _queuedForRoom = true;
        Store.WaitForRoom(this);
    }

    private void CancelRoom(TaskCompletionSource<Room> wait, CancellationToken cancellationToken)
    {
        if (_roomWait != wait) return;
        _roomWait = null;
        wait.SetCanceled(cancellationToken);
    }

    private void EndRoomWait(Room? answer)
    {
        if (_roomWait is not { } wait) return;
        _roomWait = null;
        _roomCancellation.Unregister();                            // does not wait for the callback, which finds its wait over
        _roomCancellation = default;
        if (answer is { } room) wait.SetResult(room);
        else wait.SetException(new ObjectDisposedException(nameof(IBuffer)));
    }
}
