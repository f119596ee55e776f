using System.Text.Json;
using Cmi.Tests.EndToEnd;

namespace Cmi.Tests.Reliability;

/// <summary>Servers end under load, at any byte of their replies; no client that GETs notices, as long as one of them lives.</summary>
[Category("Slow"), NonParallelizable, Platform("Linux")]
public sealed class RestartedServersTests : GatewayFixture
{
    private const int Servers = 3, Clients = 16, WarmReplies = 2000;
    // A reply must be much shorter: one that meets as many dying servers as Retry:Attempts allows is a 502, and rightly so.
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Test]
    public async Task OneKilledEverySecond_NoBrokenReply_AndNoError()
    {
        using var farm = await ServerFarm.StartAsync(Servers);
        await RunAsync(farm, async () =>
        {
            using var period = new PeriodicTimer(Second);
            var kills = SuiteLength.Asked("CMI_KILL_SECONDS", 15);
            for (var left = kills; left > 0; left--)
            {
                await period.WaitForNextTickAsync();
                await farm.RestartAsync(left % Servers, kill: true);
            }
            return kills;
        });
    }

    [TestCase(false, TestName = "RollingRestart_Graceful_NoError")]
    [TestCase(true, TestName = "RollingRestart_ByKill_NoError")]
    public async Task RollingRestart_NoError(bool kill)
    {
        using var farm = await ServerFarm.StartAsync(Servers);
        await RunAsync(farm, async () =>
        {
            using var period = new PeriodicTimer(Second);
            var restarts = Servers * SuiteLength.Asked("CMI_ROLLING_ROUNDS", 2);
            for (var left = restarts; left > 0; left--)
            {
                await period.WaitForNextTickAsync();
                await farm.RestartAsync(left % Servers, kill);
            }
            return restarts;
        });
    }

    // What disturbs says how often.
    private async Task RunAsync(ServerFarm farm, Func<Task<int>> disturb)
    {
        var gateway = await StartGatewayAsync([.. farm.AsOptions(), "--loops=2", "--Cmi:Reply:Commit=Whole"]);
        var load = new GetLoad(gateway.Url);
        using var stop = new CancellationTokenSource();
        var clients = load.RunAsync(Clients, stop.Token);
        var disturbances = 0;
        try
        {
            await load.ReachesAsync(WarmReplies);
            disturbances = await disturb();
        }
        finally
        {
            await stop.CancelAsync();
            await clients;
        }

        using var status = await GatewayCounts.StatusAsync(gateway);
        var (retries, failures) = Felt(status.RootElement);
        TestContext.Out.WriteLine($"{load.Answered} replies over {load.Connections} connections; {failures} failures of servers, {retries} retries");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(load.Failures, Is.Empty);
            Assert.That(load.Connections, Is.EqualTo(Clients), "each kept its connection");
            Assert.That(load.Answered, Is.GreaterThan(Clients));
            Assert.That(failures, Is.GreaterThanOrEqualTo(disturbances), "each was felt");
        }
    }

    private static (long Retries, long Failures) Felt(JsonElement status) => (
        status.GetProperty("statistics").GetProperty("retries").GetInt64(),
        status.GetProperty("groups")[0].GetProperty("servers").EnumerateArray().Sum(server => server.GetProperty("failures").GetInt64()));
}
