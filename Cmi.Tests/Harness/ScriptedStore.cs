namespace Cmi.Tests.Harness;

/// <summary>A store that does what a test wants: answers later, is full, fails. Without orders it is a plain one on the heap.</summary>
internal sealed class ScriptedStore : IBufferStore
{
    private readonly List<Buffer> _live = [];
    private readonly Queue<Action> _deferred = new();

    /// <summary>Buffers that were made and not disposed of.</summary>
    public int Live => _live.Count;

    /// <summary>Buffers that were made.</summary>
    public int Made { get; private set; }

    /// <summary>TryCreate answers null.</summary>
    public bool RefusesBuffers { get; set; }

    /// <summary>The bytes that all buffers together may hold; beyond it there is no room.</summary>
    public long Capacity { get; set; } = long.MaxValue;

    /// <summary>Bytes that are held: appended and not released.</summary>
    public long Held => _live.Sum(buffer => buffer.Held);

    /// <summary>Reads and questions for room are answered only by <see cref="AnswerDeferred"/>.</summary>
    public bool Defers { get; set; }

    /// <summary>Reads fail.</summary>
    public bool FailsReads { get; set; }

    /// <summary>GetMemory throws.</summary>
    public bool FailsWrites { get; set; }

    /// <summary>Flushing fails: a write behind has gone wrong.</summary>
    public bool FailsFlushes { get; set; }

    /// <summary>TryCreate throws.</summary>
    public bool FailsCreation { get; set; }

    /// <summary>Questions for room are answered with Failed.</summary>
    public bool FailsRoom { get; set; }

    /// <summary>Answers that wait.</summary>
    public int Deferred => _deferred.Count;

    public IBuffer? TryCreate(ILoop loop, long? expectedBytes)
    {
        if (FailsCreation) throw new IOException("The test wants no buffer to be made.");
        if (RefusesBuffers) return null;
        Made++;
        var buffer = new Buffer(this, loop);
        _live.Add(buffer);
        return buffer;
    }

    /// <summary>Gives all answers that wait.</summary>
    public void AnswerDeferred()
    {
        while (_deferred.TryDequeue(out var answer)) answer();
    }

    public ValueTask DisposeAsync() => default;

    private ValueTask<T> Answer<T>(Func<T> answer)
    {
        if (!Defers) return new(answer());
        var later = new TaskCompletionSource<T>();
        _deferred.Enqueue(() =>
        {
            try
            {
                later.SetResult(answer());
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException)
            {
                later.SetException(e);
            }
        });
        return new(later.Task);
    }

    private sealed class Buffer(ScriptedStore store, ILoop loop) : IFlushableBuffer
    {
        private byte[] _bytes = new byte[256];
        private int _length;
        private long _released;
        private bool _disposed, _isReading;

        public long Held => _length - _released;
        public long Length => _length;
        public BufferState State { get; private set; }

        public Memory<byte> GetMemory(int atLeast)
        {
            Assert.That(loop.IsCurrent && !_disposed && State == BufferState.Open);
            if (store.FailsWrites) throw new IOException("The test wants writes to fail.");
            if (_bytes.Length - _length < atLeast) Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _length + atLeast));
            return _bytes.AsMemory(_length);
        }

        public void Advance(int count) => _length += count;

        public ValueTask<Room> WaitForRoomAsync(CancellationToken cancellationToken) => store.Answer(() =>
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return store.FailsRoom ? Room.Failed : store.Held >= store.Capacity ? Room.Full : Room.Ok;
        });

        public void Complete()
        {
            Assert.That(State, Is.EqualTo(BufferState.Open));
            State = BufferState.Whole;
        }

        public void Fail(Exception why)
        {
            if (State == BufferState.Open) State = BufferState.Failed;
        }

        public ValueTask<BufferSlice> ReadAsync(long offset, int maxBytes, CancellationToken cancellationToken)
        {
            Assert.That(offset, Is.InRange(_released, _length), "read outside of what is kept");
            if (_isReading) throw new InvalidOperationException("A read waits already: there can be one at a time.");
            _isReading = true;
            return store.Answer(() =>
            {
                _isReading = false;
                if (store.FailsReads) throw new IOException("The test wants reads to fail.");
                return new BufferSlice(_bytes.AsMemory((int)offset, (int)Math.Min(maxBytes, _length - offset)).ToArray());
            });
        }

        public async ValueTask FlushAsync(CancellationToken cancellationToken) =>
            await store.Answer(() => store.FailsFlushes ? throw new IOException("The test wants flushes to fail.") : true);

        public void Release(long upTo) => _released = Math.Max(_released, upTo);

        public ValueTask DisposeAsync()
        {
            Assert.That(_disposed, Is.False, "disposed twice");
            _disposed = true;
            store._live.Remove(this);
            return default;
        }
    }
}
