using Cmi.Queues;
using Cmi.Testing;
using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine;

/// <summary>Every limit of size and number, at its default and at another value: what is within passes, what is beyond gets the answer that it is for.</summary>
public sealed class SizeLimitTests
{
    private const int Spare = 300;                                 // what the rest of a head takes, and what we add to it

    [TestCase(32 * 1024, true)]
    [TestCase(2048, false)]
    public async Task MaxRequestHeadBytes(int limit, bool isDefault)
    {
        await using var gateway = new TestGateway(options => (options.Limits.MaxRequestHeadBytes, options.Limits.MaxRequestLineBytes) = isDefault ? (options.Limits.MaxRequestHeadBytes, options.Limits.MaxRequestLineBytes) : (limit, 1024), servers: 1);
        AssertPasses(gateway, $"GET / HTTP/1.1\r\nHost: h\r\nX: {new string('x', limit - Spare)}\r\n\r\n");
        Assert.That(StatusOf(gateway, $"GET / HTTP/1.1\r\nHost: h\r\nX: {new string('x', limit)}\r\n\r\n"), Is.EqualTo(431));
    }

    [TestCase(16 * 1024, true)]
    [TestCase(500, false)]
    public async Task MaxRequestLineBytes(int limit, bool isDefault)
    {
        await using var gateway = new TestGateway(options => options.Limits.MaxRequestLineBytes = isDefault ? options.Limits.MaxRequestLineBytes : limit, servers: 1);
        AssertPasses(gateway, Http.Get($"/{new string('x', limit - Spare)}"));
        Assert.That(StatusOf(gateway, Http.Get($"/{new string('x', limit)}")), Is.EqualTo(414));
    }

    [TestCase(256, true)]
    [TestCase(16, false)]
    public async Task MaxFields(int limit, bool isDefault)
    {
        await using var gateway = new TestGateway(options => options.Limits.MaxFields = isDefault ? options.Limits.MaxFields : limit, servers: 1);
        AssertPasses(gateway, Http.Get("/", Repeat("X: y\r\n", limit - 1)));
        Assert.That(StatusOf(gateway, Http.Get("/", Repeat("X: y\r\n", limit))), Is.EqualTo(431));
    }

    [TestCase(1L << 30, true)]
    [TestCase(1000, false)]
    public async Task MaxRequestContentBytes(long limit, bool isDefault)
    {
        await using var gateway = new TestGateway(options => options.Limits.MaxRequestContentBytes = isDefault ? options.Limits.MaxRequestContentBytes : limit, servers: 1);
        var client = gateway.Connect();
        client.Send(Http.Request("POST", "/", $"Content-Length: {limit}\r\n"));
        gateway.Run();
        Assert.That(client.Available, Is.Zero, "the content is waited for");
        Assert.That(StatusOf(gateway, Http.Request("POST", "/", $"Content-Length: {limit + 1}\r\n")), Is.EqualTo(413));
    }

    [TestCase(32 * 1024, true)]
    [TestCase(2048, false)]
    public async Task MaxReplyHeadBytes(int limit, bool isDefault)
    {
        await using var gateway = new TestGateway(options => (options.Retry.Attempts, options.Limits.MaxReplyHeadBytes) = (1, isDefault ? options.Limits.MaxReplyHeadBytes : limit), servers: 1);
        var length = limit - Spare;
        gateway.AnswerAll(_ => Http.Ok("a", $"X: {new string('x', length)}\r\n"));
        Assert.That(StatusOf(gateway, Http.Get("/")), Is.EqualTo(200));
        length = limit;
        Assert.That(StatusOf(gateway, Http.Get("/")), Is.EqualTo(502));
    }

    [TestCase(16, true)]
    [TestCase(2, false)]
    public async Task MaxInterimResponses(int limit, bool isDefault)
    {
        await using var gateway = new TestGateway(options => (options.Retry.Attempts, options.Limits.MaxInterimResponses) = (1, isDefault ? options.Limits.MaxInterimResponses : limit), servers: 1);
        var count = limit;
        gateway.AnswerAll(_ => Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", count) + Http.Ok("a"));
        Assert.That(StatusOf(gateway, Http.Get("/")), Is.EqualTo(200));
        count = limit + 1;
        Assert.That(StatusOf(gateway, Http.Get("/")), Is.EqualTo(502));
    }

    [TestCase(64, true)]
    [TestCase(3, false)]
    public async Task MaxPipelinedRequests(int limit, bool isDefault)
    {
        await using var gateway = new TestGateway(options => options.Limits.MaxPipelinedRequests = isDefault ? options.Limits.MaxPipelinedRequests : limit, servers: 1);
        gateway.Connect().Send(Repeat(Http.Get("/"), limit * 2));
        gateway.Run();
        Assert.That(gateway.Server(1).Connections, Has.Count.EqualTo(limit));
    }

    [TestCase(1 << 20, true)]
    [TestCase(5000, false)]
    public async Task MaxPipelinedBytes(int limit, bool isDefault)
    {
        const int requestBytes = 30_000, inHand = requestBytes + 100;
        await using var gateway = new TestGateway(options => options.Limits.MaxPipelinedBytes = isDefault ? options.Limits.MaxPipelinedBytes : limit, servers: 1);
        gateway.Connect().Send(Repeat(Http.Get("/", $"X: {new string('x', requestBytes)}\r\n"), 60));
        gateway.Run();
        Assert.That(gateway.Server(1).Connections, Has.Count.EqualTo(limit / inHand + 1), "one more than fits, since nobody knows how long it is");
    }

    [TestCase(3)]
    [TestCase(0)]
    public async Task MaxConnections(int limit)
    {
        const int asking = 50;
        await using var gateway = new TestGateway(options => options.Limits.MaxConnections = limit, servers: 1);
        gateway.AnswerAll(_ => Http.Ok("a"));
        var clients = Enumerable.Range(0, asking).Select(_ => gateway.Connect()).ToList();
        Assert.That(gateway.Engine.GetStatistics().Clients, Is.EqualTo(limit == 0 ? asking : limit));
        foreach (var client in clients)
        {
            client.Send(Http.Get("/"));
            Assert.That(client.ReceiveReply().Status, Is.EqualTo(200), "each has its turn");
            client.Abort();
            gateway.Run();
        }
    }

    [TestCase(10_000, true)]
    [TestCase(2, false)]
    public async Task MaxQueuedRequests(int limit, bool isDefault)
    {
        await using var gateway = new TestGateway(options =>
        {
            options.Servers.MaxRequests = 1;
            if (!isDefault) options.Limits.MaxQueuedRequests = limit;
        }, servers: 1);
        var stack = Repeat(Http.Get("/"), 64);
        for (var asked = 0; asked <= limit + 1; asked += 64) gateway.Connect().Send(stack);
        gateway.Run();
        Assert.That(gateway.Queue.Waiting, Is.EqualTo(limit));
        Assert.That(gateway.Engine.GetStatistics().OwnReplies, Is.EqualTo(gateway.Engine.GetStatistics().Requests - limit - 1));
    }

    [TestCase(3, true)]
    [TestCase(2, false)]
    public async Task Attempts(int limit, bool isDefault)
    {
        await using var gateway = new TestGateway(options => options.Retry.Attempts = isDefault ? options.Retry.Attempts : limit, servers: 5);
        var dialled = 0;
        for (var server = 1; server <= 5; server++)
        {
            gateway.Server(server).Accepted = peer =>
            {
                dialled++;
                peer.Abort();
            };
        }
        Assert.That(StatusOf(gateway, Http.Get("/")), Is.EqualTo(502));
        Assert.That(dialled, Is.EqualTo(limit));
    }

    [TestCase(0, true)]
    [TestCase(2, false)]
    public async Task MaxRequestsOfAServer(int limit, bool isDefault)
    {
        const int asked = 20;
        await using var gateway = new TestGateway(options => options.Servers.MaxRequests = isDefault ? options.Servers.MaxRequests : limit, servers: 1);
        gateway.Connect().Send(Repeat(Http.Get("/"), asked));
        gateway.Run();
        Assert.That(gateway.Server(1).Connections, Has.Count.EqualTo(isDefault ? asked : limit));
        Assert.That(gateway.Queue.Waiting, Is.EqualTo(isDefault ? 0 : asked - limit));
    }

    private static void AssertPasses(TestGateway gateway, string request)
    {
        var client = gateway.Connect();
        client.Send(request);
        gateway.Run();
        var server = gateway.Server(1).Connections[^1];
        Assert.That(server.ReceiveAll(), Does.StartWith(request[..request.IndexOf(' ')]));
        server.Send(Http.Ok("a"));
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(200));
        server.Close();
        gateway.Run();
    }

    private static int StatusOf(TestGateway gateway, string request)
    {
        var client = gateway.Connect();
        client.Send(request);
        return Http.Replies(client.ReceiveAll())[^1].Status;
    }

    private static string Repeat(string text, int count) => string.Concat(Enumerable.Repeat(text, count));
}
