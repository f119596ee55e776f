using System.Text.Json;
using Cmi.Queues;
using Cmi.Simulation;
using Cmi.Simulation.Plans;
using Cmi.Tests.Docs;

namespace Cmi.Tests.Simulation;

/// <summary>The whole engine under simulation: whatever clients, servers, network and store do, the rules of the oracle hold.</summary>
public sealed class SimulatorTests
{
    private const string SeedVariable = "CMI_SIMULATION_SEED", ExchangesVariable = "CMI_SIMULATION_EXCHANGES";

    [Test]
    public void FixedSeeds_AllRulesHold([Range(1, 8)] int seed) => Run(seed, 1000);

    [Test]
    [Category("Slow")]
    public void ManyExchanges_AllRulesHoldAndLongRunsMeetEverything()
    {
        var report = Run(SlowSeed(), long.TryParse(Environment.GetEnvironmentVariable(ExchangesVariable), System.Globalization.CultureInfo.InvariantCulture, out var exchanges) ? exchanges : 100_000);
        Assert.That(report.HasGaps, Is.False, string.Join('\n', report.EmptyCells));
    }

    [TestCase(999_999, 1, false)]
    [TestCase(1_000_000, 0, false)]
    [TestCase(1_000_000, 1, true)]
    public void EmptyCells_AreGapsFromAMillionExchangesOn(long exchanges, int empty, bool expected)
    {
        var report = new SimulationReport { Runs = 1, Exchanges = exchanges, SimulatedTime = default, Trace = 0, Outcomes = "", ImpossibleCells = [], EmptyCells = [.. Enumerable.Repeat("a cell", empty)] };
        Assert.That(report.HasGaps, Is.EqualTo(expected));
    }

    [Test]
    public void SameSeed_SameRun()
    {
        var (once, again) = (Run(17, 500), Run(17, 500));
        Assert.That((again.Trace, again.Exchanges, again.SimulatedTime), Is.EqualTo((once.Trace, once.Exchanges, once.SimulatedTime)));
        Assert.That(Run(18, 500).Trace, Is.Not.EqualTo(once.Trace));
    }

    [Test]
    public void WrittenScenario_IsTheSameScenario([Range(1, 40)] int seed)
    {
        var scenario = ScenarioMaker.Make(seed, mostRequests: 100);
        var read = Simulator.FromJson(Simulator.ToJson(scenario));
        // Written in full, and compared as text: records do not look into lists.
        Assert.That(JsonSerializer.Serialize(read), Is.EqualTo(JsonSerializer.Serialize(scenario)));
    }

    [Test]
    public void Failure_IsMadeSmallAndHappensAgain()
    {
        Func<ServerGroup, int, IJobQueue> lettingInOneTooMany = (group, capacity) => new JobQueue(group, capacity + 1);
        var report = Enumerable.Range(1, 100).Select(seed => Simulator.Run(new() { Seed = seed, Exchanges = 500, Queue = lettingInOneTooMany })).First(report => report.Failure is not null);
        var failure = report.Failure!;
        Assert.That(failure.Rule, Is.EqualTo("queue-bound"));
        Assert.That(Simulator.FromJson(failure.Scenario).Requests, Is.LessThanOrEqualTo(30));
        var again = Simulator.Replay(failure.Scenario, new() { Shrinks = false, Queue = lettingInOneTooMany }).Failure;
        Assert.That((again?.Rule, again?.Text, again?.Seed, again?.Scenario), Is.EqualTo((failure.Rule, failure.Text, failure.Seed, failure.Scenario)));
        Assert.That(Simulator.Replay(failure.Scenario).Failure?.Text, Is.Null);
    }

    [TestCaseSource(nameof(Cases))]
    public void KnownCase_AllRulesHold(string name)
    {
        var report = Simulator.Replay(File.ReadAllText(Path.Combine(CasesPath, name)));
        Assert.That(report.Failure?.Text, Is.Null);
        Assert.That(report.Exchanges, Is.GreaterThan(0));
    }

    [Test]
    public void StoreOnDrives_AllRulesHoldAndItRepeats([Values(nameof(Medium.Disk), nameof(Medium.Log))] string medium, [ValueSource(nameof(DriveFaults))] string fault, [Values] bool belowRam)
    {
        var kind = Enum.Parse<DriveFaultKind>(fault);
        var drive = new TierPlan { Medium = Enum.Parse<Medium>(medium), Bytes = 4 << 20, Latency = 2, Faults = [new(kind, 0, 60_000, kind == DriveFaultKind.Slow ? 200 : 300)] };
        var made = ScenarioMaker.Make(1_000_015, mostRequests: 500);
        var scenario = made with { Terms = made.Terms with { AlwaysStore = true, Tiers = belowRam ? [new() { Bytes = 1 << 18 }, drive] : [drive] } };
        var (once, again) = (Simulator.RunOne(scenario, new(), new()), Simulator.RunOne(scenario, new(), new()));
        Assert.That(once.Found, Is.Null);
        Assert.That((again.Trace, again.Now), Is.EqualTo((once.Trace, once.Now)));
    }

    private static string[] DriveFaults => Enum.GetNames<DriveFaultKind>();

    private static IEnumerable<string> Cases => Directory.GetFiles(CasesPath, "*.json").Select(path => Path.GetFileName(path)!);

    private static string CasesPath => Path.Combine(Repository.Root, "Cmi.Tests", "Simulation", "Cases");

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
