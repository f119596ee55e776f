using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cmi.Buffers;

/// <summary>
/// A store made of stores, the fastest first: young and small content stays in the first; what waits for a slow client moves down when that one fills, and is
/// readable all the while; what comes faster than the first frees goes to the next at once. A tier that fails is passed over: content whose only copy was in it
/// is lost, all else lives on. It knows its tiers as <see cref="IBufferStore"/> only, so any store may stand in any place; one that is
/// <see cref="IMeasuredBufferStore"/> is moved from before it is full, one whose buffers are <see cref="IFlushableBuffer"/> is trusted with the only copy when it
/// says so.
/// <para>Threading: any loop, several at once.</para>
/// </summary>
public sealed class TieredBufferStore : IBufferStore, IMeasuredBufferStore, ITrimmableBufferStore
{
    private readonly Tier[] _tiers;
    private readonly ILogger _logger;
    private readonly Lock _adding = new();
    private TierLoop[] _loops = [];                                 // replaced as a whole when a loop comes for the first time
    private volatile bool _disposed;

    /// <summary>Makes a store of stores.</summary>
    /// <param name="tiers">The fastest first; 1 or more. This disposes them.</param>
    /// <param name="options">When content moves down; all by default if absent.</param>
    /// <param name="logger">Where it says that a tier failed.</param>
    /// <exception cref="ArgumentException">There is no tier, or an option is out of its range; the message names all that are.</exception>
    public TieredBufferStore(IReadOnlyList<IBufferStore> tiers, TieredBufferOptions? options = null, ILogger<TieredBufferStore>? logger = null)
    {
        ArgumentNullException.ThrowIfNull(tiers);
        options ??= new();
        if (tiers.Count == 0 || tiers.Contains(null!)) throw new ArgumentException("There must be a store for each tier.", nameof(tiers));
        if (options.FindFaults() is { Count: > 0 } faults) throw new ArgumentException(string.Join(' ', faults), nameof(options));
        var copy = new TieredBufferOptions { HighMark = options.HighMark, LowMark = options.LowMark, MaxShare = options.MaxShare };
        _logger = (ILogger?)logger ?? NullLogger.Instance;
        _tiers = [.. tiers.Select((tier, index) => new Tier(tier, index, isLast: index == tiers.Count - 1, copy, _logger))];
    }

    /// <summary>How many buffers were made and not disposed; while loops work it may be a moment old.</summary>
    public int LiveBuffers => Volatile.Read(ref _loops).Sum(loop => loop.Live);

    /// <inheritdoc/>
    /// <exception cref="ObjectDisposedException">The store was disposed.</exception>
    public IBuffer? TryCreate(ILoop loop, long? expectedBytes)
    {
        ArgumentNullException.ThrowIfNull(loop);
        if (expectedBytes is < 0) throw new ArgumentOutOfRangeException(nameof(expectedBytes), expectedBytes, "A length is not negative.");
        ObjectDisposedException.ThrowIf(_disposed, this);
        return Of(loop).TryCreate(expectedBytes);
    }

    /// <inheritdoc/>
    public IReadOnlyList<BufferTierUsage> GetUsage()
    {
        var usage = new List<BufferTierUsage>();
        foreach (var tier in _tiers) tier.AddUsage(usage);
        return usage;
    }

    /// <inheritdoc/>
    public void Trim(ILoop loop)
    {
        ArgumentNullException.ThrowIfNull(loop);
        Of(loop).DropKept();
        foreach (var tier in _tiers) (tier.Store as ITrimmableBufferStore)?.Trim(loop);
    }

    /// <summary>Makes no more buffers, and disposes the tiers.</summary>
    /// <returns>Done when all tiers are.</returns>
    [SuppressMessage("Usage", "CA1816", Justification = "There is no finalizer.")]
    public async ValueTask DisposeAsync()
    {
        if (_disposed) return;
        _disposed = true;
        var faults = new List<Exception>();
        foreach (var tier in _tiers)
        {
            try
            {
                await tier.Store.DisposeAsync();
            }
            catch (Exception e)
            {
                faults.Add(e);                                      // the others must go all the same
            }
        }
        if (faults.Count > 0) throw new AggregateException(faults);
    }

    private TierLoop Of(ILoop loop)
    {
        // There are as few as the machine has cores: a scan beats hashing.
        foreach (var known in Volatile.Read(ref _loops))
            if (ReferenceEquals(known.Loop, loop)) return known;

        var added = new TierLoop(_tiers, loop, _logger);            // no other thread adds the same one: this is called on the loop
        lock (_adding) Volatile.Write(ref _loops, [.. _loops, added]);
        return added;
    }
}
