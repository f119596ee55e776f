namespace Cmi.Buffers;

/// <summary>
/// The logs of a device: the one that is written to, those that failed and in which something lives, and the room that all may take.
/// </summary>
/// <remarks>
/// A log that failed is retired: what was committed stays until it is freed. A new log takes its place at once; if that fails too before anything was
/// committed, the next comes after a pause, which doubles each time.
/// <para>Threading: the device's keeper, except <see cref="Held"/>, <see cref="Failed"/> and <see cref="IsFileSystemFull"/>.</para>
/// </remarks>
internal sealed class FlashLogs(FlashDeviceSettings settings, LogLayout layout) : IAsyncDisposable
{
    /// <summary>Failed logs that are kept for what still lives in them. With as many, the device takes nothing until one is empty.</summary>
    public const int MaxRetired = 4;

    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan FullPause = TimeSpan.FromSeconds(1);

    private readonly List<FlashLog> _retired = [];
    private readonly List<Task> _disposing = [];
    private TimeSpan _pause;                                       // until a new log is tried
    private int _failuresInRow;
    private long _pausedAt;
    private long _fileSystemFullAt;
    private int _failed;

    /// <summary>The log that is written to.</summary>
    public FlashLog? Current { get; private set; }

    /// <summary>Why the last log failed, until there is a new one.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>What the files of all logs take. Any thread.</summary>
    public HeldSpace Held { get; } = new();

    /// <summary>Logs that failed so far. Any thread.</summary>
    public int Failed => Volatile.Read(ref _failed);

    /// <summary>A file could not be made for want of room a moment ago. Any thread.</summary>
    public bool IsFileSystemFull => Volatile.Read(ref _fileSystemFullAt) is not 0 and var at && settings.Time.GetElapsedTime(at) < FullPause;

    /// <summary>Makes a log to write to, if it is time for one.</summary>
    public bool TryOpen()
    {
        if (Current is not null) return true;
        if (Failure is not null && settings.Time.GetElapsedTime(_pausedAt) < _pause) return false;
        if (_retired.Count + _disposing.Count >= MaxRetired) return false;
        try
        {
            Current = new(settings.MakeFiles(settings.Directory, Held), layout);
            Failure = null;
            return true;
        }
        catch (Exception failure)
        {
            // The memory it wants, most likely. Those who wait must hear of it, whatever it is.
            Pause(failure);
            return false;
        }
    }

    /// <summary>The current log works.</summary>
    public void Committed() => _failuresInRow = 0;

    /// <summary>The current log does not work.</summary>
    public void Retire(Exception failure)
    {
        var log = Current!;
        Pause(log.WriteFailure ?? failure);
        Current = null;
        _retired.Add(log);
        Volatile.Write(ref _failed, _failed + 1);
        settings.LogFailed(Failure!, log.Live.LiveEntries);
    }

    /// <summary>Gives back what nothing lives in any more.</summary>
    public void CutOff()
    {
        Current?.CutOff();
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
    }

    /// <summary>Sees to it that the current log can be written to in a segment.</summary>
    /// <param name="reserve">What is to be left.</param>
    /// <param name="failure">What is wrong, if it is not that there is no room.</param>
    public bool TryPrepare(long segment, long reserve, out IOException? failure)
    {
        failure = null;
        var log = Current!;
        if (log.IsPrepared(segment)) return true;
        if (Held.Bytes + layout.SegmentBytes + reserve > settings.CapacityBytes) return false;
        try
        {
            log.Prepare(segment);
            Volatile.Write(ref _fileSystemFullAt, 0);
            return true;
        }
        catch (Exception thrown) when (thrown is IOException or UnauthorizedAccessException)
        {
            if (HasNoRoom()) Volatile.Write(ref _fileSystemFullAt, settings.Time.GetTimestamp());
            else failure = new("A file of the flash log cannot be made.", thrown);
            return false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Current is not null) _retired.Add(Current);
        Current = null;
        foreach (var log in _retired) _disposing.Add(log.DisposeAsync().AsTask());
        _retired.Clear();
        await Task.WhenAll(_disposing).ConfigureAwait(false);
    }

    private void Pause(Exception failure)
    {
        Failure = failure;
        _pause = _failuresInRow == 0 ? TimeSpan.Zero : ShortestPause * (1 << Math.Min(_failuresInRow - 1, 6));
        if (_pause > LongestPause) _pause = LongestPause;
        _failuresInRow++;
        _pausedAt = settings.Time.GetTimestamp();
    }

    private bool HasNoRoom()
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
}
