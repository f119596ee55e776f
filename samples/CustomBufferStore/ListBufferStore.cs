namespace Cmi.Samples.CustomBufferStore;

/// <summary>
/// A store of one's own, as short as one can be: each content is a list of arrays, and one counter holds the sum of all to a limit. Memory is left to
/// the garbage collector, so a slice that is still out when its bytes are released simply keeps its array.
/// </summary>
/// <param name="maxTotalBytes">What all buffers together may hold.</param>
internal sealed class ListBufferStore(long maxTotalBytes) : IBufferStore
{
    private long _usedBytes;

    public IBuffer? TryCreate(ILoop loop, long? expectedBytes) =>
        Interlocked.Read(ref _usedBytes) < maxTotalBytes ? new ListBuffer(this, expectedBytes ?? 0) : null;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    // Several loops ask at once: take first, and give back what was too much.
    internal bool TryTake(int bytes)
    {
        if (Interlocked.Add(ref _usedBytes, bytes) <= maxTotalBytes) return true;
        GiveBack(bytes);
        return false;
    }

    internal void GiveBack(int bytes) => Interlocked.Add(ref _usedBytes, -bytes);
}

/// <summary>The content of one message. Everything here happens on one loop, so there are no locks.</summary>
internal sealed class ListBuffer(ListBufferStore store, long expectedBytes) : IBuffer
{
    private const int RoomBytes = 65536;                            // what Room.Ok promises, and the largest piece
    private const int SmallestPieceBytes = 4096;

    private readonly List<Piece> _pieces = [];                      // in order; the last one is being filled
    private int _reserved;                                          // taken by WaitForRoomAsync, so that GetMemory cannot fail
    private long _released;                                         // bytes before this are not asked for again
    private TaskCompletionSource? _more;                            // wakes the reader that waits for bytes or the end
    private Exception? _failure;

    public long Length { get; private set; }

    public BufferState State { get; private set; }

    public ValueTask<Room> WaitForRoomAsync(CancellationToken cancellationToken)
    {
        if (_reserved == 0 && store.TryTake(RoomBytes)) _reserved = RoomBytes;
        return new(_reserved == 0 ? Room.Full : Room.Ok);
    }

    public Memory<byte> GetMemory(int atLeast)
    {
        Require(atLeast is >= 1 and <= RoomBytes, nameof(atLeast));
        RequireOpen();
        var last = _pieces.LastOrDefault();
        if (last is null || last.Free < atLeast)
        {
            if (last is { Length: 0 }) _reserved += Unused(last);
            // A piece is as large as all before it, so that a short content takes little and a long one has few pieces.
            var bytes = Math.Max(atLeast, (int)Math.Clamp(Math.Max(expectedBytes, Length), SmallestPieceBytes, RoomBytes));
            if (_reserved < bytes) throw new InvalidOperationException("There is no room; ask WaitForRoomAsync first.");
            _reserved -= bytes;
            _pieces.Add(last = new(Length, new byte[bytes]));
        }
        return last.Bytes.AsMemory(last.Length);
    }

    public void Advance(int count)
    {
        Require(count == 0 || (count > 0 && _pieces.Count > 0 && count <= _pieces[^1].Free), nameof(count));
        if (count == 0) return;
        _pieces[^1].Length += count;
        Length += count;
        Unreserve();
        WakeReader();
    }

    public void Complete()
    {
        RequireOpen();
        End(BufferState.Whole);
    }

    public void Fail(Exception why)
    {
        if (State != BufferState.Open) return;
        _failure = why;
        End(BufferState.Failed);
    }

    public async ValueTask<BufferSlice> ReadAsync(long offset, int maxBytes, CancellationToken cancellationToken)
    {
        Require(offset >= _released && offset <= Length, nameof(offset));
        Require(maxBytes >= 1, nameof(maxBytes));
        while (offset == Length && State == BufferState.Open)
        {
            // Asynchronous, so that the reader goes on in its own turn of the loop and not inside Advance.
            _more ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
            await _more.Task.WaitAsync(cancellationToken);
        }
        if (offset < Length) return new(_pieces.First(p => offset < p.End).From(offset, maxBytes));
        return State == BufferState.Whole ? default : throw new IOException("The content ends before it is whole.", _failure);
    }

    public void Release(long upTo)
    {
        Require(upTo <= Length, nameof(upTo));
        _released = Math.Max(_released, upTo);
        // The piece that is being filled stays: someone may hold its memory between GetMemory and Advance.
        while (_pieces is [var first, ..] && first.End <= upTo && (_pieces.Count > 1 || first.Free == 0 || State != BufferState.Open)) Drop(first);
    }

    public ValueTask DisposeAsync()
    {
        Fail(new ObjectDisposedException(nameof(ListBuffer)));
        while (_pieces is [var first, ..]) Drop(first);
        Unreserve();
        return ValueTask.CompletedTask;
    }

    private void Drop(Piece piece)
    {
        _pieces.Remove(piece);
        store.GiveBack(piece.Bytes.Length);
    }

    // A piece that was given out and not filled makes way for a larger one.
    private int Unused(Piece piece)
    {
        _pieces.Remove(piece);
        return piece.Bytes.Length;
    }

    private void End(BufferState state)
    {
        State = state;
        Unreserve();
        WakeReader();
    }

    private void Unreserve()
    {
        store.GiveBack(_reserved);
        _reserved = 0;
    }

    private void WakeReader()
    {
        _more?.TrySetResult();
        _more = null;
    }

    private void RequireOpen()
    {
        if (State != BufferState.Open) throw new InvalidOperationException($"The buffer is {State}.");
    }

    private static void Require(bool met, string parameter)
    {
        if (!met) throw new ArgumentOutOfRangeException(parameter);
    }

    private sealed class Piece(long start, byte[] bytes)
    {
        public byte[] Bytes => bytes;

        public int Length { get; set; }

        public int Free => bytes.Length - Length;

        public long End => start + Length;

        public ReadOnlyMemory<byte> From(long offset, int maxBytes) => bytes.AsMemory((int)(offset - start), (int)Math.Min(End - offset, maxBytes));
    }
}
