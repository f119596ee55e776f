namespace Cmi.Buffers;

/// <summary>
/// A run of the content of one buffer, which becomes one entry of the device.
/// </summary>
/// <remarks>
/// Filling → Queued → Writing → Stored, Lost, or Queued again where the device was full. The loop owns it, but what a worker makes of it while it is Writing is
/// the worker's until the loop has heard of it. Away from Queued it goes by <see cref="TryLeaveQueue"/>: a worker writes it, or the loop gives it up at once.
/// </remarks>
internal sealed class BufferEntry(EntryBuffer buffer, long start, EntryId id, Block block)
{
    private int _phase;

    public readonly EntryBuffer Buffer = buffer;
    public readonly long Start = start;
    public readonly EntryId Id = id;
    public int Length;
    public Block? Block = block;                                   // not written yet, or read back
    public IDeviceEntry? Stored;
    public SealTag Tag;                                            // of what is stored
    public Exception? Fault;                                       // why it is lost
    public bool IsFetching;
    public bool IsFreed;                                           // while a worker has it, which its return ends
    public int QueuedBytes;                                        // the queue's, as is its place in it

    public LinkedListNode<BufferEntry> Place => field ??= new(this);

    public long End => Start + Length;

    public EntryPhase Phase
    {
        get => (EntryPhase)Volatile.Read(ref _phase);
        set => Volatile.Write(ref _phase, (int)value);
    }

    public bool TryLeaveQueue(EntryPhase to) =>
        Interlocked.CompareExchange(ref _phase, (int)to, (int)EntryPhase.Queued) == (int)EntryPhase.Queued;
}

internal enum EntryPhase
{
    Filling,
    Queued,
    Writing,
    Stored,
    Lost,
    GivenUp,
}

/// <summary>Reads an entry back, whole or a part of it.</summary>
internal sealed class FetchJob(BufferEntry entry, IDeviceEntry stored, Block block, int from, int count, bool isAhead)
{
    public readonly BufferEntry Entry = entry;
    public readonly IDeviceEntry Stored = stored;
    public readonly Block Block = block;                           // for the whole of the entry, or for the part
    public readonly int From = from;
    public readonly int Count = count;
    public Exception? Fault;

    public readonly bool IsAhead = isAhead;                        // of its reader, who does not wait for it yet

    public bool IsWhole => Count == Entry.Length;
}
