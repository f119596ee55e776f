using Cmi.Telemetry;
using Microsoft.Extensions.Logging;

namespace Cmi.Buffers;

/// <summary>
/// One store among those that a <see cref="TieredBufferStore"/> is made of: how full it is, and whether it works. One that cannot tell how full it is counts
/// as above its mark for a while after it was full. <para>Threading: any loop; what is shared is single numbers, which may be a moment old.</para>
/// </summary>
internal sealed class Tier
{
    /// <summary>How long a tier that failed is left alone.</summary>
    public const long PassOverMs = 1_000;

    private const long FullMs = 500;

    /// <summary>Every content may hold this much of a tier, however small the tier is.</summary>
    private const long LeastShareBytes = 128 << 10;

    private readonly IMeasuredBufferStore? _measured;
    private readonly TieredBufferOptions _options;
    private readonly ILogger _logger;
    private readonly bool _isLast;
    private long _heldBytes, _buffers, _fullUntil = long.MinValue;  // only of a store that cannot tell
    private long _movedIn, _failures;
    private long _passOverUntil = long.MinValue;

    public Tier(IBufferStore store, int index, bool isLast, TieredBufferOptions options, ILogger logger)
    {
        (Store, Index, _isLast, _options, _logger, _measured) = (store, index, isLast, options, logger, store as IMeasuredBufferStore);
        var capacity = 0L;
        foreach (var tier in _measured?.GetUsage() ?? []) capacity = tier.CapacityBytes > long.MaxValue - capacity ? long.MaxValue : capacity + tier.CapacityBytes;
        CapacityBytes = _measured is null ? long.MaxValue : capacity;
        ShareBytes = CapacityBytes == long.MaxValue ? long.MaxValue : Math.Max(LeastShareBytes, (long)(capacity * options.MaxShare));
    }

    public IBufferStore Store { get; }

    public int Index { get; }

    /// <summary>What it may hold; <see cref="long.MaxValue"/> where it cannot tell.</summary>
    public long CapacityBytes { get; }

    /// <summary>What one content may hold of it.</summary>
    public long ShareBytes { get; }

    /// <summary>Whether it is so full that other tiers are better.</summary>
    public bool IsAboveMark(long now) => IsFuller(_options.HighMark, now);

    /// <summary>Whether that holds for content that is at work too.</summary>
    public bool IsFarAboveMark(long now) => IsFuller((1 + _options.HighMark) / 2, now);

    /// <summary>Whether it is full enough that what waits in it goes on moving down.</summary>
    public bool IsAboveLowMark(long now) => IsFuller(_options.LowMark, now);

    /// <summary>Whether it has failed a moment ago.</summary>
    public bool IsPassedOver(long now) => now < Volatile.Read(ref _passOverUntil);

    /// <summary>Counts content that came or went.</summary>
    public void Count(long bytes, int buffers)
    {
        if (_measured is not null) return;
        Interlocked.Add(ref _heldBytes, bytes);
        if (buffers != 0) Interlocked.Add(ref _buffers, buffers);
    }

    public void CountMovedIn(long bytes) => Interlocked.Add(ref _movedIn, bytes);

    /// <summary>It had no room.</summary>
    public void WasFull(long now)
    {
        if (_measured is null) Volatile.Write(ref _fullUntil, now + FullMs);
    }

    /// <summary>It failed: for a moment it is passed over.</summary>
    public void Failed(Exception? why, long now)
    {
        Interlocked.Increment(ref _failures);
        if (!IsPassedOver(now)) _logger.BufferTierFailed(Index + 1, Store.GetType().Name, why);
        Volatile.Write(ref _passOverUntil, now + PassOverMs);
    }

    public void AddUsage(List<BufferTierUsage> usage)
    {
        var (movedIn, failures) = (Volatile.Read(ref _movedIn), Volatile.Read(ref _failures));
        if (_measured is null)
        {
            usage.Add(new()
            {
                Tier = Store.GetType().Name,
                UsedBytes = Volatile.Read(ref _heldBytes),
                CapacityBytes = CapacityBytes,
                Buffers = Volatile.Read(ref _buffers),
                MovedInBytes = movedIn,
                Failures = failures,
            });
            return;
        }
        foreach (var told in _measured.GetUsage())
        {
            usage.Add(new()
            {
                Tier = told.Tier,
                UsedBytes = told.UsedBytes,
                CapacityBytes = told.CapacityBytes,
                Buffers = told.Buffers,
                WrittenBytes = told.WrittenBytes,
                ReadBytes = told.ReadBytes,
                MovedInBytes = told.MovedInBytes + movedIn,
                IoTime = told.IoTime,
                Failures = told.Failures + failures,
            });
            (movedIn, failures) = (0, 0);                           // of a store that has tiers itself, its first takes what comes
        }
    }

    // The last tier has no mark: there is nothing below it.
    private bool IsFuller(double mark, long now) => !_isLast && (_measured is null ? now < Volatile.Read(ref _fullUntil) : _measured.Fill > mark);
}
