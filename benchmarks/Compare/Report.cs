using System.Globalization;
using System.Text;
using ScottPlot;

namespace Cmi.Benchmarks.Compare;

/// <summary>The figures as a page with a table and a plot for each workload.</summary>
internal static class Report
{
    private const int PlotWidth = 640, PlotHeight = 240;

    public static void Write(Results results, string docs)
    {
        var page = new StringBuilder();
        page.AppendLine("""
            # Benchmarks

            CMI beside other HTTP/1.1 proxies that do the same work. Written by `dotnet run -c Release --project benchmarks/Compare`, which says what is missing; everything runs on
            one machine, over loopback. The rounds are interleaved, each measurement starts fresh servers and a fresh proxy; figures are medians. Machines differ and are never
            quiet: look at the ratios. They are medians of the ratios of one round each, with the lowest and the highest.

            CPU is the user and system time of all processes of the proxy while the clients counted. Every reply's status, length and identity was checked.

            What stores cost by themselves is [a page of its own](benchmarks-stores.md).
            """);
        page.AppendLine();
        page.AppendLine(CultureInfo.InvariantCulture, $"A measurement took {Range(results.Measurements.Select(one => one.Seconds))} s, but large replies as long as they took. Before it, programs that are compiled just in time (CMI, YARP) were warmed up by {Range(results.Measurements.Select(one => one.WarmSeconds))} s of the same load, at most {Bench.MaxLargeWarmSeconds} s before large replies; the others by 1 s.");
        page.AppendLine();
        page.AppendLine(CultureInfo.InvariantCulture, $"Measured with {string.Join("; ", results.Versions.Select(version => $"{version.Key}: {version.Value}"))}; {Environment.ProcessorCount} cores.");
        foreach (var workload in Workload.All)
        {
            var proxies = Proxy.All.Select(proxy => proxy.Name).Where(name => results.Of(workload.Name, name).Count > 0).ToArray();
            if (proxies.Length == 0) continue;
            page.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"## {workload.Name}").AppendLine().AppendLine($"{workload.Title}.").AppendLine();
            Table(page, results, workload, proxies);
            var plot = $"benchmarks-{workload.Name}.svg";
            Plot(results, workload, proxies, Path.Combine(docs, "images", plot));
            page.AppendLine().AppendLine($"![{workload.Name}](images/{plot})");
        }
        File.WriteAllText(Path.Combine(docs, "benchmarks.md"), page.ToString());
    }

    // There is at least one.
    private static string Range(IEnumerable<double> values)
    {
        var sorted = values.Distinct().Order().ToArray();
        return sorted.Length == 1 ? sorted[0].ToString(CultureInfo.InvariantCulture) : string.Create(CultureInfo.InvariantCulture, $"{sorted[0]} to {sorted[^1]}");
    }

    private static void Table(StringBuilder page, Results results, Workload workload, string[] proxies)
    {
        var main = workload.Columns.First(column => column.Figure == workload.Main).Title;
        page.AppendLine($"| | {string.Join(" | ", workload.Columns.Select(column => column.Title))} | CMI's {main} over it | rounds |");
        page.AppendLine($"|---|{string.Concat(workload.Columns.Select(_ => "--:|"))}--:|--:|");
        foreach (var proxy in proxies)
        {
            var measured = results.Of(workload.Name, proxy);
            var cells = workload.Columns.Select(column => Results.Median(measured.Select(one => one.Figures.GetValueOrDefault(column.Figure))).ToString(column.Format, CultureInfo.InvariantCulture));
            var ratios = proxy == "cmi" ? [] : results.Ratios(workload.Name, workload.Main, "cmi", proxy);
            var ratio = ratios.Count == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"**{Results.Median(ratios):F2}×** ({ratios[0]:F2}–{ratios[^1]:F2})");
            page.AppendLine(CultureInfo.InvariantCulture, $"| {proxy} | {string.Join(" | ", cells)} | {ratio} | {measured.Count} |");
        }
    }

    private static void Plot(Results results, Workload workload, string[] proxies, string file)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        using var plot = new Plot();
        for (var i = 0; i < proxies.Length; i++)
        {
            var values = results.Of(workload.Name, proxies[i]).Select(one => one.Figures[workload.Main]).ToArray();
            var bar = plot.Add.Bar(new Bar
            {
                Position = proxies.Length - i,
                Value = Results.Median(values),
                Orientation = Orientation.Horizontal,
                FillColor = proxies[i] == "cmi" ? Colors.C0 : Colors.LightGray,
                LineWidth = 0,
            });
            plot.Add.Line(values.Min(), proxies.Length - i, values.Max(), proxies.Length - i).LineColor = Colors.Gray;
        }
        plot.Axes.Left.SetTicks([.. proxies.Select((_, i) => (double)(proxies.Length - i))], proxies);
        plot.Axes.Margins(left: 0);
        plot.HideGrid();
        plot.XLabel($"{workload.Columns.First(column => column.Figure == workload.Main).Title}: median, lowest to highest");
        plot.SaveSvg(file, PlotWidth, PlotHeight);
    }
}
