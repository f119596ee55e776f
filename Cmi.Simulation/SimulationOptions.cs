namespace Cmi.Simulation;

/// <summary>What a simulation is made of. <para>Threading: set up by one thread, only read after that.</para></summary>
public sealed class SimulationOptions
{
    /// <summary>What everything follows from: the same seed, the same run.</summary>
    /// <value>1 by default.</value>
    public int Seed { get; set; } = 1;

    /// <summary>How many exchanges to simulate; the run in which that number is reached goes to its end.</summary>
    /// <value>10,000 by default; at least 1.</value>
    public long Exchanges { get; set; } = 10_000;

    /// <summary>Makes the buffer store of each run, for at most so many bytes; it is disposed at the end of the run. It must do all of its work on the loop.</summary>
    /// <value>By default what the seed gives: those in RAM, on disk and on flash, and tiers of them, over simulated drives.</value>
    public Func<long, IBufferStore>? Store { get; set; }

    /// <summary>Makes the job queue of each run, in which at most so many tickets may wait.</summary>
    /// <value>By default the queue in memory.</value>
    public Func<ServerGroup, int, IJobQueue>? Queue { get; set; }

    /// <summary>Whether a scenario that has failed is made smaller, as far as it still fails.</summary>
    /// <value><see langword="true"/> by default.</value>
    public bool Shrinks { get; set; } = true;

    /// <summary>Called after each run.</summary>
    public Action<SimulationProgress>? Progress { get; set; }
}

/// <summary>How far a simulation has come. <para>Threading: immutable.</para></summary>
/// <param name="Runs">Runs so far, each a gateway of its own.</param>
/// <param name="Exchanges">Exchanges so far.</param>
public readonly record struct SimulationProgress(int Runs, long Exchanges);
