using System.Diagnostics;
using System.Globalization;
using System.Text;
using NUnit.Framework;

namespace Cmi.Tests.EndToEnd;

/// <summary>Requests that one client sends without waiting are shared out to the servers, and answered in order.</summary>
[Category("Slow"), NonParallelizable]
public sealed class StackedRequestsTests : GatewayFixture
{
    private const int Requests = 64;
    private const int Servers = 4;
    private const int Rounds = 5;

    /// <summary>Each server needs 50 ms for a request: one after the other the 64 would take 3.2 s.</summary>
    [TestCase(0, 150, Description = "All at once: 50 ms, and what the gateway adds.")]
    [TestCase(1, 1000, Description = "One at a time at each of four servers: 16 times 50 ms.")]
    public async Task Stack_IsSharedOut_AndAnsweredInOrder(int maxRequestsPerServer, int mostMilliseconds)
    {
        await using var servers = await KestrelServer.StartAsync(Servers);
        var gateway = await StartGatewayAsync(
            [.. servers.AsOptions(), "--max-requests-per-server", maxRequestsPerServer.ToString(CultureInfo.InvariantCulture)]);
        await SendStackAsync(gateway);                              // warms up both sides

        // The best of a few rounds: others may use the processors of this machine too, and it is the gateway that is measured.
        var best = TimeSpan.MaxValue;
        for (var round = 0; round < Rounds; round++)
            if (await SendStackAsync(gateway) is var took && took < best) best = took;

        TestContext.Out.WriteLine($"{Requests} requests over {Servers} servers: {best.TotalMilliseconds:f0} ms");
        Assert.That(best.TotalMilliseconds, Is.LessThanOrEqualTo(mostMilliseconds));
        Assert.That(servers.RequestsByPort.Values.Sum(), Is.EqualTo(Requests * (Rounds + 1)), "Each request reaches a server once.");
        Assert.That(servers.RequestsByPort, Has.Count.EqualTo(Servers), "Every server had its share.");
    }

    private static async Task<TimeSpan> SendStackAsync(GatewayProcess gateway)
    {
        using var client = await RawClient.ConnectAsync(gateway.Url);
        var stack = new StringBuilder();
        for (var i = 0; i < Requests; i++) stack.Append(CultureInfo.InvariantCulture, $"GET /slow/{i} HTTP/1.1\r\nHost: test\r\n\r\n");
        var clock = Stopwatch.StartNew();
        await client.SendAsync(stack.ToString());
        for (var i = 0; i < Requests; i++)
            Assert.That(await client.ReadReplyAsync(), Is.EqualTo((200, i.ToString(CultureInfo.InvariantCulture))), "in order");
        return clock.Elapsed;
    }
}
