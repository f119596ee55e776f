namespace Cmi.Buffers;

/// <summary>
/// What loops share: one number, how much of the store's memory they have drawn, never above the limit, not for a moment; and the segments that none of them
/// needs. Those are kept while the store is in use: one that is left to the garbage collector is memory beyond the limit until that runs, which with pinned
/// memory is long.
/// <para>Threading: any thread.</para>
/// </summary>
internal sealed class RamBudget(long limit)
{
    // A loop draws more than it needs at the moment, so that it comes here once in many segments; but so little of a small budget that what loops
    // have drawn and do not use cannot matter.
    private const long LargestPiece = 1 << 20;

    private readonly Lock _gate = new();
    private readonly RamSegment?[] _shelf = new RamSegment?[SegmentPool.Classes];
    private long _allocated, _shelved;                             // of segments: all that there are, and those that no loop has

    private int _loops;
    private long _maxIdle = Math.Min(LargestPiece * 16, limit / 16);
    private long _drawn;
    private volatile bool _scarce;

    /// <summary>The memory of segments that no loop has.</summary>
    public long Shelved => Volatile.Read(ref _shelved);

    public long Free => limit - Volatile.Read(ref _drawn);

    /// <summary>How much a loop draws at once, and how much it may keep when none of its buffers lives.</summary>
    public long Piece { get; } = Math.Min(LargestPiece, limit / 256);

    /// <summary>How much a loop may keep while buffers of it live; all loops together a sixteenth of the budget.</summary>
    public long MaxIdle => Volatile.Read(ref _maxIdle);

    /// <summary>Some loop has asked in vain: loops then keep nothing that they do not use, until there is enough again.</summary>
    public bool IsScarce
    {
        get
        {
            if (_scarce && Free > limit / 8) _scarce = false;
            return _scarce;
        }
    }

    /// <summary>One more loop draws from it.</summary>
    public void AddLoop() => Volatile.Write(ref _maxIdle, Math.Min(LargestPiece * 16, limit / 16 / Interlocked.Increment(ref _loops)));

    /// <summary>Draws a piece or, where there is not as much, what is needed.</summary>
    /// <returns>How much was drawn; 0: even what is needed is not free.</returns>
    public long Draw(long needed)
    {
        for (;;)
        {
            var drawn = Volatile.Read(ref _drawn);
            var free = limit - drawn;
            if (free < needed)
            {
                _scarce = true;
                return 0;
            }
            var piece = free >= Math.Max(needed, Piece) + (limit / 8) ? Math.Max(needed, Piece) : needed;
            if (Interlocked.CompareExchange(ref _drawn, drawn + piece, drawn) == drawn) return piece;
        }
    }

    public void GiveBack(long bytes)
    {
        if (Interlocked.Add(ref _drawn, -bytes) > Piece * Volatile.Read(ref _loops) || Volatile.Read(ref _shelved) <= limit / 16) return;
        lock (_gate) DropShelved(downTo: limit / 16);              // the store rests
    }

    /// <summary>Gives a segment of what was drawn before.</summary>
    public RamSegment TakeSegment(int size)
    {
        var sizeClass = SegmentPool.ClassOf(size);
        lock (_gate)
        {
            if (_shelf[sizeClass] is { } segment)
            {
                _shelf[sizeClass] = segment.Next;
                segment.Next = null;
                _shelved -= size;
                return segment;
            }
            DropShelved(downTo: Math.Max(limit - (_allocated - _shelved) - size, 0));      // those of other sizes make way
            _allocated += size;
        }

        // Pinned, since a transport hands it to the system, and never copied by the collector.
        return new(GC.AllocateUninitializedArray<byte>(size, pinned: true));
    }

    /// <summary>Takes a segment that a loop does not need.</summary>
    public void Shelve(RamSegment segment)
    {
        lock (_gate)
        {
            ref var head = ref _shelf[SegmentPool.ClassOf(segment.Size)];
            segment.Next = head;
            head = segment;
            _shelved += segment.Size;
        }
    }

    /// <summary>Lets go of the segments that no loop has.</summary>
    public void DropShelved()
    {
        lock (_gate) DropShelved(downTo: 0);
    }

    private void DropShelved(long downTo)
    {
        for (var sizeClass = _shelf.Length - 1; sizeClass >= 0; sizeClass--)
        {
            while (_shelved > downTo && _shelf[sizeClass] is { } segment)
            {
                _shelf[sizeClass] = segment.Next;
                _shelved -= segment.Size;
                _allocated -= segment.Size;
            }
        }
    }
}
