using System.Buffers;
using System.Collections.Concurrent;

namespace Cmi.Buffers;

/// <summary>
/// Does everything that changes the logs of a device, in turns: take out what was freed, copy forward, append what waits, commit, answer, cut off. One commit
/// serves all that came while the one before was under way, so commits need no timer: they are rare where entries are small and many.
/// </summary>
/// <remarks>
/// A log that failed is retired: what was committed stays until it is freed. A new log takes its place at once; if that fails too before anything was committed,
/// the next comes after a pause, which doubles each time.
/// <para>Threading: one task, except <see cref="Held"/>, the counts and <see cref="RefuseWrites"/>.</para>
/// </remarks>
internal sealed class FlashKeeper(FlashDeviceSettings settings, LogLayout layout, ConcurrentQueue<FlashWrite> writes)
    : IAsyncDisposable
{
    /// <summary>How much a commit may cover, so that the first of many does not wait for the last.</summary>
    private const long MaxCommitBytes = 16L << 20;

    /// <summary>How much is copied forward in a turn, so that writers do not wait for long.</summary>
    private const long MaxMoveBytes = 4L << 20;

    /// <summary>Failed logs that are kept for what still lives in them. With as many, the device takes nothing until one is empty.</summary>
    internal const int MaxRetiredLogs = 4;

    /// <summary>A log may hold this many segments above twice its live bytes: the one it writes to, the one it is cut off in, and one between.</summary>
    internal const int SlackSegments = 3;

    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    private readonly List<FlashWrite> _appended = [];              // since the last commit
    private readonly List<(FlashEntry Entry, long Address)> _moved = [];
    private readonly List<FlashEntry> _toMove = [];
    private readonly List<FlashLog> _retired = [];
    private readonly List<Task> _disposing = [];
    private FlashLog? _log;
    private TimeSpan _pause;                                       // until a new log is tried
    private int _failuresInRow;
    private long _pausedAt;
    private Exception? _failure;                                   // of the last log, for those who come during the pause
    private bool _pressed;                                         // a write has found no room
    private long _commits;
    private long _movedBytes;
    private int _failedLogs;

    /// <summary>What the files of all logs take.</summary>
    public HeldSpace Held { get; } = new();

    /// <summary>Commits so far.</summary>
    public long Commits => Volatile.Read(ref _commits);

    /// <summary>Bytes that were copied forward so far.</summary>
    public long MovedBytes => Volatile.Read(ref _movedBytes);

    /// <summary>Logs that failed so far.</summary>
    public int FailedLogs => Volatile.Read(ref _failedLogs);

    /// <returns>Whether there is more to do at once.</returns>
    public async Task<bool> TurnAsync(FlashEntry? freed)
    {
        TakeOut(freed);
        DisposeEmptyLogs();
        if (_log is null && (writes.IsEmpty || !TryOpen())) return false;
        var log = _log!;
        var more = false;
        try
        {
            await MoveAsync(log).ConfigureAwait(false);
            more = await AppendAsync(log).ConfigureAwait(false);
            if (_appended.Count > 0 || _moved.Count > 0)
            {
                await log.CommitAsync().ConfigureAwait(false);
                Volatile.Write(ref _commits, _commits + 1);
                _failuresInRow = 0;
            }
        }
        catch (Exception failure)
        {
            // Whatever it was: what was appended cannot be trusted to be there, and those who wait must hear of it.
            Retire(log, failure);
            return !writes.IsEmpty;
        }
        more |= _moved.Count > 0 || !writes.IsEmpty;
        EnterMoved(log);
        EnterAppended(log);
        log.CutOff();
        return more;
    }

    /// <summary>Ends the device. No turn is under way, nor comes after it.</summary>
    public async ValueTask DisposeAsync()
    {
        RefuseWrites();
        if (_log is not null) _retired.Add(_log);
        _log = null;
        foreach (var log in _retired) _disposing.Add(log.DisposeAsync().AsTask());
        await Task.WhenAll(_disposing).ConfigureAwait(false);
    }

    /// <summary>Answers those who still wait. Any thread, once the device stops.</summary>
    public void RefuseWrites()
    {
        while (writes.TryDequeue(out var write)) write.TrySetException(new ObjectDisposedException(nameof(FlashDevice)));
    }

    private static void TakeOut(FlashEntry? freed)
    {
        while (freed is not null)
        {
            var next = freed.NextFreed;
            freed.NextFreed = null;
            freed.Log.Live.Remove(freed);
            freed = next;
        }
    }

    private void DisposeEmptyLogs()
    {
        _disposing.RemoveAll(static task => task.IsCompletedSuccessfully);
        for (var i = _retired.Count - 1; i >= 0; i--)
        {
            var log = _retired[i];
            if (log.Live.LiveEntries > 0)
            {
                log.CutOff();
                continue;
            }
            _retired.RemoveAt(i);
            _disposing.Add(log.DisposeAsync().AsTask());
        }
        if (_log is not null) _log.CutOff();
    }

    private bool TryOpen()
    {
        if (_failure is not null && settings.Time.GetElapsedTime(_pausedAt) < _pause) return RefuseFailed();
        if (_retired.Count + _disposing.Count >= MaxRetiredLogs) return RefuseFailed();
        try
        {
            _log = new(settings.MakeFiles(settings.Directory, Held), layout);
            _failure = null;
            return true;
        }
        catch (Exception failure)
        {
            // The memory it wants, most likely. Those who wait must hear of it, whatever it is.
            Pause(failure);
            return RefuseFailed();
        }
    }

    private void Pause(Exception failure)
    {
        _failure = failure;
        _pause = _failuresInRow == 0 ? TimeSpan.Zero : ShortestPause * (1 << Math.Min(_failuresInRow - 1, 6));
        if (_pause > LongestPause) _pause = LongestPause;
        _failuresInRow++;
        _pausedAt = settings.Time.GetTimestamp();
    }

    private bool RefuseFailed()
    {
        while (writes.TryDequeue(out var write)) write.TrySetException(new IOException("The flash log has failed; a new one is not due yet.", _failure));
        return false;
    }

    private void Retire(FlashLog log, Exception failure)
    {
        Pause(log.WriteFailure ?? failure);
        _log = null;
        _retired.Add(log);
        _moved.Clear();                                            // they are where they were
        foreach (var write in _appended) write.TrySetException(new IOException("The flash log failed before the entry was written.", _failure));
        _appended.Clear();
        Volatile.Write(ref _failedLogs, _failedLogs + 1);
        settings.LogFailed(_failure!, log.Live.LiveEntries);
    }

    /// <summary>Copies entries of the oldest segment to the end while the log holds too much that is dead.</summary>
    private async Task MoveAsync(FlashLog log)
    {
        var oldest = log.OldestSegment;
        if (oldest >= log.CurrentSegment || !HoldsTooMuch(log)) return;
        _toMove.Clear();
        log.Live.Collect(oldest, MaxMoveBytes, _toMove);
        foreach (var entry in _toMove)
        {
            var segment = log.SegmentOfNext(entry.Length);
            if (!log.IsPrepared(segment) && !TryPrepare(log, segment, reserve: 0, out _)) return;
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
        var (held, live) = (log.HeldBytes, log.Live.LiveBytes);
        if (held > (2 * live) + (SlackSegments * layout.SegmentBytes)) return true;

        // Near its limit a log may be more than half alive. Copying it all to gain less than a third would cost more than it gives.
        return _pressed && live <= held / 10 * 7 && held > SlackSegments * layout.SegmentBytes;
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
        for (var bytes = 0L; bytes < MaxCommitBytes && writes.TryPeek(out var write);)
        {
            if (write.Cancellation.IsCancellationRequested)
            {
                writes.TryDequeue(out _);
                write.TrySetCanceled(write.Cancellation);
                continue;
            }
            var segment = log.SegmentOfNext(write.Bytes.Length);
            if (!log.IsPrepared(segment) && !TryPrepare(log, segment, reserve: layout.SegmentBytes, out var failure))
            {
                full = true;
                if (failure is null && (!_pressed || _moved.Count > 0))
                {
                    _pressed = true;
                    return true;
                }
                writes.TryDequeue(out _);
                if (failure is null) write.TrySetResult(null);
                else write.TrySetException(failure);
                continue;
            }
            writes.TryDequeue(out _);
            _appended.Add(write);                                  // before it is: if that fails, it is told so with the others
            var address = await log.AppendAsync(write.Bytes).ConfigureAwait(false);
            write.Entry = new(log, write.Bytes.Length) { Address = address };
            bytes += LiveRanges.Footprint(write.Bytes.Length);
        }
        _pressed = full && _pressed;
        return false;
    }

    /// <param name="reserve">What is left for copying forward, without which a full log could not make room.</param>
    /// <param name="failure">What is wrong, if it is not that there is no room.</param>
    private bool TryPrepare(FlashLog log, long segment, long reserve, out IOException? failure)
    {
        failure = null;
        if (Held.Bytes + layout.SegmentBytes + reserve > settings.CapacityBytes) return false;
        try
        {
            log.Prepare(segment);
            return true;
        }
        catch (Exception thrown) when (thrown is IOException or UnauthorizedAccessException)
        {
            if (!IsFileSystemFull()) failure = new("A file of the flash log cannot be made.", thrown);
            return false;
        }
    }

    private bool IsFileSystemFull()
    {
        try
        {
            return new DriveInfo(settings.Directory).AvailableFreeSpace < layout.SegmentBytes;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return false;                                          // then something worse is wrong than that it is full
        }
    }

    private void EnterMoved(FlashLog log)
    {
        foreach (var (entry, address) in _moved)
        {
            log.Live.Remove(entry);
            entry.Address = address;
            log.Live.Add(entry);
            _movedBytes += entry.Length;
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
