using System.Diagnostics;
using NUnit.Framework.Interfaces;

namespace Cmi.Tests.EndToEnd;

/// <summary>
/// Tests with the built gateway. What each of them has used of it is counted at its end, when its clients and servers are gone: no client, request, grant, server
/// connection, buffer, block, timer or descriptor may be left, memory must be within its bound, and no fault may have been logged.
/// </summary>
public abstract class GatewayFixture
{
    private const int DescriptorsForLater = 8;                      // what the runtime opens when it first needs it; never sockets
    private const long MemoryForLater = 160L << 20;                 // compiled code, and what stores, loops and the collector keep for their next use
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20), Period = TimeSpan.FromMilliseconds(20);

    private readonly List<(GatewayProcess Gateway, GatewayCounts Before)> _gateways = [];

    [TearDown]
    public async Task NothingIsLeftAsync()
    {
        try
        {
            if (TestContext.CurrentContext.Result.Outcome.Status == TestStatus.Failed) return;       // what failed may have left anything
            foreach (var (gateway, before) in _gateways)
                if (!gateway.HasExited) await AssertAllGivenBackAsync(gateway, before);
        }
        finally
        {
            foreach (var (gateway, _) in _gateways) await gateway.DisposeAsync();
            _gateways.Clear();
        }
    }

    /// <summary>Starts a gateway, which ends with the test.</summary>
    private protected async Task<GatewayProcess> StartGatewayAsync(params IEnumerable<string> arguments)
    {
        var gateway = await GatewayProcess.StartAsync(["--admin", "http://127.0.0.1:0", .. arguments]);
        _gateways.Add((gateway, null!));
        _gateways[^1] = (gateway, await GatewayCounts.OfAsync(gateway));
        return gateway;
    }

    private static async Task AssertAllGivenBackAsync(GatewayProcess gateway, GatewayCounts before)
    {
        // It hears of the ends of connections a little later than those who ended them.
        var clock = Stopwatch.StartNew();
        using var period = new PeriodicTimer(Period);
        var after = await GatewayCounts.OfAsync(gateway);
        while (!IsGivenBack(before, after) && clock.Elapsed < Patience)
        {
            await period.WaitForNextTickAsync();
            after = await GatewayCounts.OfAsync(gateway);
        }
        Assert.That(IsGivenBack(before, after), Is.True, $"left: {after}\nbefore: {before}");
        TestContext.Out.WriteLine($"gateway: {before.Memory >> 20} MB before, {after.Memory >> 20} MB after; timers {before.Timers}, {after.Timers}; descriptors {before.Descriptors}, {after.Descriptors}");
        Assert.That(gateway.Errors.Split('\n').Where(line => line.Contains("fail: ", StringComparison.Ordinal) || line.Contains("crit: ", StringComparison.Ordinal)), Is.Empty);
    }

    private static bool IsGivenBack(GatewayCounts before, GatewayCounts after) =>
        after is { Clients: 0, Requests: 0, Waiting: 0, ServerRequests: 0, ServerConnections: 0, Buffers: 0, BufferBytes: 0, Blocks: 0 } &&
        after.Timers <= before.Timers + (after.ServersOut > 0 ? after.ServersOut + 1 : 0) &&        // a timer of each probe, one for when the next is due
        after.Sockets <= before.Sockets && after.Descriptors <= before.Descriptors + DescriptorsForLater && after.Memory <= before.Memory + MemoryForLater;
}
