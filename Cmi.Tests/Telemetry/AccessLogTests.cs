using System.Text;
using Cmi.Tests.Harness;

namespace Cmi.Tests.Telemetry;

public sealed class AccessLogTests
{
    [Test]
    public async Task WholeReply_TellsWhereTheTimeWent()
    {
        var log = new Recorder();
        await using var gateway = new TestGateway(options => options.Servers.MaxRequests = 1, servers: 1, accessLog: log);
        var (first, client) = (gateway.Connect(), gateway.Connect());
        first.Send(Http.Get("/first"));
        gateway.Run();
        client.Send("GET /a?b=c HTTP/1.1\r\nHost: exa");
        gateway.Run();
        gateway.Advance(0.1);
        client.Send("mple\r\nReferer: there\r\nUser-Agent: test\r\n\r\n");
        gateway.Run();
        gateway.Advance(0.2);
        gateway.At(1).Send(Http.Ok("1"));
        gateway.Run();
        gateway.Advance(0.3);
        gateway.At(1).Send(Http.OkHead("Content-Length: 5\r\n"));
        gateway.Run();
        gateway.Advance(0.4);
        gateway.At(1).Send("12345");
        gateway.Run();
        var entry = log.Entries[1];
        using (Assert.EnterMultipleScope())
        {
            Assert.That((entry.Method, entry.Target, entry.Host, entry.Agent), Is.EqualTo(("GET", "/a?b=c", "example", "test")));
            Assert.That((entry.Status, entry.End, entry.Reason, entry.ReplyBytes, entry.RequestBytes), Is.EqualTo((200, ExchangeEnd.Whole, "", 5, 0)));
            Assert.That((entry.Group, entry.Server, entry.Attempts), Is.EqualTo(("default", "http://10.0.0.1:80", 1)));
            Assert.That(entry.Times, Is.EqualTo(new ExchangeTimes(Ms(100), default, Ms(200), default, Ms(300), Ms(400), Ms(700), default, default, Ms(900))));
        }
    }

    [Test]
    public async Task FailedAttempts_AreCountedAndTheirReasonTold()
    {
        var log = new Recorder();
        await using var gateway = new TestGateway(servers: 2, accessLog: log);
        gateway.Transport.Refuse(TestGateway.Address(1));
        gateway.Transport.Refuse(TestGateway.Address(2));
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(502));
        var entry = log.Entries.Single();
        Assert.That((entry.Status, entry.End, entry.Attempts), Is.EqualTo((502, ExchangeEnd.Own, 3)));
        Assert.That(entry.Reason, Is.Not.Empty.And.Not.EqualTo("No server gave a whole reply."));
        Assert.That(entry.ReplyBytes, Is.EqualTo("No server gave a whole reply.".Length));
    }

    [Test]
    public async Task BytesThatAreNoRequest_AreToldWithoutThem()
    {
        var log = new Recorder();
        await using var gateway = new TestGateway(servers: 1, accessLog: log);
        var client = gateway.Connect();
        client.Send("GET /\"evil\r HTTP/1.1\r\n\r\n");
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(400));
        var entry = log.Entries.Single();
        Assert.That((entry.Status, entry.End, entry.Target, entry.Attempts), Is.EqualTo((400, ExchangeEnd.Own, "", 0)));
        Assert.That(entry.Reason, Is.Not.Empty);
    }

    [TestCase("POST /upload?a HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n\r\n", 413)]
    [TestCase("POST /upload?a HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n", 400)]
    [TestCase("POST /upload?a HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", 400)]
    public async Task RequestRefusedByItsHead_IsToldWithIt(string request, int status)
    {
        var log = new Recorder();
        await using var gateway = new TestGateway(options => options.Limits.MaxRequestContentBytes = 10, servers: 1, accessLog: log);
        var client = gateway.Connect();
        client.Send(request);
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(status));
        var entry = log.Entries.Single();
        Assert.That((entry.Status, entry.End, entry.Method, entry.Target, entry.Host, entry.Attempts), Is.EqualTo((status, ExchangeEnd.Own, "POST", "/upload?a", "h", 0)));
    }

    [Test]
    public async Task ClientThatLeaves_IsToldWithoutAReply()
    {
        var log = new Recorder();
        await using var gateway = new TestGateway(servers: 1, accessLog: log);
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        client.Abort();
        gateway.Run();
        var entry = log.Entries.Single();
        Assert.That((entry.Status, entry.End, entry.Reason), Is.EqualTo((0, ExchangeEnd.NoReply, "the connection broke")));
    }

    [Test]
    public async Task ReplyThatBreaksOff_IsToldAsCut()
    {
        var log = new Recorder();
        await using var gateway = new TestGateway(options => options.Reply.Commit = CommitMode.Stream, servers: 1, accessLog: log);
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        gateway.At(1).Send(Http.OkHead("Content-Length: 10\r\n") + "12345");
        gateway.Run();
        gateway.At(1).Abort();
        gateway.Run();
        var entry = log.Entries.Single();
        Assert.That((entry.Status, entry.End, entry.Reason, entry.ReplyBytes), Is.EqualTo((200, ExchangeEnd.Cut, "the connection broke before the reply was whole", 5)));
    }

    [Test]
    public async Task Tunnel_IsToldWhenItEnds()
    {
        var log = new Recorder();
        await using var gateway = new TestGateway(servers: 1, accessLog: log);
        var client = gateway.Connect();
        client.Send(Http.Get("/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
        gateway.Run();
        gateway.At(1).Send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        gateway.Run();
        Assert.That(log.Entries, Is.Empty);
        client.Close();
        gateway.At(1).Close();
        gateway.Run();
        var entry = log.Entries.Single();
        Assert.That((entry.Status, entry.End), Is.EqualTo((101, ExchangeEnd.Tunnel)));
    }

    [Test]
    public async Task LogThatThrows_IsToldOnceAndHarmsNoExchange()
    {
        var log = new Recorder { Throws = true };
        await using var gateway = new TestGateway(servers: 1, accessLog: log);
        gateway.AnswerAll(_ => Http.Ok("x"));
        var client = gateway.Connect();
        for (var i = 0; i < 3; i++)
        {
            client.Send(Http.Get("/"));
            Assert.That(client.ReceiveReply().Text, Is.EqualTo("x"));
        }
        Assert.That(gateway.Log.Count(2042), Is.EqualTo(1));
    }

    private static TimeSpan Ms(int milliseconds) => TimeSpan.FromMilliseconds(milliseconds);

    private sealed class Recorder : IAccessLog
    {
        public List<Kept> Entries { get; } = [];

        public bool Throws { get; init; }

        public void Write(in AccessLogEntry entry)
        {
            if (Throws) throw new InvalidOperationException("The test wants this.");
            Entries.Add(new(Text(entry.Method), Text(entry.Target), Text(entry.RequestField("host"u8)), Text(entry.RequestField("user-agent"u8)), entry.Status, entry.End,
                entry.Reason, entry.ReplyBytes, entry.RequestBytes, entry.Group, entry.Server, entry.Attempts, entry.Times));
        }

        private static string Text(ReadOnlySpan<byte> bytes) => Encoding.Latin1.GetString(bytes);
    }

    private sealed record Kept(string Method, string Target, string Host, string Agent, int Status, ExchangeEnd End, string Reason, long ReplyBytes, long RequestBytes,
        string? Group, string? Server, int Attempts, ExchangeTimes Times);
}
