namespace Cmi.Simulation.Plans;

/// <summary>What a tier of the store is.</summary>
internal enum Medium : byte
{
    /// <summary>The store in RAM.</summary>
    Ram,

    /// <summary>The store on disk, over a file of a simulated drive.</summary>
    Disk,

    /// <summary>A model of the log on flash, over a simulated drive: FasterLog has threads of its own, which no seed can repeat.</summary>
    Log,
}

/// <summary>One tier of the store; a store with several is one of tiers, the fastest first.</summary>
internal sealed record TierPlan
{
    public Medium Medium { get; init; }

    /// <summary>What it may hold, in bytes.</summary>
    public long Bytes { get; init; } = 64L << 20;

    /// <summary>How long the drive takes for a call while it is well, in milliseconds, at the most.</summary>
    public int Latency { get; init; }

    /// <summary>What is wrong with the drive, and when; none for RAM.</summary>
    public IReadOnlyList<DriveFault> Faults { get; init; } = [];
}

/// <summary>What can be wrong with a drive.</summary>
internal enum DriveFaultKind : byte
{
    /// <summary>It takes so many times as long.</summary>
    Slow,

    /// <summary>It has no room (ENOSPC).</summary>
    Full,

    /// <summary>What is written fails (EIO).</summary>
    WriteFails,

    /// <summary>What is read fails (EIO).</summary>
    ReadFails,

    /// <summary>It takes or gives fewer bytes than it was asked for.</summary>
    Short,

    /// <summary>It gives back what was not written.</summary>
    Flips,
}

/// <summary>Something that is wrong with a drive for a while.</summary>
/// <param name="Kind">What.</param>
/// <param name="From">From when on, in milliseconds.</param>
/// <param name="Until">Until when, in milliseconds.</param>
/// <param name="Amount">How often, in thousandths of the calls; how many times slower.</param>
internal sealed record DriveFault(DriveFaultKind Kind, long From, long Until, int Amount);
