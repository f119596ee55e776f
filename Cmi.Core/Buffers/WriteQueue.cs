namespace Cmi.Buffers;

/// <summary>
/// The entries that wait to be written, and which of them are due. What is only here to be read soon is never written: so many bytes wait in memory, the
/// oldest is due when there are more, or when somebody waits for memory; and at once what somebody waits to see on the device.
/// <para>Threading: any thread.</para>
/// </summary>
/// <param name="keepBytes">What may wait without being written; 0: everything is due at once.</param>
/// <param name="memory">The memory that the entries take.</param>
internal sealed class WriteQueue(long keepBytes, BlockMemory memory)
{
    private readonly Lock _gate = new();
    private readonly LinkedList<BufferEntry> _urgent = new();
    private readonly LinkedList<BufferEntry> _waiting = new();     // the oldest first
    private long _waitingBytes;
    private int _unwritten;
    private bool _ended;

    /// <summary>Entries that wait, or that were taken and of which their loop has not heard that they are written.</summary>
    public int Unwritten => Volatile.Read(ref _unwritten);

    /// <summary>Whether an entry is due.</summary>
    public bool IsDue { get { lock (_gate) return FirstDue() is not null; } }

    /// <summary>Adds an entry, unless its buffer has given it up.</summary>
    /// <returns>False: nothing is written any more.</returns>
    public bool TryAdd(BufferEntry entry, bool isUrgent)
    {
        lock (_gate)
        {
            if (_ended) return false;
            if (entry.Phase != EntryPhase.Queued) return true;
            _unwritten++;
            AddTo(isUrgent ? _urgent : _waiting, entry);
            return true;
        }
    }

    /// <summary>Makes an entry due that somebody waits for.</summary>
    public void Urge(BufferEntry entry)
    {
        lock (_gate)
        {
            if (entry.Place.List != _waiting) return;
            Unlink(entry);
            AddTo(_urgent, entry);
        }
    }

    /// <summary>Forgets an entry that its buffer has given up.</summary>
    public void Remove(BufferEntry entry)
    {
        lock (_gate)
        {
            if (entry.Place.List is null) return;                  // it is not in memory for the device's sake, or a worker has just come upon it
            Unlink(entry);
            _unwritten--;
        }
    }

    /// <summary>Takes the first entry that is due, for writing.</summary>
    public BufferEntry? Take()
    {
        lock (_gate)
        {
            while (FirstDue() is { } entry)
            {
                Unlink(entry);
                if (entry.TryLeaveQueue(EntryPhase.Writing)) return entry;
                _unwritten--;                                      // given up at this moment
            }
            return null;
        }
    }

    /// <summary>A loop has heard what became of an entry that was taken.</summary>
    public void CountDone()
    {
        lock (_gate) _unwritten--;
    }

    /// <summary>Takes nothing more.</summary>
    /// <returns>What waited, for writing.</returns>
    public List<BufferEntry> End()
    {
        lock (_gate)
        {
            _ended = true;
            var left = new List<BufferEntry>();
            while ((_urgent.First ?? _waiting.First)?.Value is { } entry)
            {
                Unlink(entry);
                if (entry.TryLeaveQueue(EntryPhase.Writing)) left.Add(entry);
                else _unwritten--;
            }
            return left;
        }
    }

    private BufferEntry? FirstDue() =>
        _urgent.First?.Value ?? (_waitingBytes > keepBytes || memory.IsWanted ? _waiting.First?.Value : null);

    private void AddTo(LinkedList<BufferEntry> list, BufferEntry entry)
    {
        list.AddLast(entry.Place);
        if (list == _waiting) _waitingBytes += entry.QueuedBytes = entry.Block!.Capacity;
    }

    private void Unlink(BufferEntry entry)
    {
        var list = entry.Place.List!;
        list.Remove(entry.Place);
        if (list == _waiting) _waitingBytes -= entry.QueuedBytes;
    }
}
