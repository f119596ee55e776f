using Cmi.Telemetry;
using Microsoft.Extensions.Logging;

namespace Cmi.Buffers;

/// <summary>
/// One store among those that a <see cref="TieredBufferStore"/> is made of: how full it is, and whether it works. A store that cannot tell how full it is
/// shows its bound by being full once. <para>Threading: any loop; what is shared is single numbers, which may be a moment old.</para>
/// </summary>
internal sealed class Tier
{
    /// <summary>How long a tier that failed is left alone.</summary>
    public const long PassOverMs = 1_000;

    /// <summary>Every content may hold this much of a tier, however small the tier is.</summary>
    private const long LeastShareBytes = 128 << 10;

    private readonly IMeasuredBufferStore? _measured;
    private readonly TieredBufferOptions _options;
    private readonly ILogger _logger;
    private readonly bool _isLast;
    private readonly long _measuredCapacity;
    private long _heldBytes, _buffers;                              // only of a store that cannot tell
    private long _learnedCapacity = long.MaxValue;                  // of such a store: what it held when it was full
    private long _movedIn, _failures;
    private long _passOverUntil = long.MinValue;

    public Tier(IBufferStore store, int index, bool isLast, TieredBufferOptions options, ILogger logger)
    {
        (Store, Index, _isLast, _options, _logger, _measured) = (store, index, isLast, options, logger, store as IMeasuredBufferStore);
        if (_measured is null) return;
        foreach (var tier in _measured.GetUsage())
            _measuredCapacity = tier.CapacityBytes > long.MaxValue - _measuredCapacity ? long.MaxValue : _measuredCapacity + tier.CapacityBytes;
    }

    public IBufferStore Store { get; }

    public int Index { get; }

    /// <summary>What it may hold, as far as that is known by now.</summary>
    public long CapacityBytes => _measured is null ? Volatile.Read(ref _learnedCapacity) : _measuredCapacity;

    /// <summary>What one content may hold of it.</summary>
    public long ShareBytes => CapacityBytes is var capacity && capacity == long.MaxValue ? long.MaxValue : Math.Max(LeastShareBytes, (long)(capacity * _options.MaxShare));

    /// <summary>Whether it is so full that other tiers are better.</summary>
    public bool IsAboveMark => !_isLast && Fill > _options.HighMark;

    /// <summary>Whether it is full enough that what waits in it goes on moving down.</summary>
    public bool IsAboveLowMark => !_isLast && Fill > _options.LowMark;

    private double Fill => _measured?.Fill ?? (CapacityBytes == long.MaxValue ? 0 : Volatile.Read(ref _heldBytes) / Math.Max(1.0, CapacityBytes));

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

    /// <summary>It had no room. One that cannot tell how much it may hold has shown it now.</summary>
    public void WasFull()
    {
        if (_measured is null) Volatile.Write(ref _learnedCapacity, Volatile.Read(ref _heldBytes));
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
}
