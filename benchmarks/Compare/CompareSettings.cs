using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace Cmi.Benchmarks.Compare;

/// <summary>What the command line says.</summary>
internal sealed class CompareSettings
{
    public const string Help = """
        Runs CMI beside nginx, HAProxy and YARP, and writes docs/benchmarks.md.

          --only NAME,…      workloads; all by default
          --proxies NAME,…   nginx,haproxy,yarp,cmi by default
          --rounds N         interleaved rounds, 5 by default
          --seconds N        of each measurement, 4 by default
          --warm N           seconds of warm-up of those that compile just in time, 30 by default
          --results FILE     where the figures are kept (JSON), benchmarks/results.json by default; rounds are added to those that are there
          --report           only writes the report anew from that file
          --fresh            forgets the figures that are there
        """;

    public required IReadOnlyList<Workload> Workloads { get; init; }
    public required IReadOnlyList<Proxy> Proxies { get; init; }
    public required int Rounds { get; init; }
    public required double Seconds { get; init; }
    public required double WarmSeconds { get; init; }
    public required string Results { get; init; }
    public required bool ReportOnly { get; init; }
    public required bool Fresh { get; init; }

    public static CompareSettings Parse(IEnumerable<string> arguments, List<string> faults)
    {
        var flags = arguments.Where(argument => argument is "--report" or "--fresh").ToHashSet();
        var given = new ConfigurationBuilder().AddCommandLine([.. arguments.Where(argument => !flags.Contains(argument))]).Build();
        string[] known = ["only", "proxies", "rounds", "seconds", "warm", "results"];
        faults.AddRange(given.GetChildren().Where(setting => !known.Contains(setting.Key, StringComparer.OrdinalIgnoreCase)).Select(setting => $"--{setting.Key} is not known."));
        double Number(string name, double usual)
        {
            if (given[name] is not { } text) return usual;
            if (double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) && number > 0) return number;
            faults.Add($"--{name} is {text}; it must be a number above 0.");
            return usual;
        }
        IReadOnlyList<T> Choose<T>(string option, IReadOnlyList<T> all, Func<T, string> name)
        {
            if (given[option] is not { } text) return all;
            var names = text.Split(',');
            faults.AddRange(names.Where(wanted => !all.Any(one => name(one) == wanted)).Select(wanted => $"--{option} has {wanted}; there are {string.Join(", ", all.Select(name))}."));
            return [.. all.Where(one => names.Contains(name(one)))];
        }
        return new()
        {
            Workloads = Choose("only", Workload.All, workload => workload.Name),
            Proxies = Choose("proxies", Proxy.All, proxy => proxy.Name),
            Rounds = (int)Number("rounds", 5),
            Seconds = Number("seconds", 4),
            WarmSeconds = Number("warm", 30),
            Results = given["results"] ?? Path.Combine(Repository, "benchmarks/results.json"),
            ReportOnly = flags.Contains("--report"),
            Fresh = flags.Contains("--fresh"),
        };
    }

    /// <summary>The root of the checkout that this program was built in.</summary>
    public static string Repository => Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../../../.."));
}
