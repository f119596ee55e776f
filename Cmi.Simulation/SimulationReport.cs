namespace Cmi.Simulation;

/// <summary>What a simulation has found. <para>Threading: immutable.</para></summary>
public sealed class SimulationReport
{
    /// <summary>From so many exchanges on every cell of the table must hold something, but for those that cannot.</summary>
    public const long ExchangesThatFillTheTable = 1_000_000;

    /// <summary>Runs, each a gateway of its own.</summary>
    public required int Runs { get; init; }

    /// <summary>Exchanges, over all runs.</summary>
    public required long Exchanges { get; init; }

    /// <summary>How long it would have taken.</summary>
    public required TimeSpan SimulatedTime { get; init; }

    /// <summary>A number that follows from every event of every run, in order: the same where the same has happened.</summary>
    public required ulong Trace { get; init; }

    /// <summary>What became of requests, by fault and by where it struck, as a table in Markdown.</summary>
    public required string Outcomes { get; init; }

    /// <summary>The cells of the table that could hold something and hold nothing, as <c>Fault in Phase, Outcome</c>; in a long run there are none.</summary>
    public required IReadOnlyList<string> EmptyCells { get; init; }

    /// <summary>The cells of the table that cannot hold anything, as <c>Fault in Phase, Outcome: why</c>.</summary>
    public required IReadOnlyList<string> ImpossibleCells { get; init; }

    /// <summary>Whether it was long enough to meet everything that could be met, and did not: then seeds give too little, or a cell cannot hold anything and nobody has said why.</summary>
    public bool HasGaps => Exchanges >= ExchangesThatFillTheTable && EmptyCells.Count > 0;

    /// <summary>What does not hold; none if all holds.</summary>
    public SimulationFailure? Failure { get; init; }
}

/// <summary>A rule that did not hold. <para>Threading: immutable.</para></summary>
public sealed class SimulationFailure
{
    /// <summary>The name of the rule.</summary>
    public required string Rule { get; init; }

    /// <summary>What happened.</summary>
    public required string Text { get; init; }

    /// <summary>The seed of the run in which it happened.</summary>
    public required int Seed { get; init; }

    /// <summary>The scenario, as small as it could be made, as JSON: <see cref="Simulator.Replay"/> runs it again.</summary>
    public required string Scenario { get; init; }
}
