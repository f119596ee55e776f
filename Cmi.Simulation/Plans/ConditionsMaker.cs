namespace Cmi.Simulation.Plans;

/// <summary>Makes what goes on around exchanges: what the store is made of, what its drives do, and changes of settings. Its chance is its own.</summary>
internal sealed class ConditionsMaker(int seed, int spread)
{
    private const int Always = 1000;
    private static readonly DriveFaultKind[] Kinds = Enum.GetValues<DriveFaultKind>();
    private readonly Random _random = new(~seed);

    /// <summary>Makes the tiers of a store.</summary>
    /// <param name="ramBytes">What RAM may hold where it is the only one.</param>
    public IReadOnlyList<TierPlan> MakeTiers(long ramBytes)
    {
        var ram = new TierPlan { Bytes = ramBytes };
        return _random.Next(9) switch
        {
            0 or 1 => [Drive(Medium.Disk)],
            2 or 3 => [Drive(Medium.Log)],
            4 => [ram with { Bytes = 1 << 19 }, Drive(Medium.Disk)],
            5 => [ram with { Bytes = 1 << 18 }, Drive(Medium.Log), Drive(Medium.Disk)],
            _ => [ram],
        };
    }

    /// <summary>Makes changes of settings.</summary>
    /// <param name="terms">The settings at the beginning.</param>
    /// <param name="servers">How many servers there are.</param>
    public IReadOnlyList<Swap> MakeSwaps(Terms terms, int servers)
    {
        var swaps = new List<Swap>();
        for (var at = 0; _random.Next(4) != 0 && swaps.Count < 8;)
        {
            at += _random.Next(1, spread / 2);
            var without = Enumerable.Range(1, servers).Where(_ => _random.Next(3) == 0).ToList();
            if (without.Count == servers) without.RemoveAt(_random.Next(servers));
            swaps.Add(new(at, Pick(terms.ReplyCommit, CommitMode.Whole, CommitMode.UpTo, CommitMode.Stream), Pick(terms.Attempts, 1, 2, 4), without));
        }
        return swaps;
    }

    private TierPlan Drive(Medium medium)
    {
        var faults = new List<DriveFault>();
        if (_random.Next(2) == 0) faults.Add(new(DriveFaultKind.Flips, 0, 2 * spread, 60));     // what is spoilt shows only where it is read
        for (var at = 0; _random.Next(4) != 0 && faults.Count < 6;)
        {
            var from = at + _random.Next(spread / 2);
            at = from + _random.Next(1, Pick(100, 3000, 20_000));
            var kind = Pick(Kinds);
            faults.Add(new(kind, from, at, kind == DriveFaultKind.Slow ? Pick(5, 100, 2000) : kind == DriveFaultKind.Full ? Always : Pick(20, 300, Always)));
        }
        return new() { Medium = medium, Bytes = Pick(4L << 20, 16L << 20, 64L << 20), Latency = Pick(0, 1, 5), Faults = faults };
    }

    private T Pick<T>(params ReadOnlySpan<T> among) => among[_random.Next(among.Length)];
}
