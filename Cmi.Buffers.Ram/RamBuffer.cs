using System.Diagnostics;
using System.Threading.Tasks.Sources;

namespace Cmi.Buffers;

/// <summary>
/// The content of one message, in segments. The object itself is used again for another message some time after it was disposed.
/// </summary>
/// <remarks>Open → Whole or Failed; from any of these → disposed.</remarks>
internal sealed class RamBuffer(SegmentPool pool) : IBuffer, IValueTaskSource<BufferSlice>
{
    private const int MaxKeptSlots = 64;

    private RamSegment[] _segments = new RamSegment[4];            // those from _first on are held; all but the last are filled as far as they will be
    private int _first;
    private int _count;
    private long _held;                                            // the sizes of those, for the limit of one buffer
    private long? _expected;
    private long _released;
    private int _offered;                                          // bytes of the memory that GetMemory gave and Advance has not taken
    private Exception? _why;
    private bool _disposed = true;

    private ManualResetValueTaskSourceCore<BufferSlice> _wait;
    private (long Offset, int MaxBytes) _wanted;
    private CancellationTokenRegistration _cancellation;
    private bool _waiting;                                         // for bytes, or for the end
    private bool _untaken;                                         // the wait is over, and its result was not taken yet

    public long Length { get; private set; }

    public BufferState State { get; private set; }

    private RamSegment? Tail => _count > 0 ? _segments[_first + _count - 1] : null;

    public void Begin(long? expectedBytes)
    {
        Debug.Assert(_disposed && _count == 0 && _held == 0);
        (_expected, Length, State, _released, _offered, _why, _disposed) = (expectedBytes, 0, BufferState.Open, 0, 0, null, false);
    }

    public Memory<byte> GetMemory(int atLeast)
    {
        CheckOpen();
        ArgumentOutOfRangeException.ThrowIfLessThan(atLeast, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(atLeast, SegmentPool.Large);
        var tail = Tail;
        if (tail is null || tail.Size - tail.Length < atLeast) tail = Grow(atLeast);
        _offered = tail.Size - tail.Length;
        return new(tail.Bytes, tail.Length, _offered);
    }

    public void Advance(int count)
    {
        CheckOpen();
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (count > _offered) throw new ArgumentOutOfRangeException(nameof(count), count, $"Only {_offered} bytes were given.");
        _offered = 0;
        if (count == 0) return;
        Tail!.Length += count;
        Length += count;
        if (_waiting) EndWait();
    }

    public ValueTask<Room> WaitForRoomAsync(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (State == BufferState.Failed) return new(Room.Failed);
        var needed = _expected - Length is > 0 and < SegmentPool.Large and { } left ? (int)left : SegmentPool.Large;
        if (Tail is { } tail && tail.Size - tail.Length >= needed) return new(Room.Ok);
        var size = SegmentPool.SizeFor(needed);
        return new(_held + size - Replaceable <= pool.MaxBytesPerBuffer && pool.EnsureRoom(size) ? Room.Ok : Room.Full);
    }

    public void Complete()
    {
        CheckOpen();
        State = BufferState.Whole;
        DropEmptyTail();
        if (_waiting) EndWait();
    }

    public void Fail(Exception why)
    {
        ArgumentNullException.ThrowIfNull(why);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (State != BufferState.Open) return;
        (State, _why) = (BufferState.Failed, why);
        DropEmptyTail();
        if (_waiting) EndWait();
    }

    public ValueTask<BufferSlice> ReadAsync(long offset, int maxBytes, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfLessThan(offset, _released);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBytes, 1);
        if (_waiting || _untaken) throw new InvalidOperationException("A read waits already: there can be one at a time.");
        if (offset < Length) return new(Lend(offset, maxBytes));
        if (State == BufferState.Whole) return new(default(BufferSlice));
        if (State == BufferState.Failed) return ValueTask.FromException<BufferSlice>(Failure());
        if (cancellationToken.IsCancellationRequested) return ValueTask.FromCanceled<BufferSlice>(cancellationToken);
        _wait.Reset();
        (_wanted, _waiting) = ((offset, maxBytes), true);
        if (cancellationToken.CanBeCanceled) _cancellation = RegisterCancellation(cancellationToken);
        return new(this, _wait.Version);
    }

    public void Release(long upTo)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(upTo);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(upTo, Length);
        if (upTo <= _released) return;
        _released = upTo;

        // The last segment stays while more may be appended to it.
        while (_count > 0 && _segments[_first].End <= upTo && (_count > 1 || State != BufferState.Open || IsFull(_segments[_first]))) DropFirst();
    }

    public ValueTask DisposeAsync()
    {
        if (_disposed) return ValueTask.CompletedTask;
        while (_count > 0) DropFirst();
        _disposed = true;

        // Its awaiter takes the failure later, from this very object: which therefore is not used again.
        if (_waiting) EndWait();
        if (_segments.Length > MaxKeptSlots) _segments = new RamSegment[4];
        _first = 0;
        _why = null;
        pool.TakeBack(this, reusable: !_untaken);
        return ValueTask.CompletedTask;
    }

    BufferSlice IValueTaskSource<BufferSlice>.GetResult(short token)
    {
        if (token == _wait.Version && !_waiting) _untaken = false;
        return _wait.GetResult(token);
    }

    ValueTaskSourceStatus IValueTaskSource<BufferSlice>.GetStatus(short token) => _wait.GetStatus(token);

    void IValueTaskSource<BufferSlice>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _wait.OnCompleted(continuation, state, token, flags);

    private static bool IsFull(RamSegment segment) => segment.Length == segment.Size;

    private RamSegment Grow(int atLeast)
    {
        var size = Math.Max(SegmentPool.SizeFor(atLeast), NextSize());
        var replaceable = Replaceable;

        // The usual size may be more than is left; what was asked for must do then.
        if (_held - replaceable + size > pool.MaxBytesPerBuffer || !pool.EnsureRoom(size)) size = SegmentPool.SizeFor(atLeast);
        if (_held - replaceable + size > pool.MaxBytesPerBuffer || pool.Take(size) is not { } segment)
            throw new InvalidOperationException("There is no room. Ask WaitForRoomAsync before.");
        DropEmptyTail();
        segment.Start = Length;
        Append(segment);
        return segment;
    }

    // A small content takes 4 KiB; a growing one is cheaper in fewer, larger pieces.
    private int NextSize() =>
        _expected - Length is > 0 and { } left ? SegmentPool.SizeFor(left)
        : Length == 0 ? SegmentPool.Small
        : Length < SegmentPool.Large ? SegmentPool.Medium
        : SegmentPool.Large;

    /// <summary>The size of the last segment if nothing is in it: it would give way to a larger one.</summary>
    private int Replaceable => Tail is { Length: 0 } tail ? tail.Size : 0;

    private void DropEmptyTail()
    {
        _offered = 0;
        if (Tail is not { Length: 0 } tail) return;
        _segments[_first + --_count] = null!;
        _held -= tail.Size;
        pool.LetGo(tail);
    }

    private void DropFirst()
    {
        var segment = _segments[_first];
        _segments[_first++] = null!;
        if (--_count == 0) _first = 0;
        _held -= segment.Size;
        pool.LetGo(segment);
    }

    private void Append(RamSegment segment)
    {
        if (_first + _count == _segments.Length)
        {
            var target = _count > _segments.Length / 2 ? new RamSegment[_segments.Length * 2] : _segments;
            Array.Copy(_segments, _first, target, 0, _count);
            if (target == _segments) Array.Clear(_segments, _count, _first);
            (_segments, _first) = (target, 0);
        }
        _segments[_first + _count++] = segment;
        _held += segment.Size;
    }

    private BufferSlice Lend(long offset, int maxBytes)
    {
        var segment = Find(offset);
        var from = (int)(offset - segment.Start);
        return pool.Lend(segment, from, Math.Min(maxBytes, segment.Length - from));
    }

    private RamSegment Find(long offset)
    {
        var (low, high) = (_first, _first + _count - 1);
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (_segments[middle].End <= offset) low = middle + 1;
            else high = middle;
        }
        return _segments[low];
    }

    private void EndWait()
    {
        (_waiting, _untaken) = (false, true);
        _cancellation.Unregister();                                // does not wait for the callback, which finds its wait over
        _cancellation = default;
        if (_disposed) _wait.SetException(new ObjectDisposedException(nameof(IBuffer)));
        else if (Length > _wanted.Offset) _wait.SetResult(Lend(_wanted.Offset, _wanted.MaxBytes));
        else if (State == BufferState.Failed) _wait.SetException(Failure());
        else _wait.SetResult(default);
    }

    private CancellationTokenRegistration RegisterCancellation(CancellationToken cancellationToken)
    {
        var version = _wait.Version;
        return cancellationToken.UnsafeRegister(_ => pool.Loop.Post(_ => Cancel(version, cancellationToken), null), null);
    }

    private void Cancel(short version, CancellationToken cancellationToken)
    {
        if (!_waiting || _wait.Version != version) return;
        (_waiting, _untaken) = (false, true);
        _wait.SetException(new OperationCanceledException(cancellationToken));
    }

    private IOException Failure() => new("The content will never be whole: " + _why!.Message, _why);

    private void CheckOpen()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (State != BufferState.Open) throw new InvalidOperationException($"The buffer is {State}: nothing can be added to it.");
    }
}
