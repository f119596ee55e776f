using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine;

/// <summary>When a request goes to a server, and what becomes of one that never ends.</summary>
public sealed class RequestContentTests
{
    [TestCase(CommitMode.Whole)]
    [TestCase(CommitMode.UpTo)]
    public async Task SlowUpload_HoldsNoServerUntilItIsWhole(CommitMode mode)
    {
        await using var gateway = Make(mode);
        var client = gateway.Connect();
        client.Send(Http.Request("POST", "/", "Content-Length: 10\r\n") + "12345");
        gateway.Advance(9);
        Assert.That(gateway.Server(1).Connections, Is.Empty);
        client.Send("67890");
        gateway.Run();
        Assert.That(gateway.At(1).ReceiveText(), Does.EndWith("Content-Length: 10\r\n\r\n1234567890").Or.EndWith("\r\n\r\n1234567890"));
        gateway.At(1).Send(Http.Ok());
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(200));
    }

    [Test]
    public async Task UploadOfUnknownLengthIsWhole_ItGoesWithItsLength()
    {
        await using var gateway = Make(CommitMode.UpTo);
        var client = gateway.Connect();
        client.Send(Http.Request("POST", "/", "Transfer-Encoding: chunked\r\n") + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
        gateway.Run();
        var asked = gateway.At(1).ReceiveText();
        Assert.That(asked, Does.Contain("Content-Length: 5\r\n").And.EndWith("\r\n\r\nabcde"));
        gateway.At(1).Send(Http.Ok());
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(200));
    }

    [Test]
    public async Task HoldBytesAreReached_ItFlows()
    {
        await using var gateway = Make(CommitMode.UpTo, holdBytes: 4);
        var client = gateway.Connect();
        client.Send(Http.Request("POST", "/", "Transfer-Encoding: chunked\r\n") + "3\r\nabc\r\n");
        gateway.Run();
        Assert.That(gateway.Server(1).Connections, Is.Empty);
        client.Send("1\r\nd\r\n");
        gateway.Run();
        Assert.That(gateway.At(1).ReceiveText(), Does.Contain("Transfer-Encoding: chunked\r\n").And.EndWith("\r\n\r\n4\r\nabcd\r\n"));
        client.Send("1\r\ne\r\n");
        gateway.Run();
        Assert.That(gateway.At(1).ReceiveText(), Is.EqualTo("1\r\ne\r\n"));
        client.Send("0\r\n\r\n");
        gateway.Run();
        Assert.That(gateway.At(1).ReceiveText(), Is.EqualTo("0\r\n\r\n"));
        gateway.At(1).Send(Http.Ok());
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(200));
        Assert.That(client.IsOpen());
    }

    [Test]
    public async Task HoldTimePasses_ItFlowsAfterExactlyThat()
    {
        await using var gateway = Make(CommitMode.UpTo);
        var client = gateway.Connect();
        client.Send(Http.Request("POST", "/", "Content-Length: 10\r\n") + "12345");
        gateway.Advance(9.999);
        Assert.That(gateway.Server(1).Connections, Is.Empty);
        gateway.Advance(0.001);
        Assert.That(gateway.At(1).ReceiveText(), Does.EndWith("Content-Length: 10\r\n\r\n12345"));
        client.Send("67890");
        gateway.Run();
        gateway.At(1).Send(Http.Ok());
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(200));
    }

    [Test]
    public async Task FlowingPutFails_ItIsReplayedFromItsFirstByte()
    {
        await using var gateway = Make(CommitMode.Stream, servers: 2);
        var client = gateway.Connect();
        client.Send(Http.Request("PUT", "/", "Content-Length: 10\r\n") + "12345");
        gateway.Run();
        Assert.That(gateway.At(1).ReceiveText(), Does.EndWith("\r\n\r\n12345"));
        gateway.At(1).Abort();
        gateway.Run();
        Assert.That(gateway.At(2).ReceiveText(), Does.EndWith("\r\n\r\n12345"));
        client.Send("67890");
        gateway.Run();
        Assert.That(gateway.At(2).ReceiveText(), Is.EqualTo("67890"));
        gateway.At(2).Send(Http.Ok("yes"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("yes"));
    }

    [TestCase(false, false)]
    [TestCase(false, true)]
    [TestCase(true, false)]
    [TestCase(true, true)]
    public async Task UploadIsCut_ItNeverBecomesARequest(bool flows, bool reset)
    {
        await using var gateway = Make(flows ? CommitMode.Stream : CommitMode.UpTo);
        var client = gateway.Connect();
        client.Send(Http.Request("PUT", "/", "Transfer-Encoding: chunked\r\n") + "5\r\n12345\r\n");
        gateway.Run();
        if (reset) client.Abort();
        else client.EndSending();
        gateway.Run();
        Assert.That(gateway.Server(1).Connections, Has.Count.EqualTo(flows ? 1 : 0));
        if (flows) Assert.That(gateway.At(1).Reset, "its connection is broken, not pooled: the server must not take it for whole");
        if (!reset) Assert.That(client.Ended);
    }

    [Test]
    public async Task RequestsBeforeACutUpload_GetTheirReplies()
    {
        await using var gateway = Make(CommitMode.UpTo);
        var client = gateway.Connect();
        client.Send(Http.Get("/1") + Http.Request("PUT", "/2", "Content-Length: 10\r\n") + "12345");
        client.EndSending();
        gateway.Run();
        gateway.At(1).Send(Http.Ok("1"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("1"));
        Assert.That(client.Ended);
    }

    [TestCase("HTTP/1.1 413 Too Large\r\nDate: D\r\nContent-Length: 2\r\n\r\nno")]
    [TestCase("HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 2\r\n\r\nno")]
    public async Task ServerAnswersBeforeTheContentHasCome_TheReplyArrivesAndBothConnectionsEnd(string early)
    {
        await using var gateway = Make(CommitMode.Stream);
        var client = gateway.Connect();
        client.Send(Http.Request("POST", "/", "Content-Length: 100000\r\n") + "12345");
        gateway.Run();
        gateway.At(1).ReceiveText();
        gateway.At(1).Send(early);
        var reply = client.ReceiveReply();
        Assert.That((reply.Text, reply.Field("Connection")), Is.EqualTo(("no", "close")));
        Assert.That(client.Ended);
        Assert.That(gateway.At(1).IsOpen(), Is.False);
        client.Send(new string('x', 90_000));
        gateway.Run();
        Assert.That((client.Reset, client.Unsent), Is.EqualTo((false, 0)), "drained for a while, so that the reply is not lost");
    }

    [Test]
    public async Task ServerEchoesWhileTheRequestFlows_BothFlow()
    {
        await using var gateway = new TestGateway(options => (options.Request.Commit, options.Reply.Commit) = (CommitMode.Stream, CommitMode.Stream), servers: 1);
        var client = gateway.Connect();
        client.Send(Http.Request("POST", "/", "Content-Length: 6\r\n") + "ab");
        gateway.Run();
        gateway.At(1).ReceiveText();
        gateway.At(1).Send(Http.OkHead("Content-Length: 6\r\n") + "ab");
        Assert.That(client.ReceiveAll(), Does.EndWith("\r\n\r\nab"));
        foreach (var piece in new[] { "cd", "ef" })
        {
            client.Send(piece);
            gateway.Run();
            Assert.That(gateway.At(1).ReceiveText(), Is.EqualTo(piece));
            gateway.At(1).Send(piece);
            Assert.That(client.ReceiveAll(), Is.EqualTo(piece));
        }
        Assert.That(gateway.At(1).IsOpen(), "a whole clean exchange");
    }

    [Test]
    public async Task UploadIsCutWhileACloseDelimitedReplyLeaves_TheReplyIsReset()
    {
        await using var gateway = new TestGateway(options => (options.Request.Commit, options.Reply.Commit) = (CommitMode.Stream, CommitMode.Stream), servers: 1);
        var client = gateway.Connect();
        client.Send("POST / HTTP/1.0\r\nHost: h\r\nContent-Length: 10\r\n\r\n12345");
        gateway.Run();
        gateway.At(1).Send(Http.OkHead("Transfer-Encoding: chunked\r\n") + "5\r\nabcde\r\n");
        gateway.Run();
        client.EndSending();
        gateway.Run();
        Assert.That((client.Reset, client.Ended), Is.EqualTo((true, false)), "a FIN would be the end of that reply");
    }

    private static TestGateway Make(CommitMode mode, long holdBytes = 16 << 20, int servers = 1) =>
        new(options => (options.Request.Commit, options.Request.HoldBytes) = (mode, holdBytes), servers);
}
