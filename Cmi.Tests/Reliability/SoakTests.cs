using System.Diagnostics;
using Cmi.Tests.EndToEnd;

namespace Cmi.Tests.Reliability;

/// <summary>Full rate for a while, with clients that come and go, some of them in the middle of a reply: nothing adds up.</summary>
[Category("Slow"), NonParallelizable, Platform("Linux")]
public sealed class SoakTests : GatewayFixture
{
    private const int Servers = 2, Clients = 32;
    private const long MostGrowth = 32L << 20;                      // of the memory, once it has been under this very load for a quarter of the time

    [Test]
    public async Task FullRate_ComingAndGoing_NothingAddsUp()
    {
        var seconds = SuiteLength.Asked("CMI_SOAK_SECONDS", 20);
        using var farm = await ServerFarm.StartAsync(Servers);
        var gateway = await StartGatewayAsync([.. farm.AsOptions(), "--loops=2"]);
        var load = new GetLoad(gateway.Url, comesAndGoes: true);
        using var stop = new CancellationTokenSource();
        var clock = Stopwatch.StartNew();
        var clients = load.RunAsync(Clients, stop.Token);

        await Task.WhenAny(clients, ForAsync(seconds / 4.0));
        var memory = ProcessFigures.Memory(gateway.Id);
        await Task.WhenAny(clients, ForAsync(seconds * 3 / 4.0));
        await stop.CancelAsync();
        await clients;

        var memoryAfter = ProcessFigures.Memory(gateway.Id);
        TestContext.Out.WriteLine(FormattableString.Invariant(
            $"{load.Answered} replies over {load.Connections} connections in {clock.Elapsed.TotalSeconds:f0} s; memory {memory >> 20} -> {memoryAfter >> 20} MB"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(load.Failures, Is.Empty);
            Assert.That(load.Connections, Is.GreaterThan(2 * Clients));
            Assert.That(memoryAfter, Is.LessThan(memory + MostGrowth), "memory is left");
        }
    }

    private static async Task ForAsync(double seconds)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(seconds));
        await timer.WaitForNextTickAsync();
    }
}
