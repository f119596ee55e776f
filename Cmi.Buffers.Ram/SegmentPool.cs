using System.Diagnostics;

namespace Cmi.Buffers;

/// <summary>A piece of memory in which a buffer keeps a run of its content.</summary>
internal sealed class RamSegment(byte[] bytes)
{
    public readonly byte[] Bytes = bytes;
    public long Start;                                             // the offset of its first byte in the content
    public int Length;                                             // how many bytes are filled
    public int Leases;                                             // slices that are out
    public bool IsLetGo;                                           // by its buffer; goes back to the pool with the last slice
    public RamSegment? Next;                                       // in the pool

    public int Size => Bytes.Length;

    public long End => Start + Length;
}

/// <summary>
/// The memory of one loop: segments of three sizes, used again last in first out since the last one is still in the processor's cache; the slices that
/// are out; and the buffer objects. It keeps at most <see cref="RamBudget.MaxIdle"/>, and <see cref="RamBudget.Piece"/> when none of its buffers lives.
/// <para>Threading: the loop, except <see cref="BytesInUse"/> and <see cref="LiveBuffers"/>.</para>
/// </summary>
internal sealed class SegmentPool(RamBudget budget, RamBufferOptions options, ILoop loop) : IBufferSliceOwner
{
    public const int Small = 4 << 10;
    public const int Medium = 16 << 10;
    public const int Large = 64 << 10;
    public const int Classes = 3;

    // A buffer object is used again only after this many others were disposed, so that a stray use of a disposed one still finds it disposed.
    private const int Quarantine = 256;
    private const int MaxBuffers = 4_096;

    private readonly RamSegment?[] _idle = new RamSegment?[Classes];
    private readonly Queue<RamBuffer> _buffers = new();
    private Lease[] _leases = new Lease[16];
    private int _freeLease = -1;                                   // head of a list through NextFree
    private int _leasesUsed;
    private long _drawn;                                           // from the budget
    private long _idleBytes;
    private long _bytesInUse;
    private int _liveBuffers;

    public ILoop Loop => loop;

    /// <summary>What buffers hold and slices keep.</summary>
    public long BytesInUse => Volatile.Read(ref _bytesInUse);

    public int LiveBuffers => Volatile.Read(ref _liveBuffers);

    public long MaxBytesPerBuffer { get; } = options.MaxBytesPerBuffer;

    private long Unused => _drawn - _bytesInUse;

    private long Credit => _drawn - _bytesInUse - _idleBytes;      // drawn, with no segment behind it yet

    /// <summary>The smallest size that holds so many bytes, or the largest.</summary>
    public static int SizeFor(long bytes) => bytes <= Small ? Small : bytes <= Medium ? Medium : Large;

    public RamBuffer? TryCreate(long? expectedBytes)
    {
        Debug.Assert(loop.IsCurrent);
        if (budget.Free + Unused < options.ReserveBytes) return null;
        var buffer = _buffers.Count > Quarantine ? _buffers.Dequeue() : new RamBuffer(this);
        buffer.Begin(expectedBytes);
        Volatile.Write(ref _liveBuffers, _liveBuffers + 1);
        return buffer;
    }

    public void TakeBack(RamBuffer buffer, bool reusable)
    {
        Volatile.Write(ref _liveBuffers, _liveBuffers - 1);
        if (reusable && _buffers.Count < MaxBuffers) _buffers.Enqueue(buffer);
        Trim();
    }

    /// <summary>Sees to it that the next <see cref="Take"/> of this size succeeds, if it comes before that of another buffer of this loop.</summary>
    public bool EnsureRoom(int size)
    {
        Debug.Assert(loop.IsCurrent);
        if (_idle[ClassOf(size)] is not null || Credit >= size) return true;
        var drawn = budget.Draw(size - Credit);
        if (drawn == 0 && _idleBytes > 0)
        {
            // Rather than say "full" while segments of another size lie idle, let those go.
            DropIdle(downTo: 0);
            if (Credit >= size) return true;
            drawn = budget.Draw(size - Credit);
        }
        _drawn += drawn;
        return drawn > 0;
    }

    public RamSegment? Take(int size)
    {
        if (!EnsureRoom(size)) return null;
        ref var head = ref _idle[ClassOf(size)];
        var segment = head;
        if (segment is not null)
        {
            head = segment.Next;
            segment.Next = null;
            _idleBytes -= size;
        }
        else
        {
            segment = budget.TakeSegment(size);
        }
        Volatile.Write(ref _bytesInUse, _bytesInUse + size);
        return segment;
    }

    /// <summary>Takes a segment that its buffer does not need any more; slices of it may still be out.</summary>
    public void LetGo(RamSegment segment)
    {
        segment.IsLetGo = true;
        if (segment.Leases == 0) Put(segment);
    }

    public BufferSlice Lend(RamSegment segment, int from, int count)
    {
        var index = _freeLease;
        if (index >= 0) _freeLease = _leases[index].NextFree;
        else
        {
            if (_leasesUsed == _leases.Length) Array.Resize(ref _leases, _leasesUsed * 2);
            index = _leasesUsed++;
        }
        ref var lease = ref _leases[index];
        lease.Segment = segment;
        segment.Leases++;
        return new(new ReadOnlyMemory<byte>(segment.Bytes, from, count), this, ((long)lease.Generation << 32) | (uint)index);
    }

    /// <summary>Takes a slice back; a second time it finds another generation, and nothing happens.</summary>
    public void Return(long token)
    {
        Debug.Assert(loop.IsCurrent);
        var index = (int)(uint)token;
        if ((uint)index >= (uint)_leasesUsed) return;
        ref var lease = ref _leases[index];
        if (lease.Generation != (int)(token >> 32) || lease.Segment is not { } segment) return;
        lease.Segment = null;
        lease.Generation++;
        lease.NextFree = _freeLease;
        _freeLease = index;
        if (--segment.Leases == 0 && segment.IsLetGo) Put(segment);
    }

    /// <summary>Lets go of the segments and objects that are kept for their next use.</summary>
    public void DropKept()
    {
        Debug.Assert(loop.IsCurrent);
        _buffers.Clear();
        _buffers.TrimExcess();
        Trim(keep: 0);
    }

    private void Put(RamSegment segment)
    {
        (segment.Start, segment.Length, segment.IsLetGo) = (0, 0, false);
        ref var head = ref _idle[ClassOf(segment.Size)];
        segment.Next = head;
        head = segment;
        _idleBytes += segment.Size;
        Volatile.Write(ref _bytesInUse, _bytesInUse - segment.Size);
        Trim();
    }

    private void Trim() => Trim(budget.IsScarce ? 0 : _liveBuffers == 0 ? budget.Piece : budget.MaxIdle);

    private void Trim(long keep)
    {
        if (Unused <= keep) return;
        if (_idleBytes > keep) DropIdle(keep);
        var surplus = Math.Min(Credit, Unused - keep);
        _drawn -= surplus;
        budget.GiveBack(surplus);
    }

    private void DropIdle(long downTo)
    {
        for (var sizeClass = _idle.Length - 1; sizeClass >= 0; sizeClass--)
        {
            while (_idleBytes > downTo && _idle[sizeClass] is { } segment)
            {
                _idle[sizeClass] = segment.Next;
                _idleBytes -= segment.Size;
                budget.Shelve(segment);
            }
        }
    }

    public static int ClassOf(int size) => size <= Small ? 0 : size <= Medium ? 1 : 2;

    private struct Lease
    {
        public RamSegment? Segment;
        public int Generation;
        public int NextFree;
    }
}
