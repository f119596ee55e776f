using Cmi.Testing;
using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine;

/// <summary>What happens when the buffer store has no room.</summary>
public sealed class FullStoreTests
{
    private const int Large = 100_000;

    [Test]
    public async Task NoRoomForAReply_RefusedAndTheConnectionIsKept()
    {
        await using var gateway = new TestGateway(servers: 1);
        gateway.Store.RefusesBuffers = true;
        gateway.AnswerAll(_ => Http.Ok(new('x', Large)));
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        var reply = client.ReceiveReply();
        Assert.That((reply.Status, reply.Field("Retry-After"), client.IsOpen()), Is.EqualTo((503, "1", true)));
    }

    [Test]
    public async Task NoRoomForARequest_RefusedBeforeAServerHearsOfIt()
    {
        await using var gateway = new TestGateway(servers: 1);
        gateway.Store.RefusesBuffers = true;
        var client = gateway.Connect();
        client.Send(Http.Send("POST", "/", "content"));
        var reply = client.ReceiveReply();
        Assert.That((reply.Status, reply.Field("Retry-After"), reply.Field("Connection")), Is.EqualTo((503, "1", "close")));
        Assert.That(gateway.Server(1).Connections, Is.Empty);
    }

    [Test]
    public async Task FullWhileAWholeRequestIsWanted_Refused()
    {
        await using var gateway = new TestGateway(options => options.Request.Commit = CommitMode.Whole, servers: 1);
        gateway.Store.Capacity = 20_000;
        var client = gateway.Connect();
        client.Send(Http.Request("POST", "/", $"Content-Length: {Large}\r\n") + new string('x', Large));
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(503));
        Assert.That(gateway.Server(1).Connections, Is.Empty);
    }

    [Test]
    public async Task FullWhileARequestIsHeld_ItFlowsThroughWhatRoomThereIs()
    {
        await using var gateway = new TestGateway(servers: 1, transport: new() { Capacity = 1000 });
        gateway.Store.Capacity = 20_000;
        var server = gateway.Server(1);
        var received = 0L;
        server.Accepted = peer => peer.Changed = p => received += p.Receive().Length;
        var client = gateway.Connect();
        client.Send(Http.Request("POST", "/", $"Content-Length: {Large}\r\n") + new string('x', Large));
        for (var i = 0; i < 50; i++) gateway.Advance(0.1);
        Assert.That(received, Is.GreaterThan(Large));
        server.Last.Send(Http.Ok("yes"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("yes"));
    }

    [Test]
    public async Task FullWhileARequestIsHeld_NothingSpins()
    {
        await using var gateway = new TestGateway(servers: 1);
        gateway.Transport.BlackHole(TestGateway.Address(1));
        gateway.Store.Capacity = 1;
        gateway.Transport.Crank.TurnLimit = 1000;
        var client = gateway.Connect();
        client.Send(Http.Request("POST", "/", $"Content-Length: {Large}\r\n") + new string('x', Large));
        gateway.Run();
        var turns = gateway.Transport.Crank.All[0].Turns;
        gateway.Advance(1);
        Assert.That(gateway.Transport.Crank.All[0].Turns - turns, Is.LessThan(500), "it asks again 50 times a second");
    }

    [Test]
    public async Task FullWhileAReplyIsHeld_ItFlowsAtItsTurn()
    {
        await using var gateway = new TestGateway(servers: 2, transport: new() { Capacity = 1000 });
        gateway.Store.Capacity = 20_000;
        var client = gateway.Connect();
        client.Send(Http.Get("/1") + Http.Get("/2"));
        gateway.Run();
        gateway.At(2).Send(Http.Ok(new('2', Large)));
        gateway.Advance(1);
        Assert.That((gateway.At(2).Unsent > 0, client.Available), Is.EqualTo((true, 0)), "held, as far as there is room");
        gateway.At(1).Send(Http.Ok("1"));
        Assert.That(Receive(gateway, client, 2).Select(reply => reply.Text), Is.EqualTo((string[])["1", new('2', Large)]));
        Assert.That(gateway.Store.Held, Is.Zero);
    }

    [TestCase(1)]
    [TestCase(2)]
    public async Task FullOfRepliesThatMustBeWhole_TheYoungestGiveWayAndTheOldestFinishes(int loops)
    {
        await using var gateway = new TestGateway(options => options.Reply.Commit = CommitMode.Whole, servers: 1, transport: new() { LoopCount = loops, Capacity = 5000 });
        gateway.Store.Capacity = 150_000;
        var clients = Enumerable.Range(0, 3).Select(_ => gateway.Connect()).ToList();
        for (var i = 0; i < 3; i++)
        {
            clients[i].Send(Http.Get($"/{i}"));
            gateway.Run();
            gateway.At(1, connection: i + 1).Send(Http.OkHead($"Content-Length: {Large}\r\n") + new string('x', Large / 2));
        }
        gateway.Run();
        for (var i = 0; i < 3; i++) gateway.At(1, connection: i + 1).Send(new string('x', Large / 2));
        for (var i = 0; i < 40; i++) gateway.Advance(0.1);
        var statuses = clients.Select(client => Receive(gateway, client, 1)[0].Status).ToList();
        Assert.That(statuses[0], Is.EqualTo(200), "the oldest");
        Assert.That(statuses[2], Is.EqualTo(503), "the youngest");
        Assert.That(gateway.Store.Held, Is.Zero);
    }

    [Test]
    public async Task SmallReplyBeforeItsTurn_WaitsInTheLoopsMemoryWhateverTheStoreSays([Values("refuses", "full", "later", "fails")] string answer)
    {
        await using var gateway = new TestGateway(servers: 2);
        gateway.Store.RefusesBuffers = answer == "refuses";
        gateway.Store.Capacity = answer == "full" ? 0 : long.MaxValue;
        gateway.Store.Defers = answer == "later";
        gateway.Store.FailsCreation = answer == "fails";
        var client = gateway.Connect();
        client.Send(Http.Get("/1") + Http.Get("/2"));
        gateway.Run();
        gateway.At(2).Send(Http.Ok("2"));
        gateway.Run();
        gateway.At(1).Send(Http.Ok("1"));
        Assert.That(Http.Replies(client.ReceiveAll()).Select(reply => reply.Text), Is.EqualTo((string[])["1", "2"]));
    }

    [Test]
    public async Task MoreSmallRepliesThanTheLoopMayKeep_TheRestAreRefusedAndInOrder()
    {
        await using var gateway = new TestGateway(options => options.Limits.MaxPipelinedRequests = 1000, servers: 1);
        gateway.Store.RefusesBuffers = true;
        var client = gateway.Connect();
        client.Send(string.Concat(Enumerable.Range(0, 200).Select(i => Http.Get($"/{i}"))));
        gateway.Run();
        for (var i = 2; i <= 200; i++) gateway.At(1, i).Send(Http.Ok(new((char)('a' + (i % 26)), 16_000)));
        gateway.Run();
        gateway.At(1).Send(Http.Ok("first"));
        var replies = Http.Replies(client.ReceiveAll());
        Assert.That(replies, Has.Count.EqualTo(200));
        Assert.That((replies[0].Text, replies[1].Text[0], replies[100].Text[0], replies[199].Status), Is.EqualTo(("first", 'c', (char)('a' + (101 % 26)), 503)));
        Assert.That(replies.Count(reply => reply.Status == 200), Is.EqualTo(1 + (2 << 20) / (16 << 10)));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task HalfSentSmallReply_IsFinishedWhateverTheStoreSays(bool refuses)
    {
        await using var gateway = new TestGateway(servers: 2, transport: new() { Capacity = 20_000 });
        var (client, other) = (gateway.Connect(), gateway.Connect());
        client.Send(Http.Get("/1") + Http.Get("/2"));
        gateway.Run();
        gateway.Store.RefusesBuffers = refuses;
        gateway.Store.Capacity = 0;
        gateway.At(1).Send(Http.Ok(new('1', 15_000)));
        gateway.At(2).Send(Http.Ok(new('2', 15_000)));
        gateway.Run();
        Assert.That(client.Available, Is.EqualTo(20_000), "no more goes in; the second reply is half sent");
        other.Send(Http.Get("/3"));
        gateway.Run();
        gateway.Server(1).Last.ReceiveText();
        gateway.Server(1).Last.Send(Http.Ok(new('3', 15_000)));
        other.ReceiveAll();
        var text = client.ReceiveAll();
        Assert.That(text, Does.Not.Contain("3333"), "content of another client");
        Assert.That(Http.Replies(text).Select(reply => reply.Text), Is.EqualTo((string[])[new('1', 15_000), new('2', 15_000)]));
    }

    [Test]
    public async Task OnlyStackedRequestsHoldTheStore_TheLeavingReplyFlowsPastIt()
    {
        await using var gateway = new TestGateway(options => options.Reply.Commit = CommitMode.Stream, servers: 1);
        gateway.Store.Capacity = 2000;
        var client = gateway.Connect();
        client.Send(Http.Get("/1") + Http.Send("PUT", "/2", new('x', 2000)));
        gateway.Run();
        gateway.At(1).Send(Http.OkHead($"Content-Length: {Large}\r\n") + new string('y', 30_000));
        gateway.Run();
        gateway.At(1).Send(new string('y', Large - 30_000));
        Assert.That(Receive(gateway, client, 1)[0].Text, Is.EqualTo(new string('y', Large)));
        gateway.At(1).ReceiveAll();
        gateway.At(1).Send(Http.Ok("2"));
        Assert.That(Receive(gateway, client, 1)[0].Text, Is.EqualTo("2"));
    }

    private static List<WireMessage> Receive(TestGateway gateway, InMemoryPeer client, int replies)
    {
        var buffer = new WireBuffer();
        var received = new List<WireMessage>();
        for (var i = 0; i < 2000 && received.Count < replies; i++)
        {
            gateway.Advance(0.02);
            buffer.Feed(client.Receive());
            while (buffer.TakeReply() is { } reply) received.Add(reply);
        }
        Assert.That(received, Has.Count.EqualTo(replies));
        return received;
    }
}
