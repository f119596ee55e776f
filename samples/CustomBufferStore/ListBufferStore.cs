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
        Interlocked.Read(ref _usedBytes) < maxTotalBytes ? new ListBuffer(this, expectedBytes) : null;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    // Several loops ask at once: take first, and give back what was too much.
    internal byte[]? TryTake(int bytes)
    {
        if (Interlocked.Add(ref _usedBytes, bytes) <= maxTotalBytes) return new byte[bytes];
        GiveBack(bytes);
        return null;
    }

    internal void GiveBack(int bytes) => Interlocked.Add(ref _usedBytes, -bytes);
}

/// <summary>The content of one message. Everything here happens on one loop, so there are no locks.</summary>
internal sealed class ListBuffer(ListBufferStore store, long? expectedBytes) : IBuffer
{
    private const int MaxPieceBytes = 65536;

    private readonly List<Piece> _pieces = [];                      // in order; the last one is being filled
    private byte[]? _next;                                          // taken by WaitForRoomAsync, so that GetMemory cannot fail
    private TaskCompletionSource? _more;                            // the reader that waits for bytes or an end
    private Exception? _failure;

    public long Length { get; private set; }

    public BufferState State { get; private set; }

    public ValueTask<Room> WaitForRoomAsync(CancellationToken cancellationToken)
    {
        var left = expectedBytes - Length is { } bytes and > 0 ? bytes : MaxPieceBytes;
        _next ??= store.TryTake((int)Math.Min(left, MaxPieceBytes));
        return new(_next is null ? Room.Full : Room.Ok);
    }

    public Memory<byte> GetMemory(int atLeast)
    {
        if (State != BufferState.Open) throw new InvalidOperationException($"The buffer is {State}.");
        if (_pieces is not [.., var last] || last.Free < atLeast)
        {
            _pieces.Add(last = new(Length, _next ?? throw new InvalidOperationException("There is no room.")));
            _next = null;
        }
        return last.Bytes.AsMemory(last.Length);
    }

    public void Advance(int count)
    {
        if (count == 0) return;
        _pieces[^1].Length += count;
        Length += count;
        WakeReader();
    }

    public void Complete() => End(State == BufferState.Open ? BufferState.Whole : throw new InvalidOperationException($"The buffer is {State}."));

    public void Fail(Exception why)
    {
        if (State != BufferState.Open) return;
        _failure = why;
        End(BufferState.Failed);
    }

    public async ValueTask<BufferSlice> ReadAsync(long offset, int maxBytes, CancellationToken cancellationToken)
    {
        while (offset == Length && State == BufferState.Open)
        {
            // Asynchronous, so that the reader goes on in its own turn of the loop and not inside Advance.
            _more ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
            await _more.Task.WaitAsync(cancellationToken);
        }
        if (offset < Length)
            return new((_pieces.Find(p => offset < p.End) ?? throw new IOException("The content was released.")).From(offset, maxBytes));
        return State == BufferState.Whole ? default : throw new IOException("The content ends before it is whole.", _failure);
    }

    public void Release(long upTo)
    {
        // The piece that is being filled stays: someone may hold its memory between GetMemory and Advance.
        while (_pieces is [var first, ..] && first.End <= upTo && (_pieces.Count > 1 || first.Free == 0 || State != BufferState.Open)) Drop(first);
    }

    public ValueTask DisposeAsync()
    {
        Fail(new ObjectDisposedException(nameof(ListBuffer)));
        foreach (var piece in _pieces.ToArray()) Drop(piece);
        if (_next is not null) store.GiveBack(_next.Length);
        _next = null;
        return ValueTask.CompletedTask;
    }

    private void Drop(Piece piece)
    {
        _pieces.Remove(piece);
        store.GiveBack(piece.Bytes.Length);
    }

    private void End(BufferState state)
    {
        State = state;
        WakeReader();
    }

    private void WakeReader()
    {
        _more?.TrySetResult();
        _more = null;
    }

    private sealed class Piece(long start, byte[] bytes)
    {
        public byte[] Bytes => bytes;

        public int Length { get; set; }

        public int Free => bytes.Length - Length;

        public long End => start + Length;

        public ReadOnlyMemory<byte> From(long offset, int maxBytes) =>
            bytes.AsMemory((int)(offset - start), (int)Math.Min(End - offset, maxBytes));
    }
}
