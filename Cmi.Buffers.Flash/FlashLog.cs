using System.Numerics;
using FASTER.core;

namespace Cmi.Buffers;

/// <summary>How a log is laid out for a device of a given size. All are powers of two, as FASTER wants them.</summary>
internal readonly record struct LogLayout(long SegmentBytes, long PageBytes, long MemoryBytes)
{
    public const long LowestCapacityBytes = 16L << 20;
    public const long LowestMemoryBytes = 1L << 20;

    private const long LargestSegment = 64L << 20;
    private const long LargestPage = 4L << 20;
    private const long SmallestPage = 256L << 10;

    public int SegmentBits => BitOperations.Log2((ulong)SegmentBytes);

    public int PageBits => BitOperations.Log2((ulong)PageBytes);

    public int MaxEntryBytes => (int)PageBytes - FlashLog.HeaderBytes;

    /// <summary>Room is taken and given back by the segment, so there should be many. A page is one write; an entry lies within one.</summary>
    public static LogLayout For(long capacityBytes, long memoryBytes)
    {
        var segment = Math.Clamp(PowerOfTwoUpTo(capacityBytes / 24), SmallestPage * 2, LargestSegment);
        var memory = PowerOfTwoUpTo(memoryBytes);
        var page = Math.Clamp(Math.Min(segment / 4, memory / 8), SmallestPage, LargestPage);
        return new(segment, page, Math.Max(memory, page * 4));
    }

    private static long PowerOfTwoUpTo(long bytes) => 1L << BitOperations.Log2((ulong)Math.Max(bytes, 1));
}

/// <summary>
/// One FasterLog with the files below it and the entries that live in it. It fails once and for all; what was committed before can then still be read.
/// <para>Threading: the device's keeper, except <see cref="TryRead"/>.</para>
/// </summary>
internal sealed class FlashLog : IAsyncDisposable
{
    /// <summary>What the log puts before an entry.</summary>
    public const int HeaderBytes = 4;

    // Each takes a thread of the pool.
    private const int MaxTransfers = 16;

    private readonly LogLayout _layout;
    private readonly FasterLogSettings _settings;
    private readonly FasterLog _log;
    private readonly SegmentFiles _files;
    private long _first;                                           // the first segment that was not cut off

    public FlashLog(SegmentFiles files, LogLayout layout)
    {
        (_files, _layout) = (files, layout);
        Live = new(layout.SegmentBits);
        files.ThrottleLimit = MaxTransfers;
        _settings = new FasterLogSettings
        {
            LogDevice = files,
            LogCommitManager = new NoCommits(),
            SegmentSize = layout.SegmentBytes,
            PageSize = layout.PageBytes,
            MemorySize = layout.MemoryBytes,
            LogChecksum = LogChecksumType.None,                    // each entry has a seal of its own
            FastCommitMode = false,
            AutoCommit = false,
            TryRecoverLatest = false,
            TolerateDeviceFailure = false,                         // true would go on and lose ranges without a word
            AutoRefreshSafeTailAddress = false,
        };
        _log = new FasterLog(_settings);
        if (_log.HeaderSize != HeaderBytes) throw new NotSupportedException($"FasterLog puts {_log.HeaderSize} bytes before an entry, not {HeaderBytes}.");
    }

    public LiveRanges Live { get; }

    /// <summary>What its files take.</summary>
    public long HeldBytes => (CurrentSegment - _first + 1) * _layout.SegmentBytes;

    /// <summary>The segment at the log's end: it is not cut off, and nothing is moved out of it.</summary>
    public long CurrentSegment => _log.TailAddress >> _layout.SegmentBits;

    /// <summary>The first segment in which something lives.</summary>
    public long OldestSegment => Live.FirstNeeded(CurrentSegment);

    /// <summary>Why a write failed: the log tells only that one did.</summary>
    public Exception? WriteFailure => _files.LastFailure;

    /// <summary>The segment into which an entry of this length would go, if it were appended next.</summary>
    public long SegmentOfNext(int length)
    {
        var tail = _log.TailAddress;
        var left = _layout.PageBytes - (tail & (_layout.PageBytes - 1));
        var page = (tail >> _layout.PageBits) + (LiveRanges.Footprint(length) > left ? 1 : 0);
        return page << _layout.PageBits >> _layout.SegmentBits;
    }

    public bool IsPrepared(long segment) => _files.IsPrepared(segment);

    /// <inheritdoc cref="SegmentFiles.Prepare"/>
    public void Prepare(long segment) => _files.Prepare(segment);

    /// <summary>Copies an entry to the log's end, in memory.</summary>
    public ValueTask<long> AppendAsync(ReadOnlyMemory<byte> entry) => _log.EnqueueAsync(entry);

    /// <summary>Everything appended can be read when this is done.</summary>
    public ValueTask CommitAsync() => _log.CommitAsync();

    /// <summary>Reads an entry that was committed. Any thread; blocks for as long as the medium needs.</summary>
    /// <returns>Whether it is there; if not, it may have been moved.</returns>
    /// <exception cref="IOException">It cannot be read.</exception>
    public bool TryRead(long address, Span<byte> into) =>
        _files.TryRead((int)(address >> _layout.SegmentBits), (address & (_layout.SegmentBytes - 1)) + HeaderBytes, into);

    /// <summary>Gives back the room before the first live entry.</summary>
    public void CutOff()
    {
        var oldest = OldestSegment;
        if (oldest <= _first) return;
        _log.TruncateUntil(oldest << _layout.SegmentBits);

        // The log would delete the files some time after its next commit. All in them was committed and nothing needs it, and the room is wanted now.
        for (; _first < oldest; _first++) _files.Drop(_first);
    }

    /// <summary>Gives everything back, once the writes that are under way have ended.</summary>
    public async ValueTask DisposeAsync()
    {
        await _files.WhenIdleAsync().ConfigureAwait(false);
        _log.Dispose();
        _settings.Dispose();
        _files.Dispose();
    }
}
