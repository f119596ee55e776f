using System.Text.Json;

namespace Cmi.Benchmarks.Compare;

/// <summary>All figures, kept in a file so that rounds can be added and the report written anew.</summary>
internal sealed class Results
{
    private static readonly JsonSerializerOptions Format = new() { WriteIndented = true };

    public Dictionary<string, string> Versions { get; init; } = [];

    public List<Measured> Measurements { get; init; } = [];

    public static Results Load(string file) => File.Exists(file) ? JsonSerializer.Deserialize<Results>(File.ReadAllText(file))! : new();

    public void Save(string file) => File.WriteAllText(file, JsonSerializer.Serialize(this, Format));

    public int RoundsOf(string workload) => Measurements.Where(one => one.Workload == workload).Select(one => one.Round + 1).DefaultIfEmpty(0).Max();

    public void Add(string workload, string proxy, int round, CompareSettings settings, Dictionary<string, double> figures) =>
        Measurements.Add(new(workload, proxy, round, settings.Seconds, settings.WarmSeconds, figures.ToDictionary(figure => figure.Key, figure => Math.Round(figure.Value, 3))));

    public IReadOnlyList<Measured> Of(string workload, string proxy) => [.. Measurements.Where(one => one.Workload == workload && one.Proxy == proxy)];

    /// <summary>One proxy's figure over another's, paired by round.</summary>
    /// <returns>Sorted; empty if they have no round in common.</returns>
    public IReadOnlyList<double> Ratios(string workload, string figure, string proxy, string over) =>
        [.. Of(workload, proxy).Join(Of(workload, over), one => one.Round, other => other.Round, (one, other) => one.Figures[figure] / other.Figures[figure]).Where(double.IsFinite).Order()];

    public static double Median(IEnumerable<double> values) => values.Order().ToArray() is { Length: > 0 } sorted ? (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2 : double.NaN;
}

/// <summary>What one measurement gave.</summary>
/// <param name="Workload">Its name.</param>
/// <param name="Proxy">Its name.</param>
/// <param name="Round">Counted from 0.</param>
/// <param name="Seconds">Of the measurement.</param>
/// <param name="WarmSeconds">Of the warm-up of those that compile just in time.</param>
/// <param name="Figures">By name.</param>
internal sealed record Measured(string Workload, string Proxy, int Round, double Seconds, double WarmSeconds, Dictionary<string, double> Figures);
