using System.Collections.Concurrent;
using System.Diagnostics;

namespace Cmi.Buffers;

/// <summary>
/// What the buffers of one loop share: memory drawn for the content that comes next, those buffers whose last piece is not on its way to the device, and
/// the slices that are out.
/// <para>Threading: the loop, except <see cref="RequestFlush"/>, <see cref="AddDone"/> and <see cref="PostDone"/>: any thread.</para>
/// </summary>
internal sealed class EntryLoop(EntryBufferStore store, ILoop loop) : IBufferSliceOwner
{
    /// <summary>What 65,536 bytes may take that come in pieces: one block of each size, since a small one gives way to a larger one by copying.</summary>
    public const long RoomBytes = Block.Smallest + (4 << 10) + (16 << 10) + Block.Largest;

    private readonly LinkedList<EntryBuffer> _tails = new();       // the oldest first
    private readonly SliceLeases _leases = new();
    private readonly ConcurrentQueue<object> _done = new();        // by workers; one for each entry at most
    private int _donePosted;
    private long _reserved;
    private int _flushRequested;

    public EntryBufferStore Store => store;

    public ILoop Loop => loop;

    public int LiveBuffers { get; private set; }

    public int SlicesOut => _leases.Count;

    public void Began()
    {
        Debug.Assert(loop.IsCurrent);
        LiveBuffers++;
    }

    public void Ended()
    {
        if (--LiveBuffers == 0) GiveUpReserve();
    }

    /// <summary>Sees to it that blocks of this size together can be taken, if that comes before those of another buffer of this loop.</summary>
    public bool EnsureRoom(long bytes)
    {
        Debug.Assert(loop.IsCurrent);
        if (_reserved >= bytes) return true;
        if (!store.Memory.TryReserve(bytes - _reserved)) return false;
        _reserved = bytes;
        return true;
    }

    public Block? TryTake(int capacity)
    {
        if (!EnsureRoom(capacity)) return null;
        _reserved -= capacity;
        return store.Memory.TakeReserved(capacity);
    }

    /// <summary>Sets apart for one buffer what was drawn for the next.</summary>
    public void SetApart(long bytes)
    {
        Debug.Assert(_reserved >= bytes);
        _reserved -= bytes;
    }

    /// <summary>Takes back what was set apart and not used.</summary>
    public void TakeBack(long bytes)
    {
        _reserved += bytes;
        if (_reserved > RoomBytes || LiveBuffers == 0) GiveUpReserve();
    }

    /// <summary>Takes a block that its buffer does not need any more; slices of it may still be out.</summary>
    public void LetGo(Block block)
    {
        block.IsLetGo = true;
        if (block.Leases == 0) store.Memory.Return(block);
    }

    public BufferSlice Lend(Block block, int from, int count)
    {
        block.Leases++;
        return new(block.Content(from, count), this, _leases.Add(block));
    }

    /// <inheritdoc/>
    public void Return(long token)
    {
        Debug.Assert(loop.IsCurrent);
        if (_leases.Remove(token) is not { } block || --block.Leases > 0) return;
        if (block.IsLetGo) store.Memory.Return(block);
    }

    public void AddTail(LinkedListNode<EntryBuffer> tail)
    {
        _tails.AddLast(tail);
        store.CountTail(1);
    }

    public void RemoveTail(LinkedListNode<EntryBuffer> tail)
    {
        _tails.Remove(tail);
        store.CountTail(-1);
    }

    /// <summary>Asks for memory that lies idle: pieces that are not full, and what is drawn in advance. From any thread.</summary>
    public void RequestFlush()
    {
        if (Interlocked.Exchange(ref _flushRequested, 1) == 0) loop.Post(static l => ((EntryLoop)l!).Flush(), this);
    }

    /// <summary>Takes what a worker has done, for when the loop is woken next. From any thread.</summary>
    /// <param name="done">A <see cref="BufferEntry"/> that was written, or a <see cref="FetchJob"/>.</param>
    public void AddDone(object done) => _done.Enqueue(done);

    /// <summary>Wakes the loop for what was done. From any thread.</summary>
    public void PostDone()
    {
        if (Interlocked.Exchange(ref _donePosted, 1) == 0) loop.Post(static l => ((EntryLoop)l!).TakeDone(), this);
    }

    private void TakeDone()
    {
        Interlocked.Exchange(ref _donePosted, 0);                  // before the first look: what comes after it posts again
        while (_done.TryDequeue(out var done))
        {
            if (done is BufferEntry written) written.Buffer.Written(written);
            else if (done is FetchJob fetched) fetched.Entry.Buffer.Fetched(fetched);
        }
    }

    private void Flush()
    {
        Volatile.Write(ref _flushRequested, 0);

        // Half of them are enough to go on with, and the younger ones grow better where they are.
        var left = (_tails.Count + 1) / 2;
        for (var node = _tails.First; node is not null && left > 0; left--)
        {
            var next = node.Next;
            node.Value.FlushTail();
            node = next;
        }
        GiveUpReserve();
    }

    private void GiveUpReserve()
    {
        var bytes = _reserved;
        _reserved = 0;
        if (bytes > 0) store.Memory.Unreserve(bytes);
    }
}
