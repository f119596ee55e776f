using System.Globalization;
using System.Text.Json;
using Cmi.Benchmarks.Compare;

// The same program is the servers and the clients of a measurement, in processes of their own.
switch (args)
{
    case ["origin", var ports]:
        return await Origin.RunAsync(int.Parse(ports, CultureInfo.InvariantCulture));
    case ["load", var plan]:
        return await Load.RunAsync(JsonSerializer.Deserialize<LoadPlan>(plan)!);
    case ["slow", .. var numbers]:
        var (port, clients) = (int.Parse(numbers[0], CultureInfo.InvariantCulture), int.Parse(numbers[1], CultureInfo.InvariantCulture));
        return await SlowClients.RunAsync(port, clients, long.Parse(numbers[2], CultureInfo.InvariantCulture), long.Parse(numbers[3], CultureInfo.InvariantCulture));
    case ["idle", var at, .. var steps]:
        return await IdleClients.RunAsync(int.Parse(at, CultureInfo.InvariantCulture), [.. steps.Select(step => int.Parse(step, CultureInfo.InvariantCulture))]);
    case ["--help"]:
        Console.WriteLine(CompareSettings.Help);
        return 0;
}

var faults = new List<string>();
var settings = CompareSettings.Parse(args, faults);
if (!OperatingSystem.IsLinux()) faults.Add("The figures come from /proc: this needs Linux.");
if (!settings.ReportOnly)
{
    faults.AddRange(settings.Proxies.Select(proxy => proxy.Missing()).OfType<string>());
    if (!Proxy.IsOnPath("taskset")) faults.Add("The program taskset is not installed (on Debian: apt-get install util-linux).");
}
if (faults.Count > 0)
{
    foreach (var fault in faults) Console.Error.WriteLine(fault);
    return 2;
}

var results = settings.Fresh ? new Results() : Results.Load(settings.Results);
if (!settings.ReportOnly)
{
    foreach (var proxy in settings.Proxies) results.Versions[proxy.Name] = await proxy.TellVersionAsync();
    foreach (var workload in settings.Workloads)
    {
        var first = results.RoundsOf(workload.Name);
        for (var round = 0; round < settings.Rounds; round++)
        {
            // Interleaved, each round beginning with another: what the machine does meanwhile hits all alike.
            for (var turn = 0; turn < settings.Proxies.Count; turn++)
            {
                var proxy = settings.Proxies[(round + turn) % settings.Proxies.Count];
                try
                {
                    var figures = await workload.Run(new(proxy, settings));
                    results.Add(workload.Name, proxy.Name, first + round, settings, figures);
                    Console.WriteLine($"{workload.Name} round {round + 1} {proxy.Name}: {figures[workload.Main].ToString("N1", CultureInfo.InvariantCulture)}, {figures.GetValueOrDefault("errors")} errors");
                }
                catch (Exception e) when (e is InvalidOperationException or IOException)
                {
                    Console.WriteLine($"{workload.Name} round {round + 1} {proxy.Name}: {e.Message}");
                }
                results.Save(settings.Results);
            }
        }
    }
}
Report.Write(results, Path.Combine(CompareSettings.Repository, "docs"));
return 0;
