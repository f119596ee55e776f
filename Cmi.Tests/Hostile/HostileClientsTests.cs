using System.Diagnostics;
using Cmi.Tests.EndToEnd;

namespace Cmi.Tests.Hostile;

/// <summary>Thousands of hostile connections to the built gateway, on real sockets: a well-behaved client beside them sees no error, and all is given back.</summary>
[TestFixture, Category("Slow"), NonParallelizable]
internal sealed class HostileClientsTests : GatewayFixture
{
    private const int MostConnections = 10_000, DescriptorsLeft = 3000, ActionsPerSecond = 5000;
    private const int Windows = 9, RequestsPerWindow = 8000;                    // most of the time that a head may take, so that many come to their end
    private const double TimesQuiet = 3, ScheduledMilliseconds = 2;             // what a processor that others want too may cost in one gateway, and not in the other
    private const int PooledConnections = 16;                                   // to servers; idle ones stay for a while, and are counted at the end of the test
    private const long MostMemory = 512L << 20, MemoryLeft = 32L << 20;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    [Test]
    [Platform("Linux")]
    public async Task HostileConnections_DisturbNobody_AndLeaveNothing()
    {
        var count = Math.Min(MostConnections, ProcessFigures.DescriptorLimit() - DescriptorsLeft);
        await using var servers = await KestrelServer.StartAsync();
        var gateway = await StartGatewayAsync(servers.AsOptions());
        var bystander = await StartGatewayAsync(servers.AsOptions());           // nobody attacks it, but the machine is as busy for it
        using var client = new HttpClient { Timeout = Patience };

        await MeasureAsync(client, gateway.Url, bystander.Url);                 // warms up all of them
        var quiet = (await MeasureAsync(client, gateway.Url))[0];
        var (descriptors, memory) = (ProcessFigures.Descriptors(gateway.Id), ProcessFigures.Memory(gateway.Id));

        Latencies[] attacked;
        long mostMemory;
        int mostDescriptors;
        string counts;
        await using (var hostile = await HostileClients.StartAsync(gateway.Url, count, ActionsPerSecond))
        {
            attacked = await MeasureAsync(client, gateway.Url, bystander.Url);
            (mostDescriptors, mostMemory) = (ProcessFigures.Descriptors(gateway.Id), ProcessFigures.Memory(gateway.Id));
            counts = await hostile.StopAsync();
        }
        var (descriptorsAfter, memoryAfter) = await SettleAsync(client, gateway, descriptors + PooledConnections, memory + MemoryLeft);

        TestContext.Out.WriteLine($"{count} hostile connections (limit {ProcessFigures.DescriptorLimit()} descriptors): {counts}");
        TestContext.Out.WriteLine(FormattableString.Invariant(
            $"quiet {quiet}; under attack {attacked[0]}; a gateway beside it {attacked[1]}; p99 x{attacked[0].P99 / attacked[1].P99:f1}, of quiet x{attacked[0].P99 / quiet.P99:f1}"));
        TestContext.Out.WriteLine($"gateway: {memory >> 20} MB quiet, {mostMemory >> 20} MB under attack, {memoryAfter >> 20} MB after; descriptors {descriptors}, {mostDescriptors}, {descriptorsAfter}");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(attacked[0].P99, Is.LessThanOrEqualTo(Math.Max(TimesQuiet * attacked[1].P99, ScheduledMilliseconds)), "ms; a well-behaved client is disturbed");
            Assert.That(mostMemory, Is.LessThan(MostMemory));
            Assert.That(memoryAfter, Is.LessThan(memory + MemoryLeft), "memory is left");
            Assert.That(mostDescriptors, Is.GreaterThan(count / 5), "the attack did not reach the gateway");
            Assert.That(descriptorsAfter, Is.LessThanOrEqualTo(descriptors + PooledConnections), "descriptors are left");
        }
    }

    /// <summary>
    /// Asks one request after the other; each must be answered right. The median of some windows, since others have work for the machine too; those of several
    /// gateways take turns, so that such work falls on all of them.
    /// </summary>
    private static async Task<Latencies[]> MeasureAsync(HttpClient client, params Uri[] gateways)
    {
        var expected = ContentDirectory.Bytes(1000);
        var windows = gateways.Select(_ => new List<Latencies>()).ToArray();
        for (var window = 0; window < Windows * gateways.Length; window++)
        {
            var asked = new Uri(gateways[window % gateways.Length], "/bytes/1000");
            var taken = new double[RequestsPerWindow];
            for (var i = 0; i < taken.Length; i++)
            {
                var start = Stopwatch.GetTimestamp();
                var content = await client.GetByteArrayAsync(asked);
                taken[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                if (!content.AsSpan().SequenceEqual(expected)) Assert.Fail("a reply has other content");
            }
            Array.Sort(taken);
            windows[window % gateways.Length].Add(new(taken[taken.Length / 2], taken[taken.Length * 99 / 100]));
        }
        return [.. windows.Select(of => new Latencies(of.Select(one => one.P50).Order().ElementAt(Windows / 2), of.Select(one => one.P99).Order().ElementAt(Windows / 2)))];
    }

    /// <summary>Waits, asking on, until the gateway has noticed that the hostile clients are gone and has given back what they took.</summary>
    private static async Task<(int Descriptors, long Memory)> SettleAsync(HttpClient client, GatewayProcess gateway, int descriptors, long memory)
    {
        var clock = Stopwatch.StartNew();
        while ((ProcessFigures.Descriptors(gateway.Id) > descriptors || ProcessFigures.Memory(gateway.Id) > memory) && clock.Elapsed < Patience)
            Assert.That(await client.GetByteArrayAsync(gateway.At("/bytes/1000")), Has.Length.EqualTo(1000));
        return (ProcessFigures.Descriptors(gateway.Id), ProcessFigures.Memory(gateway.Id));
    }

    private sealed record Latencies(double P50, double P99)
    {
        public override string ToString() => FormattableString.Invariant($"p50 {P50:f2} ms, p99 {P99:f2} ms");
    }
}
