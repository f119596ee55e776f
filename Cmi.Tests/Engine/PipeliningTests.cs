using Cmi.Testing;
using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine;

public sealed class PipeliningTests
{
    [Test]
    public async Task SixteenGetsOverFourServers_AllRunAtOnceAndReplyInOrder()
    {
        await using var gateway = new TestGateway(servers: 4);
        var client = gateway.Connect();
        client.Send(Gets(0, 16));
        gateway.Run();
        var asked = Asked(gateway, servers: 4);
        Assert.That(asked.Keys, Is.EquivalentTo(Enumerable.Range(0, 16)));
        for (var i = 15; i > 0; i--) asked[i].Send(Http.Ok($"{i}"));
        gateway.Run();
        Assert.That(client.Available, Is.Zero, "the first is not there");
        asked[0].Send(Http.Ok("0"));
        Assert.That(Texts(client), Is.EqualTo(Enumerable.Range(0, 16).Select(i => $"{i}")));
    }

    [Test]
    public async Task OnesThatJoinLater_RunAtOnceToo()
    {
        await using var gateway = new TestGateway(servers: 2);
        var client = gateway.Connect();
        client.Send(Gets(0, 2));
        gateway.Run();
        client.Send(Gets(2, 2));
        gateway.Run();
        var asked = Asked(gateway, servers: 2);
        Assert.That(asked, Has.Count.EqualTo(4));
        asked[3].Send(Http.Ok("3"));
        asked[1].Send(Http.Ok("1"));
        asked[0].Send(Http.Ok("0"));
        Assert.That(Texts(client), Is.EqualTo((string[])["0", "1"]), "each leaves as soon as its turn comes");
        asked[2].Send(Http.Ok("2"));
        Assert.That(Texts(client), Is.EqualTo((string[])["2", "3"]));
    }

    [TestCase("POST")]
    [TestCase("PUT")]
    [TestCase("DELETE")]
    [TestCase("BREW")]
    public async Task UnsafeMethod_IsABarrierBothWays(string method)
    {
        await using var gateway = new TestGateway(servers: 4);
        var client = gateway.Connect();
        client.Send(Gets(0, 2) + Http.Send(method, "/2", "x") + Http.Send(method, "/3", "x") + Gets(4, 2));
        gateway.Run();
        var asked = Asked(gateway, servers: 4);
        Assert.That(asked.Keys, Is.EquivalentTo((int[])[0, 1]));
        asked[0].Send(Http.Ok("0"));
        gateway.Run();
        Assert.That(Asked(gateway, servers: 4), Is.Empty, "one before it is still under way");
        asked[1].Send(Http.Ok("1"));
        for (var barrier = 2; barrier <= 3; barrier++)
        {
            gateway.Run();
            asked = Asked(gateway, servers: 4);
            Assert.That(asked.Keys, Is.EquivalentTo((int[])[barrier]));
            asked[barrier].Send(Http.Ok($"{barrier}"));
        }
        gateway.Run();
        asked = Asked(gateway, servers: 4);
        Assert.That(asked.Keys, Is.EquivalentTo((int[])[4, 5]));
        asked[5].Send(Http.Ok("5"));
        asked[4].Send(Http.Ok("4"));
        Assert.That(Texts(client), Is.EqualTo((string[])["0", "1", "2", "3", "4", "5"]));
    }

    [Test]
    public async Task RepliesBeforeABarrierAreWholeButUnread_ItStarts()
    {
        await using var gateway = new TestGateway(servers: 1, transport: new() { Capacity = 500 });
        var client = gateway.Connect();
        client.Send(Http.Get("/0") + Http.Send("POST", "/1", "x"));
        gateway.Run();
        gateway.At(1).ReceiveText();
        gateway.At(1).Send(Http.Ok(new('a', 5000)));
        gateway.Run();
        Assert.That(client.Available, Is.EqualTo(500), "the client does not read");
        Assert.That(gateway.At(1).ReceiveText(), Does.StartWith("POST /1 "));
        gateway.At(1).Send(Http.Ok("1"));
        Assert.That(Texts(client), Is.EqualTo((string[])[new('a', 5000), "1"]));
    }

    [Test]
    public async Task DepthIsReached_TheRestStaysWithTheTransport()
    {
        await using var gateway = new TestGateway(options => options.Limits.MaxPipelinedRequests = 2, servers: 2);
        var client = gateway.Connect();
        client.Send(Gets(0, 4000));
        gateway.Run();
        Assert.That(Asked(gateway, servers: 2), Has.Count.EqualTo(2));
        Assert.That(client.Unsent, Is.GreaterThan(10_000), "no more is read");
        var taken = client.Sent;
        gateway.Advance(1);
        Assert.That(client.Sent, Is.EqualTo(taken));
        gateway.AnswerAll(head => Http.Ok(Http.PathOf(head)[1..]));
        foreach (var server in new[] { 1, 2 }) gateway.At(server).Send(Http.Ok($"{server - 1}", "Connection: close\r\n"));
        Assert.That(Texts(client), Is.EqualTo(Enumerable.Range(0, 4000).Select(i => $"{i}")));
    }

    [Test]
    public async Task BytesAreReached_NoFurtherRequestStarts()
    {
        await using var gateway = new TestGateway(options => options.Limits.MaxPipelinedBytes = 1000, servers: 1);
        var client = gateway.Connect();
        client.Send(Http.Request("GET", "/0", $"Content-Length: 2000\r\n") + new string('x', 2000) + Gets(1, 3));
        gateway.Run();
        Assert.That(gateway.Server(1).Connections, Has.Count.EqualTo(1));
        Assert.That(gateway.At(1).ReceiveAll(), Does.EndWith("\r\n\r\n" + new string('x', 2000)));
        gateway.At(1).Send(Http.Ok("0"));
        gateway.Run();
        Assert.That(Asked(gateway, servers: 1).Keys, Is.EquivalentTo((int[])[1, 2, 3]));
    }

    [Test]
    public async Task DistributionIsOff_OneFollowsTheOther()
    {
        await using var gateway = new TestGateway(options => options.Pipelining.Distribute = Distribution.Off, servers: 4);
        var client = gateway.Connect();
        client.Send(Gets(0, 3));
        for (var i = 0; i < 3; i++)
        {
            gateway.Run();
            var asked = Asked(gateway, servers: 4);
            Assert.That(asked.Keys, Is.EquivalentTo((int[])[i]));
            asked[i].Send(Http.Ok($"{i}"));
        }
        Assert.That(Texts(client), Is.EqualTo((string[])["0", "1", "2"]));
    }

    [Test]
    public async Task CloseInTheMiddle_NothingBehindItReachesAServer()
    {
        await using var gateway = new TestGateway(servers: 4);
        gateway.AnswerAll(head => Http.Ok(Http.PathOf(head)));
        var client = gateway.Connect();
        client.Send(Http.Get("/0") + Http.Get("/1", "Connection: close\r\n") + Http.Get("/2"));
        Assert.That(Texts(client), Is.EqualTo((string[])["/0", "/1"]));
        Assert.That(client.Ended);
        Assert.That(Enumerable.Range(1, 4).Sum(server => gateway.Server(server).Connections.Count), Is.EqualTo(2));
    }

    [Test]
    public async Task OneFailsForGood_ItsErrorComesInItsPlace()
    {
        await using var gateway = new TestGateway(servers: 3);
        gateway.AnswerAll(head => Http.PathOf(head) == "/1" ? "nonsense\r\n\r\n" : Http.Ok(Http.PathOf(head)));
        var client = gateway.Connect();
        client.Send(Gets(0, 4));
        Assert.That(Http.Replies(client.ReceiveAll()).Select(reply => reply.Status), Is.EqualTo((int[])[200, 502, 200, 200]));
        Assert.That(client.IsOpen());
    }

    [Test]
    public async Task ClientEndsItsDirectionBehindTheLastOne_AllRepliesCome()
    {
        await using var gateway = new TestGateway(servers: 2);
        var client = gateway.Connect();
        client.Send(Gets(0, 4));
        client.EndSending();
        gateway.Run();
        var asked = Asked(gateway, servers: 2);
        for (var i = 3; i >= 0; i--) asked[i].Send(Http.Ok($"{i}"));
        Assert.That(Texts(client), Is.EqualTo((string[])["0", "1", "2", "3"]));
        Assert.That(client.Ended);
    }

    private static string Gets(int first, int count) => string.Concat(Enumerable.Range(first, count).Select(i => Http.Get($"/{i}")));

    /// <summary>The requests that servers have newly received, with the connection that waits for the answer.</summary>
    private static Dictionary<int, InMemoryPeer> Asked(TestGateway gateway, int servers)
    {
        var asked = new Dictionary<int, InMemoryPeer>();
        for (var server = 1; server <= servers; server++)
        {
            foreach (var peer in gateway.Server(server).Connections)
            {
                if (peer.ReceiveText() is { Length: > 0 } head) asked.Add(int.Parse(Http.PathOf(head).AsSpan(1)), peer);
            }
        }
        return asked;
    }

    private static IEnumerable<string> Texts(InMemoryPeer client) => Http.Replies(client.ReceiveAll()).Select(reply => reply.Text);
}
