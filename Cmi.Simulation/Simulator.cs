using System.Text.Json;
using System.Text.Json.Serialization;
using Cmi.Simulation.Judging;
using Cmi.Simulation.Plans;
using Cmi.Simulation.World;

namespace Cmi.Simulation;

/// <summary>
/// Runs the engine between simulated clients and servers, with faults of every kind, in one thread and in virtual time, and judges all that it does.
/// The same options give the same run. <para>Threading: any thread, which it keeps to itself until it is done.</para>
/// </summary>
public static class Simulator
{
    private const int RunsAfterOneSeed = 1_000_003;
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, IgnoreReadOnlyProperties = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault, Converters = { new JsonStringEnumConverter() } };

    /// <summary>Runs scenarios until so many exchanges were simulated, or a rule did not hold.</summary>
    /// <param name="options">What to run.</param>
    /// <returns>What was found.</returns>
    public static SimulationReport Run(SimulationOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Exchanges, 1, nameof(options));
        var tally = new Tally();
        for (var run = 0; tally.Exchanges < options.Exchanges && tally.Found is null; run++)
        {
            var seed = unchecked((options.Seed * RunsAfterOneSeed) + run);
            tally.Add(ScenarioMaker.Make(seed, mostRequests: (int)Math.Min(20_000, options.Exchanges)), options);
            options.Progress?.Invoke(new(tally.Runs, tally.Exchanges));
        }
        return tally.ToReport(options);
    }

    /// <summary>Runs one scenario once more.</summary>
    /// <param name="scenario">What a <see cref="SimulationFailure.Scenario"/> has said.</param>
    /// <param name="options">The store and the queue; the defaults if absent.</param>
    /// <returns>What was found.</returns>
    /// <exception cref="ArgumentException">It is not a scenario.</exception>
    public static SimulationReport Replay(string scenario, SimulationOptions? options = null)
    {
        options ??= new();
        var tally = new Tally();
        tally.Add(FromJson(scenario), options);
        return tally.ToReport(options);
    }

    internal static string ToJson(Scenario scenario) => JsonSerializer.Serialize(scenario, Json);

    internal static Scenario FromJson(string json)
    {
        try
        {
            return JsonSerializer.Deserialize<Scenario>(json, Json) ?? throw new ArgumentException("There is no scenario.", nameof(json));
        }
        catch (JsonException e)
        {
            throw new ArgumentException($"It is not a scenario: {e.Message}", nameof(json), e);
        }
    }

    internal static SimulatedWorld RunOne(Scenario scenario, OutcomeTable table, SimulationOptions options)
    {
        var world = new SimulatedWorld(scenario, table, options.Store, options.Queue);
        world.Run();
        return world;
    }

    private sealed class Tally
    {
        private readonly OutcomeTable _table = new();
        private long _time;
        private ulong _trace;

        public int Runs { get; private set; }
        public long Exchanges { get; private set; }
        public Violation? Found { get; private set; }

        public void Add(Scenario scenario, SimulationOptions options)
        {
            var world = RunOne(scenario, _table, options);
            Runs++;
            Exchanges += world.Exchanges;
            _time += world.Now;
            _trace = unchecked((_trace * 31) + world.Trace);
            Found = world.Found;
        }

        public SimulationReport ToReport(SimulationOptions options)
        {
            var smallest = Found is null ? null : options.Shrinks ? Shrinker.Shrink(Found, options) : Found;
            return new()
            {
                Runs = Runs,
                Exchanges = Exchanges,
                SimulatedTime = TimeSpan.FromMilliseconds(_time),
                Trace = _trace,
                Outcomes = _table.ToString(),
                EmptyCells = [.. _table.Empty.Select(cell => $"{cell.Fault} in {cell.Phase}, {cell.Outcome}")],
                ImpossibleCells = [.. OutcomeTable.RuledOut.Select(cell => $"{cell.Fault} in {cell.Phase}, {cell.Outcome}: {cell.Why}")],
                Failure = smallest is null ? null : new() { Rule = smallest.Rule, Text = smallest.Text, Seed = Found!.Scenario.Seed, Scenario = ToJson(smallest.Scenario) },
            };
        }
    }
}
