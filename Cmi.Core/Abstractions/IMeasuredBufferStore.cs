namespace Cmi;

/// <summary>A buffer store that can tell what it holds and has done; metrics and the status page ask for it. <para>Threading: any thread.</para></summary>
public interface IMeasuredBufferStore
{
    /// <summary>Tells it.</summary>
    /// <returns>One entry for each tier, the fastest first; each number is exact, but they are not of one moment.</returns>
    IReadOnlyList<BufferTierUsage> GetUsage();

    /// <summary>How full it is. A store made of tiers asks its tiers often; one that can tell without allocating should.</summary>
    /// <value>0 (empty) to 1; 0 where it has no bound.</value>
    double Fill
    {
        get
        {
            double used = 0, capacity = 0;
            foreach (var tier in GetUsage()) (used, capacity) = (used + tier.UsedBytes, capacity + tier.CapacityBytes);
            return capacity > 0 ? used / capacity : 0;
        }
    }
}

/// <summary>What one tier of a buffer store holds now, and has done since its start. <para>Threading: immutable.</para></summary>
public sealed class BufferTierUsage
{
    /// <summary>What metrics call the tier, such as <c>ram</c>, <c>flash</c> or <c>disk</c>.</summary>
    public required string Tier { get; init; }

    /// <summary>Content that it holds, with what that costs it beside.</summary>
    /// <value>Bytes.</value>
    public required long UsedBytes { get; init; }

    /// <summary>What it may hold.</summary>
    /// <value>Bytes; <see cref="long.MaxValue"/>: no bound.</value>
    public required long CapacityBytes { get; init; }

    /// <summary>Buffers that live in it.</summary>
    public long Buffers { get; init; }

    /// <summary>Written to its device. 0 for memory.</summary>
    /// <value>Bytes since the start.</value>
    public long WrittenBytes { get; init; }

    /// <summary>Read from its device. 0 for memory.</summary>
    /// <value>Bytes since the start.</value>
    public long ReadBytes { get; init; }

    /// <summary>Moved down to it from the tier above.</summary>
    /// <value>Bytes since the start.</value>
    public long MovedInBytes { get; init; }

    /// <summary>Time that reads and writes of its device have taken, added up.</summary>
    public TimeSpan IoTime { get; init; }

    /// <summary>Reads and writes that failed, and entries that came back corrupted.</summary>
    public long Failures { get; init; }
}
