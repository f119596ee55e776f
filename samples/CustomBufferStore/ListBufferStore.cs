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

    public ValueTask DisposeAsync() => default;

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

    private readonly List<Piece> _pieces = [];                      // in order; the last one is being filled
    private int _reserved;                                          // taken in advance, so that GetMemory cannot fail after Room.Ok
    private TaskCompletionSource? _more;                            // wakes the reader that waits for bytes or the end
    private Exception? _failure;
    private long _released;                                         // bytes before this are not asked for again

    public long Length { get; private set; }

    public BufferState State { get; private set; }

    public ValueTask<Room> WaitForRoomAsync(CancellationToken cancellationToken)
    {
        if (store.TryTake(RoomBytes - _reserved)) _reserved = RoomBytes;
        return new(_reserved == RoomBytes ? Room.Ok : Room.Full);
    }

    public Memory<byte> GetMemory(int atLeast)
    {
        Require(atLeast is >= 1 and <= RoomBytes, nameof(atLeast));
        RequireOpen();
        if (_pieces is not [.., var last] || last.Free < atLeast)
        {
            // A piece is as large as all before it, so that a short content takes little and a long one has few pieces.
            var bytes = Math.Max(atLeast, (int)Math.Clamp(Math.Max(expectedBytes, Length), 4096, RoomBytes));
            if (_reserved < bytes && !store.TryTake(bytes - _reserved)) throw new InvalidOperationException("There is no room.");
            _reserved = Math.Max(0, _reserved - bytes);
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
        Changed();
    }

    public void Complete()
    {
        RequireOpen();
        State = BufferState.Whole;
        Changed();
    }

    public void Fail(Exception why)
    {
        if (State != BufferState.Open) return;
        (State, _failure) = (BufferState.Failed, why);
        Changed();
    }

    public async ValueTask<BufferSlice> ReadAsync(long offset, int maxBytes, CancellationToken cancellationToken)
    {
        Require(offset >= _released && offset <= Length, nameof(offset));
        Require(maxBytes >= 1, nameof(maxBytes));
        while (offset == Length && State == BufferState.Open)
        {
            // Asynchronous, so that the reader goes on in its own turn of the loop and not inside Advance.
            await (_more ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task.WaitAsync(cancellationToken);
        }
        if (offset < Length) return new(_pieces.First(p => offset < p.End).From(offset, maxBytes));
        return State == BufferState.Whole ? default : throw new IOException("The content ends before it is whole.", _failure);
    }

    public void Release(long upTo)
    {
        Require(upTo <= Length, nameof(upTo));
        _released = Math.Max(_released, upTo);
        // The piece that is being filled stays: someone may hold its memory between GetMemory and Advance.
        while (_pieces is [var first, ..] && first.End <= upTo && (_pieces.Count > 1 || State != BufferState.Open)) DropFirst();
    }

    public ValueTask DisposeAsync()
    {
        Fail(new ObjectDisposedException(nameof(ListBuffer)));
        while (_pieces.Count > 0) DropFirst();
        return default;
    }

    private void Changed()
    {
        store.GiveBack(_reserved);                                  // a buffer that only waits keeps nothing from others
        _reserved = 0;
        _more?.TrySetResult();
        _more = null;
    }

    private void DropFirst()
    {
        store.GiveBack(_pieces[0].Bytes.Length);
        _pieces.RemoveAt(0);
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
