namespace Cmi.Buffers;

/// <summary>
/// The memory of one store, within a limit that is exact over all loops and workers. One half is for content that is not written yet, the other for what
/// was read back, so that neither can keep the other from moving; and of each half a part is out of reach of slow readers, who hold on to what they were
/// lent: then they are lent small copies. Blocks are kept for use again as far as the limit goes: one that is left to the garbage collector is memory beyond
/// the limit until that runs.
/// <para>Threading: any thread. A lock is taken once or twice for each entry, beside which the device costs a hundred times as much.</para>
/// </summary>
internal sealed class BlockMemory(long limit)
{
    private readonly Lock _gate = new();
    private readonly Stack<Block>[] _idle = [new(), new(), new(), new()];
    private readonly Queue<EntryBuffer> _wantRoom = new();
    private readonly Queue<EntryBuffer> _wantToRead = new();
    private long _idleBytes, _writing, _reading, _lent;
    private volatile bool _isWanted;

    /// <summary>The least that works: a few loops, each with <see cref="EntryLoop.RoomBytes"/> and a reader.</summary>
    public const long LowestLimit = 1 << 20;

    /// <summary>What one buffer may have waiting to be written.</summary>
    public long MaxUnwrittenPerBuffer { get; } = Math.Max(limit / 8, 2 * Block.Largest);

    /// <summary>What that must have gone down to before more is added.</summary>
    public long FewUnwrittenPerBuffer { get; } = Math.Max(limit / 16, 2 * Block.Largest);

    /// <summary>What loops have drawn for content that is not written yet.</summary>
    public long Writing => Volatile.Read(ref _writing);

    /// <summary>What slices and readers hold of what was read back.</summary>
    public long Reading => Volatile.Read(ref _reading);

    /// <summary>Whether somebody waits for room.</summary>
    public bool IsWanted => _isWanted;

    /// <summary>Draws memory for content to come.</summary>
    public bool TryReserve(long bytes)
    {
        lock (_gate)
        {
            if (_writing + bytes > limit / 2) return false;
            _writing += bytes;
            return true;
        }
    }

    /// <summary>Gives back what was drawn and not taken.</summary>
    public void Unreserve(long bytes)
    {
        lock (_gate) _writing -= bytes;
        WakeOne();
    }

    /// <summary>Gives a block for what was drawn before.</summary>
    public Block TakeReserved(int capacity)
    {
        lock (_gate) return Take(capacity, isForReading: false);
    }

    /// <summary>Gives a block to read into: large ones only from three quarters of what is for reading, and ahead of a reader only from a quarter.</summary>
    public Block? TryTakeForReading(int capacity, bool ahead = false)
    {
        lock (_gate)
        {
            if (_reading + capacity > (ahead ? limit / 8 : capacity > EntryBuffer.SmallRead ? limit / 8 * 3 : limit / 2)) return null;
            _reading += capacity;
            return Take(capacity, isForReading: true);
        }
    }

    /// <summary>Whether a block that is not written yet may be lent as it is.</summary>
    public bool TryLend(Block block)
    {
        if (block.IsForReading || block.CountsAsLent) return true;
        lock (_gate)
        {
            if (_lent + block.Capacity > limit / 8) return false;
            _lent += block.Capacity;
        }
        return block.CountsAsLent = true;
    }

    /// <summary>Takes a block back that nobody uses.</summary>
    public void Return(Block block)
    {
        var (wasForReading, size) = (block.IsForReading, block.Capacity);
        lock (_gate)
        {
            if (wasForReading) _reading -= size;
            else _writing -= size;
            if (block.CountsAsLent) _lent -= size;
            (block.IsForReading, block.CountsAsLent, block.IsLetGo) = (false, false, false);
            _idle[Block.ClassOf(block.Capacity)].Push(block);
            _idleBytes += size;
            if (_writing + _reading == 0) DropIdle(downTo: limit / 4);
        }
        if (wasForReading) Wake(_wantToRead);
        else WakeOne();
    }

    /// <summary>Lets go of the blocks that nobody uses.</summary>
    public void DropIdle()
    {
        lock (_gate)
        {
            foreach (var idle in _idle) idle.Clear();
            _idleBytes = 0;
        }
    }

    /// <summary>Has the buffer look again (<see cref="EntryBuffer.PostMemoryChanged"/>) when memory came back, in the order of asking.</summary>
    public void WaitForRoom(EntryBuffer buffer)
    {
        lock (_gate)
        {
            _wantRoom.Enqueue(buffer);
            _isWanted = true;
        }
    }

    /// <inheritdoc cref="WaitForRoom"/>
    public void WaitToRead(EntryBuffer buffer)
    {
        lock (_gate) _wantToRead.Enqueue(buffer);
    }

    /// <summary>Has the first of those that wait for room look again, and whoever gets an answer wakes the next.</summary>
    public void WakeOne() => Wake(_wantRoom);

    /// <summary>Has the first of those that wait to read look again.</summary>
    public void WakeReader() => Wake(_wantToRead);

    private void Wake(Queue<EntryBuffer> waiting)
    {
        EntryBuffer? first;
        lock (_gate)
        {
            if (!waiting.TryDequeue(out first)) return;
            _isWanted = _wantRoom.Count > 0;
        }
        first.PostMemoryChanged(forRoom: waiting == _wantRoom);
    }

    private Block Take(int capacity, bool isForReading)
    {
        if (_idle[Block.ClassOf(capacity)].TryPop(out var block)) _idleBytes -= block.Capacity;
        else
        {
            // What is idle counts too: blocks of another size make way.
            DropIdle(downTo: Math.Max(limit - _writing - _reading, 0));
            block = new(capacity);
        }
        block.IsForReading = isForReading;
        return block;
    }

    private void DropIdle(long downTo)
    {
        for (var i = Block.Classes - 1; i >= 0; i--)
            while (_idleBytes > downTo && _idle[i].TryPop(out var dropped)) _idleBytes -= dropped.Capacity;
    }
}
