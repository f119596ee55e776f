using Cmi.Tests.EndToEnd;

namespace Cmi.Tests.Reliability;

/// <summary>
/// Five times as many requests as the servers' concurrency lets through: those that are accepted are answered in time, the others are told soon, the servers
/// do as much as they can, and memory stays within its bound all the while. Times are taken by the clients, from before they connect to the whole reply.
/// </summary>
[Category("Slow"), NonParallelizable, Platform("Linux")]
public sealed class OverloadTests : GatewayFixture
{
    private const int Servers = 2, RequestsPerServer = 16, Concurrency = Servers * RequestsPerServer, Overload = 5, LeastOverload = 4, RetryAfterAtLeast = 1;
    private const double GoodputShare = 0.9;
    private const long MostGrowth = 64L << 20;                      // of the gateway's memory, from the capacity to the peak of the overload
    private static readonly TimeSpan ServiceTime = TimeSpan.FromMilliseconds(100), Calibration = TimeSpan.FromSeconds(2);

    // What clients, gateway and servers on the same few cores may add. A request that nobody refuses waits for many seconds, so that this hides nothing.
    private static readonly TimeSpan Slack = TimeSpan.FromMilliseconds(400);

    /// <summary>The queue is full before anybody has waited for long.</summary>
    [Test]
    public async Task QueueThatFills_RefusesAtOnce()
    {
        var timeout = TimeSpan.FromSeconds(2);
        var over = await OverloadAsync(mostQueued: 100, timeout);
        Assert.That(At(0.99, over.Refused), Is.LessThanOrEqualTo(timeout.TotalMilliseconds / 10), "ms, 99 of 100 refusals");
    }

    /// <summary>The queue takes all; those whose time is over leave it, and none of them reaches a server.</summary>
    [Test]
    public async Task QueueThatTakesAll_RefusesWhenTheTimeIsOver()
    {
        var timeout = TimeSpan.FromMilliseconds(500);
        var over = await OverloadAsync(mostQueued: 10_000, timeout);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(At(0.01, over.Refused), Is.GreaterThanOrEqualTo(timeout.TotalMilliseconds * 0.9), "ms, 99 of 100 refusals: nobody is refused while there is time");
            Assert.That(At(0.99, over.Refused), Is.LessThanOrEqualTo((timeout + Slack).TotalMilliseconds), "ms, 99 of 100 refusals");
            Assert.That(At(0.5, over.Accepted), Is.GreaterThanOrEqualTo(timeout.TotalMilliseconds / 2), "ms, half of those accepted: the queue was deep");
        }
    }

    private async Task<PacedLoad.Outcome> OverloadAsync(int mostQueued, TimeSpan queueTimeout)
    {
        using var farm = await ServerFarm.StartAsync(Servers);
        var gateway = await StartGatewayAsync([.. farm.AsOptions(), "--loops=2", $"--max-requests-per-server={RequestsPerServer}",
            $"--Cmi:Limits:MaxQueuedRequests={mostQueued}", $"--Cmi:Timeouts:Queue={queueTimeout:c}"]);
        using var load = new PacedLoad(gateway.Url, FormattableString.Invariant($"/after/1000/{ServiceTime.TotalMilliseconds:f0}"), NodeServer.Bytes(1000));

        // What the servers can do here and now: as many clients as they take at once, each asking again as soon as it is answered.
        await load.ClosedAsync(Concurrency, Calibration / 2);       // warms up all three
        var alone = await load.ClosedAsync(Concurrency, Calibration);
        var capacity = alone.Accepted.Count / alone.Elapsed.TotalSeconds;
        var memory = ProcessFigures.Memory(gateway.Id);

        var over = await load.OpenAsync((int)(Overload * Concurrency / ServiceTime.TotalSeconds), TimeSpan.FromSeconds(SuiteLength.Asked("CMI_OVERLOAD_SECONDS", 6)));

        var peak = ProcessFigures.PeakMemory(gateway.Id);
        var (goodput, offered) = (over.Accepted.Count / over.Elapsed.TotalSeconds, over.Total / over.Elapsed.TotalSeconds);
        TestContext.Out.WriteLine(FormattableString.Invariant(
            $"capacity {capacity:f0}/s of {Concurrency / ServiceTime.TotalSeconds:f0}; offered {offered:f0}/s; goodput {goodput:f0}/s ({goodput / capacity:p0}); memory {memory >> 20} MB, at its peak {peak >> 20} MB"));
        TestContext.Out.WriteLine($"accepted: {Times(over.Accepted)}\nrefused: {Times(over.Refused)}");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(alone.Failures.Concat(over.Failures), Is.Empty);
            Assert.That(alone.Refused, Is.Empty, "nobody waits below the capacity");
            Assert.That(goodput, Is.GreaterThanOrEqualTo(GoodputShare * capacity));
            Assert.That(At(1, over.Accepted), Is.LessThanOrEqualTo((queueTimeout + ServiceTime + Slack).TotalMilliseconds), "ms, all that were accepted");
            Assert.That(offered, Is.GreaterThan(LeastOverload * capacity), "asked a second, of five times the capacity");
            Assert.That(over.ShortestRetryAfter, Is.GreaterThanOrEqualTo(RetryAfterAtLeast), "seconds");
            Assert.That(peak, Is.LessThan(memory + MostGrowth));
        }
        return over;
    }

    /// <summary>The time, in ms, that such a share of them took at most.</summary>
    private static double At(double share, IEnumerable<double> times) =>
        times.Order().ToList() is { Count: > 0 } sorted ? sorted[(int)Math.Ceiling(share * sorted.Count) - 1] : throw new AssertionException("There are none.");

    private static string Times(IReadOnlyCollection<double> times) => FormattableString.Invariant(
        $"{times.Count}, in ms: 1 % within {At(0.01, times):f1}, half within {At(0.5, times):f1}, 99 % within {At(0.99, times):f1}, all within {At(1, times):f1}");
}
