using System.Text;
using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine;

/// <summary>Clients that are slow, silent, or do not stop: what they cost is bounded in time and memory.</summary>
public sealed class ClientTests
{
    [Test]
    public async Task RefusedInTheMiddleOfItsContent_TheReplyArrivesThoughTheClientHadSaidClose()
    {
        await using var gateway = new TestGateway();
        var client = gateway.Connect();
        client.Send(Http.Request("PUT", "/", "Connection: close\r\nContent-Length: 20\r\n") + "half of it");
        gateway.Run();
        gateway.Advance(30);
        // What comes late would make a reset of a plain close, and that could take the reply with it.
        Assert.That(gateway.Engine.GetStatistics().Clients, Is.EqualTo(1), "drains");
        client.Send("the others");
        client.EndSending();
        gateway.Run();
        Assert.That((client.Reset, client.ReceiveText().Split('\r')[0]), Is.EqualTo((false, "HTTP/1.1 408 Request Timeout")));
        Assert.That(gateway.Engine.GetStatistics().Clients, Is.Zero);
    }

    [TestCase("GET", "Connection: close\r\n", "", true, true)]
    [TestCase("GET", "", "", false, false)]
    [TestCase("POST", "Connection: close\r\nContent-Length: 1\r\n", "x", true, false, Description = "what some send behind the content would make a reset of the close")]
    public async Task LastReply_LeavesWithTheEndWhereNothingCanBreakThat(string method, string fields, string content, bool closes, bool withTheEnd)
    {
        var connections = new StubConnections(Encoding.ASCII.GetBytes(Http.Request(method, "/", fields) + content), Encoding.ASCII.GetBytes(Http.Ok("x")));
        var options = new CmiOptions();
        options.Listen("http://127.0.0.1:80");
        options.AddServer("http://10.0.0.1");
        var engine = new CmiEngine(options, connections, new ScriptedStore());
        await engine.StartAsync();
        var client = connections.Connect();
        client.Say();
        Assert.That(client.Sent, Is.Positive);
        Assert.That((client.IsClosed, client.HasSentLast, client.HasSentSoon), Is.EqualTo((closes, withTheEnd, !withTheEnd)));
        connections.Loop.Wait(engine.DisposeAsync);
    }

    [TestCase("GET", "", true)]
    [TestCase("POST", "Content-Length: 0\r\n", false, Description = "if it did not leave, another server may be asked; so that must be known")]
    public async Task Request_LeavesWithThoseOfOthersWhereItMayBeTriedTwice(string method, string fields, bool soon)
    {
        var connections = new StubConnections(Encoding.ASCII.GetBytes(Http.Request(method, "/", fields)), Encoding.ASCII.GetBytes(Http.Ok("x")));
        var options = new CmiOptions();
        options.Listen("http://127.0.0.1:80");
        options.AddServer("http://10.0.0.1");
        var engine = new CmiEngine(options, connections, new ScriptedStore());
        await engine.StartAsync();
        connections.Connect().Say();
        Assert.That((connections.Server!.Sent > 0, connections.Server.HasSentSoon), Is.EqualTo((true, soon)));
        connections.Loop.Wait(engine.DisposeAsync);
    }

    [Test]
    public async Task SaysNothing_ClosedAfterClientIdle()
    {
        await using var gateway = new TestGateway(servers: 1);
        var client = gateway.Connect();
        gateway.Advance(59.999);
        Assert.That(client.IsOpen());
        gateway.Advance(0.001);
        Assert.That((client.Ended, client.Received), Is.EqualTo((true, 0)));
    }

    [Test]
    public async Task KeptAliveWithoutAnotherRequest_ClosedAfterClientIdleFromItsLastReply()
    {
        await using var gateway = new TestGateway(servers: 1);
        gateway.AnswerAll(_ => Http.Ok());
        var client = gateway.Connect();
        gateway.Advance(50);
        client.Send(Http.Get("/"));
        client.ReceiveReply();
        gateway.Advance(59.999);
        Assert.That(client.IsOpen());
        gateway.Advance(0.001);
        Assert.That(client.Ended);
    }

    [Test]
    public async Task ReadsItsLastReplySlowly_IsNotIdleBeforeItHasIt()
    {
        await using var gateway = new TestGateway(options => options.Timeouts.ClientIdle = TimeSpan.FromSeconds(3), servers: 1, transport: new() { Capacity = 1000 });
        gateway.AnswerAll(_ => Http.Ok(new string('x', 4000)));
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        for (var read = 0; read < 4000; read += 500)
        {
            Assert.That(client.Receive(500), Has.Length.EqualTo(500));
            gateway.Advance(1);
        }
        Assert.That(client.ReceiveAll(), Does.EndWith("x"));
        gateway.Advance(3);
        Assert.That(client.Ended);
    }

    [TestCase("GET /")]
    [TestCase("GET / HTTP/1.1\r\nHost: h\r\n")]
    public async Task HeadDoesNotEnd_408AfterClientHeadFromItsFirstByte(string part)
    {
        await using var gateway = new TestGateway(servers: 1);
        var client = gateway.Connect();
        gateway.Advance(5);
        client.Send(part);
        gateway.Advance(5);
        client.Send("X");
        gateway.Advance(4.999);
        Assert.That(client.Available, Is.Zero, "dripping does not prolong it, waiting before it does not shorten it");
        gateway.Advance(0.001);
        var reply = client.ReceiveReply();
        Assert.That((reply.Status, reply.Field("Connection"), client.Ended), Is.EqualTo((408, "close", true)));
    }

    [TestCase("Content-Length: 10\r\n", "12345")]
    [TestCase("Transfer-Encoding: chunked\r\n", "5\r\n12")]
    public async Task ContentStops_408AfterClientContentFromItsLastByte(string framing, string part)
    {
        await using var gateway = new TestGateway(options => options.Request.Commit = CommitMode.Whole, servers: 1);
        var client = gateway.Connect();
        client.Send(Http.Request("POST", "/", framing));
        gateway.Advance(20);
        client.Send(part);
        gateway.Advance(29.999);
        Assert.That(client.Available, Is.Zero);
        gateway.Advance(0.001);
        var reply = client.ReceiveReply();
        Assert.That((reply.Status, client.Ended), Is.EqualTo((408, true)));
        Assert.That(gateway.Server(1).Connections, Is.Empty);
    }

    [Test]
    public async Task ContentStopsWhileItFlows_TheServersConnectionIsBroken()
    {
        await using var gateway = new TestGateway(options => options.Request.Commit = CommitMode.Stream, servers: 1);
        var client = gateway.Connect();
        client.Send(Http.Request("POST", "/", "Content-Length: 10\r\n") + "12345");
        gateway.Advance(30);
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(408));
        Assert.That(gateway.At(1).Reset);
    }

    [Test]
    public async Task TakesNothingOfItsReply_ResetAfterClientSend()
    {
        await using var gateway = new TestGateway(servers: 1, transport: new() { Capacity = 1000 });
        gateway.AnswerAll(_ => Http.Ok(new('x', 50_000)));
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Advance(20);
        client.Receive(100);
        gateway.Advance(29.999);
        Assert.That(client.Reset, Is.False, "it counts from its last progress");
        Assert.That(gateway.Store.Live, Is.EqualTo(1));
        gateway.Advance(0.001);
        Assert.That(client.Reset);
        Assert.That(gateway.Store.Live, Is.Zero);
    }

    [Test]
    public async Task ReadsSlowly_WhatItHasReadIsFreed()
    {
        await using var gateway = new TestGateway(servers: 1, transport: new() { Capacity = 1000 });
        const int bytes = 400_000;
        gateway.AnswerAll(_ => Http.Ok(new('x', bytes)));
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        Assert.That(gateway.Store.Held, Is.InRange(bytes - 2000, bytes));
        for (var read = 0; read < bytes / 2; read += 1000)
        {
            client.Receive();
            gateway.Advance(1);
        }
        Assert.That(gateway.Store.Held, Is.InRange((bytes / 2) - 70_000, (bytes / 2) + 70_000));
    }

    [Test]
    public async Task StacksRequestsWithoutReading_NoMoreRunThanTheBound()
    {
        await using var gateway = new TestGateway(options => options.Limits.MaxPipelinedRequests = 8, servers: 1, transport: new() { Capacity = 2000 });
        var answered = 0;
        gateway.AnswerAll(_ =>
        {
            answered++;
            return Http.Ok(new('x', 20_000));
        });
        var client = gateway.Connect();
        client.Send(string.Concat(Enumerable.Repeat(Http.Get("/"), 10_000)));
        gateway.Advance(1);
        Assert.That(answered, Is.EqualTo(8));
        Assert.That(gateway.Store.Held, Is.LessThanOrEqualTo(8 * 20_000));
        Assert.That(client.Unsent, Is.GreaterThan(0));
    }

    [Test]
    public async Task GoesOnSendingAfterARefusal_TheReplyStillArrives()
    {
        await using var gateway = new TestGateway(options => options.Limits.MaxRequestContentBytes = 1000, servers: 1);
        var client = gateway.Connect();
        client.Send(Http.Request("POST", "/", "Content-Length: 1000000\r\n") + new string('x', 30_000));
        gateway.Run();
        client.Send(new string('x', 500_000));
        gateway.Run();
        Assert.That((client.Unsent, client.Reset), Is.EqualTo((0, false)), "it is drained");
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(413));
        Assert.That(client.Ended);
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task GoesOnSendingForEver_TheDrainingEnds(bool fast)
    {
        await using var gateway = new TestGateway(servers: 1);
        var client = gateway.Connect();
        client.Send("nonsense\r\n\r\n");
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(400));
        for (var i = 0; i < 200 && !client.Reset; i++)
        {
            client.Send(new string('x', fast ? 50_000 : 1));
            gateway.Advance(fast ? 0 : 0.1);
        }
        Assert.That(client.Reset, "by time or by bytes");
        Assert.That(gateway.Transport.OpenConnections, Is.Zero);
    }

    [Test]
    public async Task RequestsInARow_EachIsAskedForOnceMoreRoomIsThere()
    {
        await using var gateway = new TestGateway(options => options.Limits.MaxConnections = 2, servers: 1);
        gateway.AnswerAll(_ => Http.Ok("x"));
        var clients = Enumerable.Range(0, 3).Select(_ => gateway.Connect()).ToList();
        foreach (var client in clients) client.Send(Http.Get("/"));
        gateway.Run();
        Assert.That((gateway.Engine.GetStatistics().Clients, clients[2].Available), Is.EqualTo((2, 0)), "the third is not accepted yet");
        clients[0].Abort();
        Assert.That(clients[2].ReceiveReply().Text, Is.EqualTo("x"));
    }

    [Test]
    public async Task AnsweredWithACloseWhileAnUploadIsReadBehindIt_TheUploadIsForgotten()
    {
        await using var gateway = new TestGateway(options => options.Reply.Commit = CommitMode.Stream, servers: 1);
        var client = gateway.Connect();
        client.Send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nPUT / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 10\r\n\r\n12345");
        gateway.Run();
        gateway.At(1).Send(Http.OkHead("Transfer-Encoding: chunked\r\n") + "1\r\nx\r\n");
        gateway.Run();
        gateway.At(1).Send("0\r\n\r\n");
        Assert.That(client.ReceiveAll(), Does.EndWith("\r\n\r\nx"));
        Assert.That(client.Ended);
        Assert.That((gateway.Engine.GetStatistics().OwnReplies, gateway.Log.Count(2020)), Is.EqualTo((0, 0)), "nothing is read into an exchange that is gone");
    }
}
