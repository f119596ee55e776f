using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Cmi.Benchmarks.Stores;

/// <summary>The page about stores, as it grows: what is measured goes to the console and into the page.</summary>
internal sealed class StoresPage
{
    private readonly StringBuilder _text = new();

    public StoresPage() => _text.Append(CultureInfo.InvariantCulture, $"""
        # What stores cost

        Written by `dotnet run -c Release --project benchmarks/Stores -- all DIRECTORY`. {Environment.ProcessorCount} processors, {RuntimeInformation.OSDescription},
        .NET {Environment.Version}. Each figure is the median of rounds in which everything is measured in turn; ratios are medians of the ratios of one round.
        What stores do for a proxy as a whole is on the page about [proxies](benchmarks.md); why they are as they are is in
        [decision 12](decisions/0012-one-store-two-devices.md), [8](decisions/0008-flash-is-a-log-on-files-of-our-own.md),
        [16](decisions/0016-slow-clients-hold-no-memory.md) and [20](decisions/0020-content-is-written-when-memory-is-wanted.md).

        """);

    /// <summary>Begins a table.</summary>
    public void Begin(string title, string explanation, params string[] columns)
    {
        _text.Append(CultureInfo.InvariantCulture, $"\n## {title}\n\n{explanation}\n\n| {string.Join(" | ", columns)} |\n|{string.Concat(Enumerable.Repeat("---|", columns.Length))}\n");
        Console.WriteLine($"{title}: {string.Join(", ", columns)}");
    }

    public void Row(params string[] cells)
    {
        _text.Append(CultureInfo.InvariantCulture, $"| {string.Join(" | ", cells)} |\n");
        Console.WriteLine("  " + string.Join("   ", cells));
    }

    public void WriteTo(string path) => File.WriteAllText(path, _text.ToString());
}
