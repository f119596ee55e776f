using NUnit.Framework;

namespace Cmi.Tests.EndToEnd;

/// <summary>A gateway that runs out of handles. The limit is that of a process, so it is one of its own.</summary>
[Platform("Linux")]
public sealed class HandlesTests
{
    [Test]
    public async Task OutOfHandles_AcceptingPausesAndRecovers()
    {
        await using var gateway = await GatewayProcess.StartWithHandlesAsync(200);
        var clients = new List<RawClient>();
        try
        {
            // More than it can take: those beyond wait in the backlog, where connecting succeeds all the same.
            for (var i = 0; i < 250; i++) clients.Add(await RawClient.ConnectAsync(gateway.Url));
            await gateway.ErrorAsync("cannot accept");
            clients.ForEach(client => client.Dispose());
            using var late = await RawClient.ConnectAsync(gateway.Url);
            await late.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            Assert.That((await late.ReadReplyAsync()).Status, Is.GreaterThanOrEqualTo(200), "it answers again");
            Assert.That(gateway.Errors.Split('\n').Count(line => line.Contains("cannot accept", StringComparison.Ordinal)), Is.EqualTo(1), gateway.Errors);
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
        }
    }

    [Test]
    public async Task OutOfHandles_ThoseThatWereAcceptedAreServed()
    {
        await using var gateway = await GatewayProcess.StartWithHandlesAsync(200);
        var clients = new List<RawClient>();
        try
        {
            for (var i = 0; i < 250; i++) clients.Add(await RawClient.ConnectAsync(gateway.Url));
            await gateway.ErrorAsync("cannot accept");
            foreach (var client in clients[..20])
            {
                await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
                Assert.That((await client.ReadReplyAsync()).Status, Is.EqualTo(200), "the handles that are left are for servers");
            }
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
        }
    }
}
