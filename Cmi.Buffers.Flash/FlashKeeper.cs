using System.Buffers;
using System.Collections.Concurrent;

namespace Cmi.Buffers;

/// <summary>
/// Does everything that changes the logs of a device, in turns: take out what was freed, copy forward, append what waits, commit, answer, cut off. One
/// commit serves all that came while the one before was under way, so commits need no timer: they are rare where entries are small and many.
/// <para>Threading: one task, except what says otherwise.</para>
/// </summary>
internal sealed class FlashKeeper(FlashLogs logs, LogLayout layout) : IAsyncDisposable
{
    // How much is copied forward in a turn, so that writers do not wait for long.
    private const long MaxMoveBytes = 4L << 20;

    /// <summary>A log may hold this many segments above twice its live bytes: one that it writes to, one that it is cut off in, and one between.</summary>
    internal const int SlackSegments = 3;

    // How much a turn may append. All before it is committed, so it fits into the log's memory and no append waits for room there: which might never come,
    // when the medium fails while nobody commits.
    private readonly long _maxTurnBytes = layout.MemoryBytes / 2;
    private readonly ConcurrentQueue<FlashWrite> _writes = new();  // one for each caller that waits
    private readonly List<FlashWrite> _appended = [];              // since the last commit
    private readonly List<(FlashEntry Entry, long Address)> _moved = [];
    private readonly List<FlashEntry> _toMove = [];
    private FlashEntry? _freed;                                    // the last freed that was not taken out yet
    private bool _pressed;                                         // a write has found no room
    private long _commits;
    private long _movedBytes;

    /// <summary>Commits so far. Any thread.</summary>
    public long Commits => Volatile.Read(ref _commits);

    /// <summary>Bytes that were copied forward so far. Any thread.</summary>
    public long MovedBytes => Volatile.Read(ref _movedBytes);

    /// <summary>Takes an entry that is to be written. Any thread.</summary>
    public void Write(FlashWrite write) => _writes.Enqueue(write);

    /// <summary>Takes note of an entry that is not needed any more. Any thread, a loop's too.</summary>
    public void Free(FlashEntry entry)
    {
        for (;;)
        {
            var last = Volatile.Read(ref _freed);
            entry.NextFreed = last;
            if (Interlocked.CompareExchange(ref _freed, entry, last) == last) return;
        }
    }

    /// <returns>Whether there is more to do at once.</returns>
    public async Task<bool> TurnAsync()
    {
        TakeOutFreed();
        logs.CutOff();
        if (logs.Current is null && _writes.IsEmpty) return false;
        if (!logs.TryOpen())
        {
            Refuse(static failure => new IOException("The flash log has failed; a new one is not due yet.", failure), logs.Failure);
            return false;
        }
        var log = logs.Current!;
        bool more;
        try
        {
            await MoveAsync(log).ConfigureAwait(false);
            more = await AppendAsync(log).ConfigureAwait(false);
            if (_appended.Count > 0 || _moved.Count > 0)
            {
                await log.CommitAsync().ConfigureAwait(false);
                logs.Committed();
                Volatile.Write(ref _commits, _commits + 1);
            }
        }
        catch (Exception failure)
        {
            // Whatever it was: what was appended cannot be trusted to be there, and those who wait must hear of it.
            Retire(failure);
            return !_writes.IsEmpty;
        }
        more |= _moved.Count > 0 || !_writes.IsEmpty;
        EnterMoved(log);
        EnterAppended(log);
        log.CutOff();
        return more;
    }

    /// <summary>Answers those who still wait. Any thread, once the device has stopped.</summary>
    public void RefuseWrites() => Refuse(static _ => new ObjectDisposedException(nameof(FlashDevice)), null);

    /// <summary>Ends the logs. No turn is under way, nor comes after it.</summary>
    public ValueTask DisposeAsync()
    {
        RefuseWrites();
        return logs.DisposeAsync();
    }

    private void Refuse(Func<Exception?, Exception> why, Exception? failure)
    {
        while (_writes.TryDequeue(out var write)) write.TrySetException(why(failure));
    }

    private void TakeOutFreed()
    {
        for (var freed = Interlocked.Exchange(ref _freed, null); freed is not null;)
        {
            var next = freed.NextFreed;
            freed.NextFreed = null;
            freed.Log.Live.Remove(freed);
            freed = next;
        }
    }

    private void Retire(Exception failure)
    {
        logs.Retire(failure);
        _moved.Clear();                                            // they are where they were
        foreach (var write in _appended) write.TrySetException(new IOException("The flash log failed before the entry was written.", logs.Failure));
        _appended.Clear();
    }

    /// <summary>Copies entries of the oldest segment to the end while the log holds too much that is dead.</summary>
    private async Task MoveAsync(FlashLog log)
    {
        var oldest = log.OldestSegment;
        if (oldest >= log.CurrentSegment || !HoldsTooMuch(log)) return;
        _toMove.Clear();
        log.Live.Collect(oldest, Math.Min(MaxMoveBytes, _maxTurnBytes / 2), _toMove);
        foreach (var entry in _toMove)
        {
            if (!logs.TryPrepare(log.SegmentOfNext(entry.Length), reserve: 0, out _)) return;
            var bytes = ArrayPool<byte>.Shared.Rent(entry.Length);
            try
            {
                if (!TryReadForMove(log, entry, bytes.AsSpan(0, entry.Length)))
                {
                    log.Live.MarkStuck(entry);
                    return;
                }
                _moved.Add((entry, await log.AppendAsync(bytes.AsMemory(0, entry.Length)).ConfigureAwait(false)));
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(bytes);
            }
        }
    }

    private bool HoldsTooMuch(FlashLog log)
    {
        var (held, live, slack) = (log.HeldBytes, log.Live.LiveBytes, SlackSegments * layout.SegmentBytes);

        // Near its limit a log may be more than half alive. To copy it all for less than a third would cost more than it gives.
        return held > (2 * live) + slack || (_pressed && held > slack && live <= held / 10 * 7);
    }

    private static bool TryReadForMove(FlashLog log, FlashEntry entry, Span<byte> into)
    {
        try
        {
            return log.TryRead(entry.Address, into);
        }
        catch (IOException)
        {
            // Its reader will hear it too. Here it only means that the entry stays where it is.
            return false;
        }
    }

    /// <returns>Whether some who wait for room may yet get it.</returns>
    private async Task<bool> AppendAsync(FlashLog log)
    {
        var full = false;
        var bytes = _moved.Sum(static moved => LiveRanges.Footprint(moved.Entry.Length));
        while (bytes < _maxTurnBytes && _writes.TryPeek(out var write))
        {
            if (write.Cancellation.IsCancellationRequested)
            {
                _writes.TryDequeue(out _);
                write.TrySetCanceled(write.Cancellation);
            }
            else if (logs.TryPrepare(log.SegmentOfNext(write.Bytes.Length), reserve: layout.SegmentBytes, out var failure))
            {
                // The reserve is for copying forward, without which a full log could not make room.
                _writes.TryDequeue(out _);
                _appended.Add(write);                              // before it is: if that fails, it is told so with the others
                var address = await log.AppendAsync(write.Bytes).ConfigureAwait(false);
                write.Entry = new(log, write.Bytes.Length) { Address = address };
                bytes += LiveRanges.Footprint(write.Bytes.Length);
            }
            else if (failure is null && (!_pressed || _moved.Count > 0 || Volatile.Read(ref _freed) is not null))
            {
                return _pressed = true;
            }
            else
            {
                full = true;
                _writes.TryDequeue(out _);
                if (failure is null) write.TrySetResult(null);
                else write.TrySetException(failure);
            }
        }
        _pressed = full && _pressed;
        return false;
    }

    private void EnterMoved(FlashLog log)
    {
        foreach (var (entry, address) in _moved)
        {
            log.Live.Remove(entry);
            entry.Address = address;
            log.Live.Add(entry);
            Volatile.Write(ref _movedBytes, _movedBytes + entry.Length);
        }
        _moved.Clear();
    }

    private void EnterAppended(FlashLog log)
    {
        foreach (var write in _appended)
        {
            log.Live.Add(write.Entry!);
            write.TrySetResult(write.Entry);
        }
        _appended.Clear();
    }
}
