using NUnit.Framework;

namespace Cmi.Tests.EndToEnd;

/// <summary>The limit of a server, which loops share: counted at the server, with clients on both loops.</summary>
[Category("Slow"), NonParallelizable]
public sealed class ServerLimitTests : GatewayFixture
{
    [TestCase(8, 48, 10)]
    [TestCase(1, 24, 3, Description = "the loops take turns")]
    public async Task LimitOverTwoLoops_IsUsedWholeAndNeverPassed_AndNobodyStarves(int limit, int clients, int requests)
    {
        await using var server = await KestrelServer.StartAsync();
        var gateway = await StartGatewayAsync([.. server.AsOptions(), "--loops=2", $"--max-requests-per-server={limit}"]);

        await Task.WhenAll(Enumerable.Range(0, clients).Select(client => Task.Run(async () =>
        {
            using var connection = await RawClient.ConnectAsync(gateway.Url);
            for (var request = 0; request < requests; request++)
            {
                await connection.SendAsync(FormattableString.Invariant($"GET /slow/{client}-{request} HTTP/1.1\r\nHost: test\r\n\r\n"));
                Assert.That(await connection.ReadReplyAsync(), Is.EqualTo((200, FormattableString.Invariant($"{client}-{request}"))));
            }
        })));

        Assert.That(server.MostSlowAtOnce, Is.EqualTo(limit));
        Assert.That(server.RequestsByPort.Values.Sum(), Is.EqualTo(clients * requests));
    }
}
