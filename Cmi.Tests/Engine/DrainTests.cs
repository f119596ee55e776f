using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine;

public sealed class DrainTests
{
    [Test]
    public async Task IdleClients_AreClosedAtOnce()
    {
        await using var gateway = new TestGateway(servers: 1);
        gateway.AnswerAll(_ => Http.Ok());
        var (fresh, kept) = (gateway.Connect(), gateway.Connect());
        kept.Send(Http.Get("/"));
        kept.ReceiveReply();
        var stopped = Stop(gateway);
        Assert.That((fresh.Ended, kept.Ended, gateway.At(1).Ended), Is.EqualTo((true, true, true)));
        fresh.Close();
        kept.Close();
        gateway.Run();
        Assert.That(stopped.IsCompletedSuccessfully);
    }

    [Test]
    public async Task RequestWhoseHeadHasArrived_IsFinishedAndSaysClose()
    {
        await using var gateway = new TestGateway(servers: 1);
        var client = gateway.Connect();
        client.Send(Http.Request("POST", "/", "Content-Length: 10\r\n") + "12345");
        gateway.Run();
        var stopped = Stop(gateway);
        client.Send("67890");
        gateway.Run();
        gateway.At(1).ReceiveText();
        gateway.At(1).Send(Http.Ok("yes"));
        var reply = client.ReceiveReply();
        Assert.That((reply.Text, reply.Field("Connection"), client.Ended), Is.EqualTo(("yes", "close", true)));
        client.Close();
        gateway.Run();
        Assert.That(stopped.IsCompletedSuccessfully);
        Assert.That(gateway.At(1).Ended, "its connection is not kept");
    }

    [Test]
    public async Task HeadThatHasNotComeWhole_IsNotWaitedFor()
    {
        await using var gateway = new TestGateway(o => (o.Timeouts.ClientHead, o.Timeouts.Drain) = (TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(9)), servers: 1);
        var client = gateway.Connect();
        client.Send(Http.Get("/1") + "GET /2 HTTP/1.1\r\n");
        gateway.Run();
        _ = Stop(gateway);
        client.Send("Host: a\r\n\r\n");
        gateway.Advance(5);
        gateway.At(1).ReceiveText();
        gateway.At(1).Send(Http.Ok("1"));
        var replies = Http.Replies(client.ReceiveAll());
        Assert.That(replies.Select(reply => (reply.Status, reply.Field("Connection"))), Is.EqualTo(((int, string?)[])[(200, "close")]), "and no 408 behind it");
    }

    [Test]
    public async Task StackedRequests_AllFinish()
    {
        await using var gateway = new TestGateway(servers: 1);
        var client = gateway.Connect();
        client.Send(Http.Get("/1") + Http.Get("/2"));
        gateway.Run();
        _ = Stop(gateway);
        gateway.At(1, connection: 2).Send(Http.Ok("2"));
        gateway.At(1).Send(Http.Ok("1"));
        var replies = Http.Replies(client.ReceiveAll());
        Assert.That(replies.Select(reply => (reply.Text, reply.Field("Connection"))), Is.EqualTo(((string, string?)[])[("1", null), ("2", "close")]));
    }

    [Test]
    public async Task NewClients_AreRefused()
    {
        await using var gateway = new TestGateway(servers: 1);
        var endpoint = gateway.Engine.Endpoints[0];
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        _ = Stop(gateway);
        Assert.That(() => gateway.Transport.Connect(endpoint), Throws.InstanceOf<IOException>());
    }

    [Test]
    public async Task ThoseThatDoNotFinish_AreCutAfterTheTime()
    {
        await using var gateway = new TestGateway(options => options.Timeouts.Drain = TimeSpan.FromSeconds(5), servers: 1, transport: new() { LoopCount = 2 });
        var (one, other) = (gateway.Connect(), gateway.Connect());
        one.Send(Http.Get("/"));
        other.Send(Http.Get("/"));
        gateway.Run();
        var stopped = Stop(gateway);
        gateway.Advance(4.999);
        Assert.That((one.Reset, other.Reset, stopped.IsCompleted), Is.EqualTo((false, false, false)));
        gateway.Advance(0.001);
        Assert.That((one.Reset, other.Reset, stopped.IsCompletedSuccessfully), Is.EqualTo((true, true, true)));
        Assert.That(gateway.Server(1).Connections, Has.All.Property(nameof(Cmi.Testing.InMemoryPeer.Reset)).True);
    }

    [Test]
    public async Task DuringTheDelay_ClientsAreAcceptedAndToldToClose()
    {
        await using var gateway = new TestGateway(options => options.Timeouts.DrainDelay = TimeSpan.FromSeconds(5), servers: 1);
        gateway.AnswerAll(head => Http.Ok(Http.PathOf(head)));
        var (idle, kept) = (gateway.Connect(), gateway.Connect());
        kept.Send(Http.Get("/1"));
        Assert.That(kept.ReceiveReply().Field("Connection"), Is.Null);
        var stopped = Stop(gateway);
        var late = gateway.Connect();
        late.Send(Http.Get("/2"));
        kept.Send(Http.Get("/3") + Http.Get("/4"));
        gateway.Run();
        Assert.That(late.ReceiveReply().Field("Connection"), Is.EqualTo("close"));
        Assert.That(Http.Replies(kept.ReceiveAll()).Select(reply => (reply.Text, reply.Field("Connection"))), Is.EqualTo(((string, string?)[])[("/3", null), ("/4", "close")]));
        Assert.That(idle.IsOpen());
        gateway.Advance(4.9);
        Assert.That(idle.IsOpen());
        gateway.Advance(0.1);
        Assert.That(idle.Ended);
        foreach (var client in new[] { idle, kept, late }) client.Close();
        gateway.Run();
        Assert.That(stopped.IsCompletedSuccessfully);
    }

    [Test]
    public async Task SecondStop_EndsTheDelayAndTheDrain()
    {
        await using var gateway = new TestGateway(options => options.Timeouts.DrainDelay = TimeSpan.FromHours(1), servers: 1);
        var client = gateway.Connect();
        var stopped = Stop(gateway);
        gateway.Transport.Crank.All[0].Run(() => _ = gateway.Engine.StopAsync(new CancellationToken(canceled: true)));
        gateway.Run();
        Assert.That((stopped.IsCompletedSuccessfully, client.IsOpen()), Is.EqualTo((true, false)));
    }

    [Test]
    public async Task RequestThatHadArrivedUnseen_IsAnsweredWithClose()
    {
        await using var gateway = new TestGateway(servers: 1);
        gateway.AnswerAll(_ => Http.Ok("yes"));
        var client = gateway.Connect();
        client.Send(Http.Get("/first"));
        client.ReceiveReply();
        // The loops do not run between these two.
        client.Send(Http.Get("/"));
        _ = Stop(gateway);
        var reply = client.ReceiveReply();
        Assert.That((reply.Text, reply.Field("Connection"), client.Ended), Is.EqualTo(("yes", "close", true)));
    }

    private static Task Stop(TestGateway gateway)
    {
        Task stopped = null!;
        gateway.Transport.Crank.All[0].Run(() => stopped = gateway.Engine.StopAsync());
        return stopped;
    }
}
