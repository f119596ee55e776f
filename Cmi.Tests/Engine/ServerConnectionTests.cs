using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine;

/// <summary>Which connections to servers the engine keeps, and how many it opens, over all loops.</summary>
public sealed class ServerConnectionTests
{
    [Test]
    public async Task WholeCleanExchange_ItsConnectionIsUsedAgain()
    {
        await using var gateway = new TestGateway(servers: 1);
        gateway.AnswerAll(_ => Http.Ok("x"));
        for (var i = 0; i < 5; i++)
        {
            var client = gateway.Connect();
            client.Send(Http.Get("/"));
            client.ReceiveReply();
        }
        Assert.That(gateway.Server(1).Connections, Has.Count.EqualTo(1));
    }

    [TestCase("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx")]
    [TestCase("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx")]
    [TestCase("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx-and-more")]
    [TestCase("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")]
    [TestCase("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n1\r\nx\r\n0\r\n\r\n")]
    public async Task ExchangeThatWasNotClean_ItsConnectionIsClosed(string reply)
    {
        await using var gateway = new TestGateway(servers: 1);
        gateway.AnswerAll(_ => reply);
        for (var i = 1; i <= 2; i++)
        {
            var client = gateway.Connect();
            client.Send(Http.Get("/"));
            Assert.That(client.ReceiveReply().Text, Is.EqualTo(reply.Contains("204", StringComparison.Ordinal) ? "" : "x"));
            Assert.That(gateway.Server(1).Connections, Has.Count.EqualTo(i));
        }
    }

    // NTLM and Negotiate authenticate the connection: whoever came next on it would be somebody else in the eyes of the server.
    [TestCase("NTLM TlRMTVNTUAADAAAA", 2)]
    [TestCase("Negotiate YIIabc=", 2)]
    [TestCase("Basic eDp5", 1)]
    public async Task ConnectionThatCarriedCredentialsOfItsOwn_IsNotReused(string credentials, int connections)
    {
        await using var gateway = new TestGateway(servers: 1);
        gateway.AnswerAll(_ => Http.Ok("a"));
        var (first, second) = (gateway.Connect(), gateway.Connect());
        first.Send(Http.Get("/", $"Authorization: {credentials}\r\n"));
        Assert.That(first.ReceiveReply().Text, Is.EqualTo("a"));
        second.Send(Http.Get("/"));
        Assert.That(second.ReceiveReply().Text, Is.EqualTo("a"));
        Assert.That(gateway.Server(1).Connections, Has.Count.EqualTo(connections));
    }

    [Test]
    public async Task UnaskedReplyComesLater_ItIsNeverALaterOne()
    {
        await using var gateway = new TestGateway(servers: 1);
        gateway.AnswerAll(_ => Http.Ok("x"));
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        client.ReceiveReply();
        gateway.At(1).Send(Http.Ok("evil"));
        client.Send(Http.Get("/"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("x"));
    }

    [Test]
    public async Task IdleConnection_IsClosedAfterServerIdle()
    {
        await using var gateway = new TestGateway(servers: 1);
        gateway.AnswerAll(_ => Http.Ok("x"));
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        gateway.Advance(29.999);
        Assert.That(gateway.At(1).IsOpen());
        gateway.Advance(0.001);
        Assert.That(gateway.At(1).Ended);
    }

    [Test]
    public async Task OtherLoopHoldsTheOnlyConnectionIdle_ItIsClosedForWhoNeedsIt()
    {
        await using var gateway = new TestGateway(options => options.Servers.MaxConnections = 1, servers: 1, transport: new() { LoopCount = 2 });
        gateway.AnswerAll(_ => Http.Ok("x"));
        var clients = new[] { gateway.Connect(), gateway.Connect() };
        for (var i = 0; i < 6; i++)
        {
            clients[i % 2].Send(Http.Get("/"));
            Assert.That(clients[i % 2].ReceiveReply().Text, Is.EqualTo("x"), "at once: no time passes");
            Assert.That(gateway.Server(1).Connections.Count(peer => peer.IsOpen()), Is.EqualTo(1));
        }
    }

    [Test]
    public async Task ManyAskOnTwoLoops_NeverMoreConnectionsThanAllowed()
    {
        await using var gateway = new TestGateway(options => options.Servers.MaxConnections = 2, servers: 1, transport: new() { LoopCount = 2 });
        var server = gateway.Server(1);
        var most = 0;
        server.Accepted = peer =>
        {
            most = Math.Max(most, server.Connections.Count(other => other.IsOpen()));
            peer.Changed = p => p.ReceiveText();
        };
        var clients = Enumerable.Range(0, 8).Select(_ => gateway.Connect()).ToList();
        foreach (var client in clients) client.Send(Http.Get("/"));
        for (var answered = 0; answered < 8; answered++)
        {
            gateway.Run();
            server.Connections.First(peer => peer.IsOpen() && peer.Received > 0).Send("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        }
        gateway.Run();
        Assert.That(most, Is.EqualTo(2));
        Assert.That(clients, Has.All.Matches<Cmi.Testing.InMemoryPeer>(client => client!.ReceiveText().StartsWith("HTTP/1.1 204 ", StringComparison.Ordinal)));
    }

    [TestCase("leave")]
    [TestCase("wait")]
    public async Task WaitForAConnectionSlotEndsWithoutOne_TheSlotGoesToTheNext(string how)
    {
        await using var gateway = new TestGateway(options => (options.Servers.MaxConnections, options.Retry.Attempts) = (1, 1), servers: 1);
        var (first, second, third) = (gateway.Connect(), gateway.Connect(), gateway.Connect());
        first.Send(Http.Get("/1"));
        gateway.Run();
        second.Send(Http.Get("/2"));
        gateway.Run();
        if (how == "leave") second.Abort();
        else gateway.Advance(2);
        if (how == "wait") Assert.That(second.ReceiveReply().Status, Is.EqualTo(504));
        third.Send(Http.Get("/3"));
        gateway.Run();
        Assert.That(gateway.Server(1).Connections, Has.Count.EqualTo(1));
        gateway.At(1).Send(Http.Ok("1"));
        gateway.Run();
        Assert.That(gateway.At(1, connection: 2).ReceiveText(), Does.StartWith("GET /3 "));
        gateway.At(1, connection: 2).Send(Http.Ok("3"));
        Assert.That(third.ReceiveReply().Text, Is.EqualTo("3"));
    }
}
