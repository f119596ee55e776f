using System.Globalization;
using Cmi.Testing;
using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine;

/// <summary>When the first byte of a reply leaves, and what a failure looks like before and after that.</summary>
public sealed class ReplyCommitTests
{
    private const string UnknownLength = "HTTP/1.1 200 OK\r\nDate: D\r\nTransfer-Encoding: chunked\r\n\r\n";

    [TestCase(CommitMode.Whole)]
    [TestCase(CommitMode.UpTo)]
    public async Task ReplyWithLength_WaitsUntilItIsWhole(CommitMode mode)
    {
        await using var gateway = Make(mode);
        var client = Ask(gateway);
        gateway.At(1).Send(Http.OkHead("Content-Length: 10\r\n") + "12345");
        gateway.Run();
        Assert.That(client.Available, Is.Zero);
        gateway.At(1).Send("67890");
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("1234567890"));
    }

    [TestCase("Content-Length: 10\r\n", "12345")]
    [TestCase("Transfer-Encoding: chunked\r\n", "5\r\n12345\r\n")]
    [TestCase("Transfer-Encoding: chunked\r\n", "5\r\n12345\r\n0\r\n")]
    public async Task ReplyIsShort_NothingOfItLeaves(string framing, string content)
    {
        await using var gateway = Make(CommitMode.UpTo);
        var client = Ask(gateway);
        gateway.At(1).Send(Http.OkHead(framing) + content);
        gateway.At(1).Close();
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(502));
        Assert.That(client.IsOpen());
    }

    [Test]
    public async Task HoldBytesAreReached_ItFlowsAsItComes()
    {
        await using var gateway = Make(CommitMode.UpTo, holdBytes: 10);
        var client = Ask(gateway);
        gateway.At(1).Send(UnknownLength + "9\r\n123456789\r\n");
        gateway.Run();
        Assert.That(client.Available, Is.Zero);
        gateway.At(1).Send("1\r\n0\r\n");
        var text = client.ReceiveAll();
        Assert.That(text, Does.StartWith(UnknownLength));
        gateway.At(1).Send("2\r\nab\r\n");
        text += client.ReceiveAll();
        Assert.That(text, Does.EndWith("2\r\nab\r\n"));
        gateway.At(1).Send("0\r\n\r\n");
        Assert.That(Http.Replies(text + client.ReceiveAll()).Single().Text, Is.EqualTo("1234567890ab"));
        Assert.That(client.IsOpen());
    }

    [Test]
    public async Task HoldTimePasses_ItFlowsAfterExactlyThat()
    {
        await using var gateway = Make(CommitMode.UpTo);
        var client = Ask(gateway);
        gateway.Advance(5);
        gateway.At(1).Send(UnknownLength + "1\r\nx\r\n");
        gateway.Advance(9.999);
        Assert.That(client.Available, Is.Zero, "it counts from the reply's head");
        gateway.Advance(0.001);
        Assert.That(client.ReceiveText(), Does.EndWith("1\r\nx\r\n"));
    }

    [Test]
    public async Task HoldTimePassesBeforeItsTurn_ItIsStillTriedAgainUntilItsTurnComes()
    {
        await using var gateway = Make(CommitMode.UpTo, servers: 3);
        var client = gateway.Connect();
        client.Send(Http.Get("/1") + Http.Get("/2"));
        gateway.Run();
        gateway.At(2).Send(UnknownLength + "1\r\nx\r\n");
        gateway.Advance(15);
        gateway.At(2).Abort();
        gateway.Run();
        gateway.At(3).Send(Http.Ok("2"));
        gateway.At(1).Send(Http.Ok("1"));
        Assert.That(Http.Replies(client.ReceiveAll()).Select(reply => reply.Text), Is.EqualTo((string[])["1", "2"]));
    }

    [Test]
    public async Task TurnComesAfterHoldTime_ItFlowsAtOnce()
    {
        await using var gateway = Make(CommitMode.UpTo);
        var client = gateway.Connect();
        client.Send(Http.Get("/1") + Http.Get("/2"));
        gateway.Run();
        gateway.At(2).Send(UnknownLength + "1\r\nx\r\n");
        gateway.Advance(15);
        gateway.At(1).Send(Http.Ok("1"));
        Assert.That(client.ReceiveAll(), Does.EndWith("1\r\nx\r\n"));
    }

    [Test]
    public async Task HoldTimePassesWithWhole_ItWaitsOn()
    {
        await using var gateway = Make(CommitMode.Whole, holdBytes: 1);
        var client = Ask(gateway);
        gateway.At(1).Send(UnknownLength + "5\r\n12345\r\n");
        gateway.Advance(20);
        Assert.That(client.Available, Is.Zero);
        gateway.At(1).Send("0\r\n\r\n");
        Assert.That(client.ReceiveReply().Field("Content-Length"), Is.EqualTo("5"));
    }

    [Test]
    public async Task Stream_LeavesWithItsHead()
    {
        await using var gateway = Make(CommitMode.Stream);
        var client = Ask(gateway);
        gateway.At(1).Send(Http.OkHead("Content-Length: 5\r\n"));
        Assert.That(client.ReceiveAll(), Is.EqualTo(Http.OkHead("Content-Length: 5\r\n")));
        gateway.At(1).Send("12345");
        Assert.That(client.ReceiveAll(), Is.EqualTo("12345"));
    }

    [TestCase("Content-Type: text/event-stream\r\n")]
    [TestCase("Content-Type: text/event-stream; charset=utf-8\r\n")]
    [TestCase("Content-Type: application/grpc\r\n")]
    [TestCase("X-Accel-Buffering: no\r\n")]
    public async Task StreamByNature_FlowsInEveryMode(string field)
    {
        await using var gateway = Make(CommitMode.Whole);
        var client = Ask(gateway);
        gateway.At(1).Send($"HTTP/1.1 200 OK\r\nDate: D\r\n{field}Transfer-Encoding: chunked\r\n\r\n5\r\ndata:\r\n");
        Assert.That(client.ReceiveAll(), Does.EndWith("\r\n\r\n5\r\ndata:\r\n"));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task ChunkedReplyFailsAfterCommit_ItsLastChunkIsMissing(bool reset)
    {
        await using var gateway = Make(CommitMode.Stream);
        var client = Ask(gateway);
        gateway.At(1).Send(UnknownLength + "5\r\n12345\r\n");
        gateway.Run();
        if (reset) gateway.At(1).Abort();
        else gateway.At(1).Close();
        Assert.That(client.ReceiveAll(), Is.EqualTo(UnknownLength + "5\r\n12345\r\n"));
        Assert.That(client.IsOpen(), Is.False);
        Assert.That(gateway.Server(2).Connections, Is.Empty, "no second attempt is joined to it");
    }

    [Test]
    public async Task ReplyWithLengthFailsAfterCommit_ItStaysShort()
    {
        await using var gateway = Make(CommitMode.Stream);
        var client = Ask(gateway);
        gateway.At(1).Send(Http.OkHead("Content-Length: 10\r\n") + "12345");
        gateway.Run();
        gateway.At(1).Close();
        Assert.That(client.ReceiveAll(), Does.EndWith("\r\n\r\n12345"));
        Assert.That(client.IsOpen(), Is.False);
    }

    [Test]
    public async Task ToAnOldClient_TheCloseIsTheEnd()
    {
        await using var gateway = Make(CommitMode.Stream);
        var client = AskAsOldClient(gateway);
        gateway.At(1).Send(UnknownLength + "5\r\n12345\r\n");
        var text = client.ReceiveAll();
        Assert.That(client.Ended, Is.False);
        gateway.At(1).Send("0\r\n\r\n");
        text += client.ReceiveAll();
        Assert.That(client.Ended);
        var reply = Http.Replies(text, ended: true).Single();
        Assert.That((reply.Text, reply.Field("Transfer-Encoding"), reply.Field("Connection")), Is.EqualTo(("12345", (string?)null, "close")));
    }

    [Test]
    public async Task ReplyFailsWhileAnEarlierOneIsOnItsWay_TheEarlierOneArrives()
    {
        await using var gateway = new TestGateway(options => options.Reply.Commit = CommitMode.Stream, servers: 1, transport: new() { Capacity = 1000 });
        var client = gateway.Connect();
        client.Send(Http.Get("/1") + Http.Get("/2"));
        gateway.Run();
        gateway.At(1, 1).Send(Http.Ok(new('1', 500)));
        gateway.Run();
        gateway.At(1, 2).Send(Http.OkHead("Content-Length: 2000\r\n"));
        gateway.Run();
        gateway.At(1, 2).Send(new string('2', 600));
        gateway.At(1, 2).Close();
        gateway.Run();
        Assert.That((client.Reset, client.Ended), Is.EqualTo((false, false)), "what has come goes to the client first, which does not read yet");
        var text = client.ReceiveAll();
        Assert.That((client.Reset, client.Ended), Is.EqualTo((false, true)));
        Assert.That(text, Does.StartWith(Http.Ok(new('1', 500)) + Http.OkHead("Content-Length: 2000\r\n")));
        Assert.That(text.Count(c => c == '2'), Is.LessThan(2000));
    }

    [Test]
    public async Task ReplyFailsAndTheClientAsksOn_TheEarlierOneArrives()
    {
        await using var gateway = new TestGateway(options => options.Reply.Commit = CommitMode.Stream, servers: 1);
        var client = gateway.Connect();
        client.Send(Http.Get("/1") + Http.Get("/2"));
        gateway.Run();
        gateway.At(1, 1).Send(Http.Ok("first"));
        gateway.At(1, 2).Send(Http.OkHead("Content-Length: 2000\r\n") + "second");
        gateway.Run();
        gateway.At(1, 2).Abort();
        gateway.Run();
        client.Send(Http.Get("/3"));                                // it has read nothing yet
        gateway.Advance(1);
        Assert.That((client.Reset, client.ReceiveAll()), Is.EqualTo((false, Http.Ok("first") + Http.OkHead("Content-Length: 2000\r\n") + "second")));
        Assert.That((client.Reset, client.Ended), Is.EqualTo((false, true)));
    }

    [Test]
    public async Task ReplyFailsBehindAClientThatReadsNothing_ResetAfterClientSend()
    {
        await using var gateway = new TestGateway(options => options.Reply.Commit = CommitMode.Stream, servers: 1, transport: new() { Capacity = 1000 });
        var client = Ask(gateway);
        gateway.At(1).Send(Http.OkHead("Content-Length: 3000\r\n"));
        gateway.Run();
        gateway.At(1).Send(new string('x', 990));
        gateway.At(1).Close();
        gateway.Advance(29.9);
        Assert.That(client.Reset, Is.False);
        gateway.Advance(0.2);
        Assert.That(client.Reset);
    }

    [TestCase("server closes")]
    [TestCase("server resets")]
    [TestCase("server is silent")]
    public async Task ReplyToAnOldClientFailsAfterCommit_ItIsReset(string how)
    {
        await using var gateway = Make(CommitMode.Stream);
        var client = AskAsOldClient(gateway);
        gateway.At(1).Send(UnknownLength + "5\r\n12345\r\n");
        gateway.Run();
        if (how == "server closes") gateway.At(1).Close();
        else if (how == "server resets") gateway.At(1).Abort();
        else gateway.Advance(30);
        gateway.Run();
        Assert.That((client.Reset, client.Ended), Is.EqualTo((true, false)), "a FIN would be its end");
    }

    [Test]
    public async Task ClientReadsNothing_TheServerIsReadAtFullSpeedAndFree()
    {
        await using var gateway = new TestGateway(options => options.Servers.MaxRequests = 1, servers: 1, transport: new() { Capacity = 4096 });
        var client = Ask(gateway);
        var content = string.Concat(Enumerable.Range(0, 100_000).Select(i => i.ToString("d10", CultureInfo.InvariantCulture)));
        gateway.At(1).ReceiveText();
        gateway.At(1).Send(Http.Ok(content));
        gateway.Run();
        Assert.That(gateway.At(1).Unsent, Is.Zero);
        Assert.That(client.Available, Is.EqualTo(4096));
        var other = Ask(gateway);
        Assert.That(gateway.Server(1).Connections, Has.Count.EqualTo(1), "the connection is back in the pool, the grant too");
        gateway.At(1).Send(Http.Ok("other"));
        Assert.That(other.ReceiveReply().Text, Is.EqualTo("other"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo(content));
    }

    private static TestGateway Make(CommitMode mode, long holdBytes = 16 << 20, int servers = 2) =>
        new(options => (options.Reply.Commit, options.Reply.HoldBytes, options.Retry.Attempts) = (mode, holdBytes, servers > 2 ? 3 : 1), servers);

    private static InMemoryPeer Ask(TestGateway gateway)
    {
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        return client;
    }

    private static InMemoryPeer AskAsOldClient(TestGateway gateway)
    {
        var client = gateway.Connect();
        client.Send("GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n");
        gateway.Run();
        return client;
    }
}
