using System.Diagnostics;
using System.Globalization;
using Cmi.Tests.EndToEnd;

namespace Cmi.Tests.Hostile;

/// <summary>Thousands of hostile connections to the built gateway, on real sockets: a well-behaved client beside them sees no error, and all is given back.</summary>
[TestFixture, Category("Slow"), NonParallelizable]
internal sealed class HostileClientsTests
{
    private const int MostConnections = 10_000, DescriptorsLeft = 3000, Requests = 2000, ActionsPerRequest = 100;
    private const long MostMemory = 1L << 30;
    private static readonly TimeSpan AttackTime = TimeSpan.FromSeconds(6), Patience = TimeSpan.FromSeconds(60);

    [Test]
    [Platform("Linux")]
    public async Task HostileConnections_DisturbNobody_AndLeaveNothing()
    {
        var count = Math.Min(MostConnections, DescriptorLimit() - DescriptorsLeft);
        await using var servers = await KestrelServer.StartAsync();
        await using var gateway = await GatewayProcess.StartAsync(servers.AsOptions());
        using var client = new HttpClient { Timeout = Patience };
        var expected = ContentDirectory.Bytes(1000);

        await MeasureAsync(client, gateway.Url, expected);                      // warms up all three
        var quiet = await MeasureAsync(client, gateway.Url, expected);
        var (descriptors, memory) = (Descriptors(gateway.Id), Memory(gateway.Id));

        Latencies attacked, direct;
        long mostMemory;
        int mostDescriptors;
        string counts;
        using (var hostile = new HostileClients(gateway.Url, count))
        {
            hostile.Open();
            attacked = await MeasureAsync(client, gateway.Url, expected, hostile);
            (mostDescriptors, mostMemory) = (Descriptors(gateway.Id), Memory(gateway.Id));
            direct = await MeasureAsync(client, new(servers.Urls[0]), expected, hostile);      // what the machine itself makes of such load
            counts = $"{count} hostile connections, {hostile.Opened} opened in all, {hostile.Vanished} vanished, {hostile.Failed} not accepted";
        }
        var left = await SettleAsync(client, gateway, expected, descriptors);

        TestContext.Out.WriteLine($"{counts} (limit {DescriptorLimit()} descriptors)");
        TestContext.Out.WriteLine(FormattableString.Invariant($"quiet {quiet}; under attack {attacked}, past the gateway {direct}; p50 x{attacked.P50 / quiet.P50:f1}, p99 x{attacked.P99 / quiet.P99:f1}"));
        TestContext.Out.WriteLine(FormattableString.Invariant(
            $"gateway: {memory >> 20} MB quiet, {mostMemory >> 20} MB under attack, {Memory(gateway.Id) >> 20} MB after; descriptors {descriptors}, {mostDescriptors}, {left}"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(attacked.P99, Is.LessThanOrEqualTo(Math.Max(20 * quiet.P99, 250)), "ms; a well-behaved client is disturbed");
            Assert.That(mostMemory, Is.LessThan(MostMemory));
            Assert.That(mostDescriptors, Is.GreaterThan(count / 2), "the attack did not reach the gateway");
            Assert.That(left, Is.LessThanOrEqualTo(descriptors + 16), "descriptors are left");
        }
    }

    /// <summary>Asks one request after the other; each must be answered right. Behind each the hostile ones do what they do, before it is the turn of the next.</summary>
    private static async Task<Latencies> MeasureAsync(HttpClient client, Uri server, byte[] expected, HostileClients? hostile = null)
    {
        var taken = new List<double>();
        var (all, one) = (Stopwatch.StartNew(), new Stopwatch());
        while (taken.Count < Requests || (hostile is not null && all.Elapsed < AttackTime))
        {
            one.Restart();
            var content = await client.GetByteArrayAsync(new Uri(server, "/bytes/1000"));
            taken.Add(one.Elapsed.TotalMilliseconds);
            if (!content.AsSpan().SequenceEqual(expected)) Assert.Fail("a reply has other content");
            hostile?.Act(ActionsPerRequest);
            if (all.Elapsed > Patience) break;
        }
        taken.Sort();
        return new(taken.Count, taken[taken.Count / 2], taken[taken.Count * 99 / 100]);
    }

    /// <summary>Waits, asking on, until the gateway has noticed that the hostile clients are gone.</summary>
    private static async Task<int> SettleAsync(HttpClient client, GatewayProcess gateway, byte[] expected, int baseline)
    {
        var clock = Stopwatch.StartNew();
        while (Descriptors(gateway.Id) > baseline + 16 && clock.Elapsed < Patience)
            Assert.That(await client.GetByteArrayAsync(gateway.At("/bytes/1000")), Has.Length.EqualTo(expected.Length));
        return Descriptors(gateway.Id);
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

    private sealed record Latencies(int Count, double P50, double P99)
    {
        public override string ToString() => FormattableString.Invariant($"{Count} requests, p50 {P50:f2} ms, p99 {P99:f2} ms");
    }
}
