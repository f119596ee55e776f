using Cmi.Testing;
using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine;

public sealed class QueueTests
{
    [TestCase(1)]
    [TestCase(3)]
    public async Task ManyAskOnTwoLoops_NeverMoreInFlightThanTheLimit(int limit)
    {
        await using var gateway = new TestGateway(options => options.Servers.MaxRequests = limit, servers: 1, transport: new() { LoopCount = 2 });
        var open = new Queue<InMemoryPeer>();
        var (inFlight, most, answered) = (0, 0, 0);
        gateway.Server(1).Accepted = peer => peer.Changed = p =>
        {
            if (p.ReceiveText().Length == 0) return;
            most = Math.Max(most, ++inFlight);
            open.Enqueue(p);
        };
        var clients = Enumerable.Range(0, 10).Select(_ => gateway.Connect()).ToList();
        foreach (var client in clients) client.Send(Http.Get("/a") + Http.Get("/b"));
        gateway.Run();
        for (; open.TryDequeue(out var peer); answered++)
        {
            Assert.That(inFlight, Is.EqualTo(Math.Min(limit, 20 - answered)), "nor fewer, while some wait");
            inFlight--;
            peer.Send(Http.Ok());
            gateway.Run();
        }
        Assert.That((most, answered), Is.EqualTo((limit, 20)));
    }

    [Test]
    public async Task BothServersAreBusy_TheOneThatFreesFirstGetsTheNext()
    {
        await using var gateway = new TestGateway(options => options.Servers.MaxRequests = 1, servers: 2);
        var clients = Enumerable.Range(1, 3).Select(i => Ask(gateway, $"/{i}")).ToList();
        Assert.That(gateway.Queue.Waiting, Is.EqualTo(1));
        gateway.At(2).ReceiveText();
        gateway.At(2).Send(Http.Ok("2"));
        gateway.Run();
        Assert.That(gateway.At(2).ReceiveText(), Does.StartWith("GET /3 "));
        gateway.At(2).Send(Http.Ok("3"));
        gateway.At(1).Send(Http.Ok("1"));
        Assert.That(clients.Select(client => client.ReceiveReply().Text), Is.EqualTo((string[])["1", "2", "3"]));
    }

    [Test]
    public async Task SeveralWait_TheyAreServedInOrderOfAsking()
    {
        await using var gateway = new TestGateway(options => options.Servers.MaxRequests = 1, servers: 1, transport: new() { LoopCount = 2 });
        for (var i = 0; i < 6; i++) Ask(gateway, $"/{i}");
        var order = new List<string>();
        for (var i = 0; i < 6; i++)
        {
            var peer = gateway.Server(1).Connections.First(peer => peer.Available > 0);
            order.Add(Http.PathOf(peer.ReceiveText()));
            peer.Send(Http.Ok());
            gateway.Run();
        }
        Assert.That(order, Is.EqualTo((string[])["/0", "/1", "/2", "/3", "/4", "/5"]));
    }

    [Test]
    public async Task QueueIsFull_TheNextIsRefusedAtOnce()
    {
        await using var gateway = new TestGateway(options => (options.Servers.MaxRequests, options.Limits.MaxQueuedRequests) = (1, 1), servers: 1);
        Ask(gateway, "/1");
        Ask(gateway, "/2");
        var third = Ask(gateway, "/3");
        var reply = third.ReceiveReply();
        Assert.That((reply.Status, reply.Field("Retry-After")), Is.EqualTo((503, "1")));
        Assert.That(third.IsOpen());
    }

    [Test]
    public async Task NoServerFreesInTime_RefusedAfterExactlyTheTime()
    {
        await using var gateway = new TestGateway(options => (options.Servers.MaxRequests, options.Timeouts.Queue) = (1, TimeSpan.FromSeconds(7)), servers: 1);
        Ask(gateway, "/1");
        var second = Ask(gateway, "/2");
        gateway.Advance(6.999);
        Assert.That(second.Available, Is.Zero);
        gateway.Advance(0.001);
        var reply = second.ReceiveReply();
        Assert.That((reply.Status, reply.Field("Retry-After"), second.IsOpen()), Is.EqualTo((503, "1", true)));
        Assert.That(gateway.Queue.Waiting, Is.Zero);
    }

    [Test]
    public async Task ClientLeavesWhileItWaits_ItsTicketIsWithdrawn()
    {
        await using var gateway = new TestGateway(options => options.Servers.MaxRequests = 1, servers: 1);
        Ask(gateway, "/1");
        Ask(gateway, "/2").Abort();
        var third = Ask(gateway, "/3");
        Assert.That(gateway.Queue.Waiting, Is.EqualTo(1));
        gateway.At(1).ReceiveText();
        gateway.At(1).Send(Http.Ok());
        gateway.Run();
        Assert.That(gateway.At(1).ReceiveText(), Does.StartWith("GET /3 "));
        gateway.At(1).Send(Http.Ok("3"));
        Assert.That(third.ReceiveReply().Text, Is.EqualTo("3"));
    }

    [Test]
    public async Task LeastJobs_TheServerWithFewestGetsTheNext()
    {
        await using var gateway = new TestGateway(options => options.Servers.Selection = ServerSelection.LeastJobs, servers: 3);
        for (var i = 0; i < 6; i++) Ask(gateway, $"/{i}");
        foreach (var peer in gateway.Server(2).Connections) peer.Send(Http.Ok());
        gateway.Run();
        Ask(gateway, "/6");
        Ask(gateway, "/7");
        Assert.That(gateway.Server(2).Connections.Count(peer => peer.ReceiveAll().EndsWith("cmi\r\n\r\n", StringComparison.Ordinal)), Is.EqualTo(2));
        Assert.That(Enumerable.Range(1, 3).Select(server => gateway.Server(server).Connections.Count), Is.EqualTo((int[])[2, 2, 2]), "both went to the server that was free");
    }

    [Test]
    public async Task RoundRobin_EachServerHasItsTurnWhateverItsLoad()
    {
        await using var gateway = new TestGateway(servers: 3);
        for (var i = 0; i < 3; i++) Ask(gateway, $"/{i}");
        gateway.At(3).ReceiveText();
        gateway.At(3).Send(Http.Ok());
        gateway.Run();
        for (var i = 3; i < 6; i++) Ask(gateway, $"/{i}");
        Assert.That(Enumerable.Range(1, 3).Select(server => gateway.Server(server).Connections.Count), Is.EqualTo((int[])[2, 2, 1]));
        Assert.That(gateway.At(3).ReceiveText(), Does.StartWith("GET /5 "));
    }

    private static InMemoryPeer Ask(TestGateway gateway, string path)
    {
        var client = gateway.Connect();
        client.Send(Http.Get(path));
        gateway.Run();
        return client;
    }
}
