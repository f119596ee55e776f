using System.Diagnostics;
using System.Globalization;
using Cmi.Tests.EndToEnd;

namespace Cmi.Tests.Hostile;

/// <summary>Thousands of hostile connections to the built gateway, on real sockets: a well-behaved client beside them sees no error, and all is given back.</summary>
[TestFixture, Category("Slow"), NonParallelizable]
internal sealed class HostileClientsTests
{
    private const int MostConnections = 10_000, DescriptorsLeft = 3000, ActionsPerSecond = 5000;
    private const int Windows = 9, RequestsPerWindow = 8000;                    // most of the time that a head may take, so that many come to their end
    private const double TimesQuiet = 3, ScheduledMilliseconds = 10;            // what a processor that others want too may cost, whatever the gateway does
    private const long MostMemory = 512L << 20, MemoryLeft = 96L << 20;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    [Test]
    [Platform("Linux")]
    public async Task HostileConnections_DisturbNobody_AndLeaveNothing()
    {
        var count = Math.Min(MostConnections, DescriptorLimit() - DescriptorsLeft);
        await using var servers = await KestrelServer.StartAsync();
        await using var gateway = await GatewayProcess.StartAsync(servers.AsOptions());
        using var client = new HttpClient { Timeout = Patience };

        await MeasureAsync(client, gateway.Url);                                // warms up all three
        var quiet = await MeasureAsync(client, gateway.Url);
        var (descriptors, memory) = (Descriptors(gateway.Id), Memory(gateway.Id));

        Latencies attacked, direct;
        long mostMemory;
        int mostDescriptors;
        string counts;
        await using (var hostile = await HostileClients.StartAsync(gateway.Url, count, ActionsPerSecond))
        {
            attacked = await MeasureAsync(client, gateway.Url);
            (mostDescriptors, mostMemory) = (Descriptors(gateway.Id), Memory(gateway.Id));
            direct = await MeasureAsync(client, new(servers.Urls[0]));          // what the machine itself makes of such load
            counts = await hostile.StopAsync();
        }
        var (descriptorsAfter, memoryAfter) = await SettleAsync(client, gateway, descriptors + 16, memory + MemoryLeft);

        TestContext.Out.WriteLine($"{count} hostile connections (limit {DescriptorLimit()} descriptors): {counts}");
        TestContext.Out.WriteLine(FormattableString.Invariant(
            $"quiet {quiet}; under attack {attacked}, past the gateway {direct}; p50 x{attacked.P50 / quiet.P50:f1}, p99 x{attacked.P99 / quiet.P99:f1}"));
        TestContext.Out.WriteLine($"gateway: {memory >> 20} MB quiet, {mostMemory >> 20} MB under attack, {memoryAfter >> 20} MB after; descriptors {descriptors}, {mostDescriptors}, {descriptorsAfter}");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(attacked.P99, Is.LessThanOrEqualTo(Math.Max(TimesQuiet * quiet.P99, ScheduledMilliseconds)), "ms; a well-behaved client is disturbed");
            Assert.That(mostMemory, Is.LessThan(MostMemory));
            Assert.That(memoryAfter, Is.LessThan(memory + MemoryLeft), "memory is left");
            Assert.That(mostDescriptors, Is.GreaterThan(count / 5), "the attack did not reach the gateway");
            Assert.That(descriptorsAfter, Is.LessThanOrEqualTo(descriptors + 16), "descriptors are left");
        }
    }

    /// <summary>Asks one request after the other; each must be answered right. The median of some windows, since others have work for the machine too.</summary>
    private static async Task<Latencies> MeasureAsync(HttpClient client, Uri server)
    {
        var expected = ContentDirectory.Bytes(1000);
        var windows = new List<(double P50, double P99)>();
        for (var window = 0; window < Windows; window++)
        {
            var taken = new double[RequestsPerWindow];
            for (var i = 0; i < taken.Length; i++)
            {
                var start = Stopwatch.GetTimestamp();
                var content = await client.GetByteArrayAsync(new Uri(server, "/bytes/1000"));
                taken[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                if (!content.AsSpan().SequenceEqual(expected)) Assert.Fail("a reply has other content");
            }
            Array.Sort(taken);
            windows.Add((taken[taken.Length / 2], taken[taken.Length * 99 / 100]));
        }
        return new(windows.Select(window => window.P50).Order().ElementAt(Windows / 2), windows.Select(window => window.P99).Order().ElementAt(Windows / 2));
    }

    /// <summary>Waits, asking on, until the gateway has noticed that the hostile clients are gone and has given back what they took.</summary>
    private static async Task<(int Descriptors, long Memory)> SettleAsync(HttpClient client, GatewayProcess gateway, int descriptors, long memory)
    {
        var clock = Stopwatch.StartNew();
        while ((Descriptors(gateway.Id) > descriptors || Memory(gateway.Id) > memory) && clock.Elapsed < Patience)
            Assert.That(await client.GetByteArrayAsync(gateway.At("/bytes/1000")), Has.Length.EqualTo(1000));
        return (Descriptors(gateway.Id), Memory(gateway.Id));
    }

    private static int Descriptors(int process) => Directory.GetFileSystemEntries($"/proc/{process}/fd").Length;

    /// <summary>The resident memory of a process, in bytes.</summary>
    private static long Memory(int process) => NumberIn($"/proc/{process}/status", "VmRSS:", field: 1) * 1024;

    /// <summary>How many descriptors this process may open; the gateway inherits it.</summary>
    private static int DescriptorLimit() => (int)Math.Min(1_000_000, NumberIn("/proc/self/limits", "Max open files", field: 3));

    private static long NumberIn(string file, string line, int field)
    {
        var found = File.ReadLines(file).First(l => l.StartsWith(line, StringComparison.Ordinal));
        return long.Parse(found.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[field], CultureInfo.InvariantCulture);
    }

    private sealed record Latencies(double P50, double P99)
    {
        public override string ToString() => FormattableString.Invariant($"p50 {P50:f2} ms, p99 {P99:f2} ms");
    }
}
