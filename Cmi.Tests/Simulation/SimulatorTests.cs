using Cmi.Simulation;

namespace Cmi.Tests.Simulation;

/// <summary>The whole engine under simulation: whatever clients, servers, network and store do, the rules of the oracle hold.</summary>
public sealed class SimulatorTests
{
    private const string SeedVariable = "CMI_SIMULATION_SEED", ExchangesVariable = "CMI_SIMULATION_EXCHANGES";

    [Test]
    public void FixedSeeds_AllRulesHold([Range(1, 8)] int seed) => Run(seed, 1000);

    [Test]
    [Category("Slow")]
    public void ManyExchanges_AllRulesHold() =>
        Run(SlowSeed(), long.TryParse(Environment.GetEnvironmentVariable(ExchangesVariable), System.Globalization.CultureInfo.InvariantCulture, out var exchanges) ? exchanges : 100_000);

    [Test]
    public void SameSeed_SameRun()
    {
        var (once, again) = (Run(17, 500), Run(17, 500));
        Assert.That((again.Trace, again.Exchanges, again.SimulatedTime), Is.EqualTo((once.Trace, once.Exchanges, once.SimulatedTime)));
        Assert.That(Run(18, 500).Trace, Is.Not.EqualTo(once.Trace));
    }

    private static SimulationReport Run(int seed, long exchanges)
    {
        var report = Simulator.Run(new() { Seed = seed, Exchanges = exchanges });
        TestContext.Out.WriteLine($"seed {seed}: {report.Exchanges} exchanges in {report.Runs} runs, trace {report.Trace:x16}\n{report.Outcomes}");
        if (report.Failure is { } failure) Assert.Fail($"{failure.Rule}, in the run with the seed {failure.Seed}: {failure.Text}\n{failure.Scenario}");
        return report;
    }

    // Fixed unless a fresh one is asked for: a change is judged by what it changed.
    private static int SlowSeed() => Environment.GetEnvironmentVariable(SeedVariable) switch
    {
        "fresh" => TestContext.CurrentContext.Random.Next(),
        { } text => int.Parse(text, System.Globalization.CultureInfo.InvariantCulture),
        null => 1000,
    };
}
