using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Cmi.Benchmarks.Compare;

/// <summary>One measurement of one proxy: fresh servers, a fresh proxy, clients; all of them processes that end with it.</summary>
internal sealed class Bench(Proxy proxy, CompareSettings settings)
{
    /// <summary>Before few large replies: seconds of warm-up, at most.</summary>
    public const double MaxLargeWarmSeconds = 5;

    private static readonly TimeSpan PollEvery = TimeSpan.FromMilliseconds(100);

    /// <summary>Clients that ask as fast as they get.</summary>
    /// <param name="servers">How many.</param>
    /// <param name="loops">Of the proxy.</param>
    /// <param name="plan">What they do; the port is filled in.</param>
    /// <param name="pinned">The proxy on the first core, everything else on the second. It is pinned when it is warm: a just-in-time compiler needs the other core meanwhile.</param>
    public Task<Dictionary<string, double>> LoadAsync(int servers, int loops, LoadPlan plan, bool pinned = false) => WithProxyAsync(servers, loops, async (origin, running, port) =>
    {
        plan = plan with { Port = port, Seconds = settings.Seconds, WarmSeconds = proxy.IsCompiledJustInTime ? settings.WarmSeconds : 1 };
        if (pinned)
        {
            await using (var warming = LoadOf(plan with { Seconds = 0.1 })) await FinishAsync(warming);
            await running.PinAsync(0);
            await origin.PinAsync(1);
            plan = plan with { WarmSeconds = 2 };
        }
        await using var load = LoadOf(plan);
        if (pinned) await load.PinAsync(1);
        return await MeasureAsync(load, running);
    });

    /// <summary>A few clients that have one large reply each.</summary>
    public Task<Dictionary<string, double>> LargeAsync(int clients, long replyBytes) => WithProxyAsync(2, 2, async (_, running, port) =>
    {
        await WarmAsync(port, replyBytes);
        await using var load = LoadOf(new(port, clients, $"/length/{replyBytes}", Seconds: 0));
        var figures = await MeasureAsync(load, running);
        figures["cpuPerGiB"] = figures["cpuMs"] * figures["requests"] / (figures["bytes"] / (1L << 30));
        figures["mebibytes"] = figures["bytes"] / (1 << 20) / figures["seconds"];
        return figures;
    });

    /// <summary>Clients that read slowly: when is the server free?</summary>
    public Task<Dictionary<string, double>> SlowAsync(int clients, long replyBytes, long bytesPerSecond) => WithProxyAsync(2, 2, async (origin, running, port) =>
    {
        await WarmAsync(port, replyBytes);
        await AskAsync(origin);
        await using var load = Child.OfRole("slow", $"{port}", $"{clients}", $"{replyBytes}", $"{bytesPerSecond}");
        var figures = await MeasureAsync(load, running);
        figures["held"] = (await AskAsync(origin))["heldMilliseconds"];
        return figures;
    });

    /// <summary>Connections that do nothing.</summary>
    public Task<Dictionary<string, double>> IdleAsync(int few, int many) => WithProxyAsync(2, 2, async (_, running, port) =>
    {
        await using var clients = Child.OfRole("idle", $"{port}", $"{few}", $"{many}");
        var held = new List<long>();
        for (var step = 0; step < 2; step++)
        {
            await clients.ReadLineAsync();
            await Task.Delay(TimeSpan.FromSeconds(2));              // what is temporary goes
            held.Add(ProcessTree.PssBytes(running.Id));
            await clients.WriteLineAsync();
        }
        return new() { ["perConnection"] = (held[1] - held[0]) / (double)(many - few), ["memory"] = held[1] / (double)(1 << 20) };
    });

    private static Child LoadOf(LoadPlan plan) => Child.OfRole("load", JsonSerializer.Serialize(plan));

    private static async Task<Dictionary<string, double>> AskAsync(Child origin)
    {
        await origin.WriteLineAsync();
        return JsonSerializer.Deserialize<Dictionary<string, double>>(await origin.ReadLineAsync())!;
    }

    // With what is measured afterwards: large content goes other ways through a proxy than small.
    private async Task WarmAsync(int port, long replyBytes)
    {
        var seconds = proxy.IsCompiledJustInTime ? Math.Min(MaxLargeWarmSeconds, settings.WarmSeconds) : 1;
        await using var warming = LoadOf(new(port, 8, $"/length/{Math.Min(replyBytes, 16L << 20)}", WarmSeconds: seconds, Seconds: 0.1));
        await FinishAsync(warming);
    }

    private async Task<Dictionary<string, double>> WithProxyAsync(int servers, int loops, Func<Child, Child, int, Task<Dictionary<string, double>>> measure)
    {
        var directory = Directory.CreateTempSubdirectory($"compare-{proxy.Name}-").FullName;
        try
        {
            await using var origin = Child.OfRole("origin", $"{servers}");
            var ports = (await origin.ReadLineAsync()).Split(' ');
            var setup = new ProxySetup(ProxySetup.FreePort(), [.. ports.Select(port => $"127.0.0.1:{port}")], loops, directory);
            await using var running = await proxy.StartAsync(setup);
            return await measure(origin, running, setup.Port);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static async Task<Dictionary<string, double>> FinishAsync(Child load)
    {
        string line;
        do line = await load.ReadLineAsync();
        while (!line.StartsWith('{'));
        return Figures(line);
    }

    /// <summary>Reads the clients' count, and what the proxy used exactly while they counted.</summary>
    private static async Task<Dictionary<string, double>> MeasureAsync(Child load, Child proxy)
    {
        while (await load.ReadLineAsync() != "START") { }
        using var measuring = new CancellationTokenSource();
        var polling = PeakAsync(proxy.Id, measuring.Token);
        var before = ProcessTree.CpuSeconds(proxy.Id);
        while (await load.ReadLineAsync() != "END") { }
        var cpu = ProcessTree.CpuSeconds(proxy.Id) - before;
        await measuring.CancelAsync();
        var figures = await FinishAsync(load);
        var requests = Math.Max(1, figures["requests"]);
        figures["cpu"] = cpu / requests * 1e6;
        figures["cpuMs"] = cpu / requests * 1e3;
        figures["rate"] = figures["requests"] / figures["seconds"];
        figures["reconnects"] = figures.GetValueOrDefault("reconnects") / requests * 1000;
        figures["peak"] = await polling / (double)(1 << 20);
        return figures;
    }

    private static async Task<long> PeakAsync(int pid, CancellationToken over)
    {
        var peak = 0L;
        using var timer = new PeriodicTimer(PollEvery);
        try
        {
            for (; ; )
            {
                peak = Math.Max(peak, ProcessTree.PssBytes(pid));
                await timer.WaitForNextTickAsync(over);
            }
        }
        catch (OperationCanceledException)
        {
            return peak;
        }
    }

    private static Dictionary<string, double> Figures(string json)
    {
        using var document = JsonDocument.Parse(json);
        foreach (var property in document.RootElement.EnumerateObject())
        {
            if (property.Value.ValueKind == JsonValueKind.String) Console.Error.WriteLine($"   {property.Value.GetString()}");
        }
        return document.RootElement.EnumerateObject().Where(property => property.Value.ValueKind == JsonValueKind.Number).ToDictionary(property => property.Name, property => property.Value.GetDouble());
    }
}
