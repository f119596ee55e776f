using System.Diagnostics;
using Cmi.Tests.EndToEnd;

namespace Cmi.Tests.Reliability;

/// <summary>
/// Five times as many requests as the servers' concurrency lets through: those that are accepted are answered in time, the others are told at once, and the
/// servers do as much as they can.
/// </summary>
[Category("Slow"), NonParallelizable, Platform("Linux")]
public sealed class OverloadTests : GatewayFixture
{
    private const int Servers = 2, RequestsPerServer = 16, Concurrency = Servers * RequestsPerServer, Overload = 5, LeastOverload = 4, Queued = 100, RetryAfterAtLeast = 1;
    private const double GoodputShare = 0.9;
    private const long MostGrowth = 64L << 20;
    private static readonly TimeSpan ServiceTime = TimeSpan.FromMilliseconds(100), QueueTimeout = TimeSpan.FromSeconds(2), Calibration = TimeSpan.FromSeconds(2);

    [Test]
    public async Task FiveTimesTheCapacity_GoodputStays_AndRefusalsAreQuick()
    {
        using var farm = await ServerFarm.StartAsync(Servers);
        var gateway = await StartGatewayAsync([.. farm.AsOptions(), "--loops=2", $"--max-requests-per-server={RequestsPerServer}",
            $"--Cmi:Limits:MaxQueuedRequests={Queued}", $"--Cmi:Timeouts:Queue={QueueTimeout:c}"]);
        using var load = new PacedLoad(gateway.Url, FormattableString.Invariant($"/after/1000/{ServiceTime.TotalMilliseconds:f0}"), NodeServer.Bytes(1000));

        // What the servers can do here and now: as many clients as they take at once, each asking again as soon as it is answered.
        await load.ClosedAsync(Concurrency, Calibration / 2);       // warms up all three
        var alone = await load.ClosedAsync(Concurrency, Calibration);
        var capacity = alone.Accepted.Count / alone.Elapsed.TotalSeconds;
        var memory = ProcessFigures.Memory(gateway.Id);

        var offered = (int)(Overload * Concurrency / ServiceTime.TotalSeconds);
        var over = await load.OpenAsync(offered, TimeSpan.FromSeconds(SuiteLength.Asked("CMI_OVERLOAD_SECONDS", 6)));

        var memoryAfter = ProcessFigures.Memory(gateway.Id);
        var goodput = over.Accepted.Count / over.Elapsed.TotalSeconds;
        var (slowest, refusal) = (over.Accepted.DefaultIfEmpty().Max(), Median(over.Refused));
        TestContext.Out.WriteLine(FormattableString.Invariant(
            $"capacity {capacity:f0}/s of {Concurrency / ServiceTime.TotalSeconds:f0}; offered {over.Total / over.Elapsed.TotalSeconds:f0}/s; goodput {goodput:f0}/s ({goodput / capacity:p0})"));
        TestContext.Out.WriteLine(FormattableString.Invariant(
            $"accepted: median {Median(over.Accepted):f0} ms, at most {slowest:f0} ms; {over.Refused.Count} refused: median {refusal:f1} ms; memory {memory >> 20} -> {memoryAfter >> 20} MB"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(alone.Failures.Concat(over.Failures), Is.Empty);
            Assert.That(alone.Refused, Is.Empty, "nobody waits below the capacity");
            Assert.That(goodput, Is.GreaterThanOrEqualTo(GoodputShare * capacity));
            Assert.That(slowest, Is.LessThanOrEqualTo((QueueTimeout + ServiceTime).TotalMilliseconds), "ms, of those accepted");
            Assert.That(over.Total / over.Elapsed.TotalSeconds, Is.GreaterThan(LeastOverload * capacity), "asked a second, of five times the capacity");
            Assert.That(refusal, Is.LessThan(ServiceTime.TotalMilliseconds / 2), "ms, half of the refusals");
            Assert.That(over.ShortestRetryAfter, Is.GreaterThanOrEqualTo(RetryAfterAtLeast), "seconds");
            Assert.That(memoryAfter, Is.LessThan(memory + MostGrowth));
        }
    }

    private static double Median(IEnumerable<double> of) => of.Order().ToList() is { Count: > 0 } sorted ? sorted[sorted.Count / 2] : 0;
}
