using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Cmi.Testing;
using Cmi.Tests.Harness;
using Cmi.Tests.Telemetry;

namespace Cmi.Tests.Engine;

/// <summary>Replies that broke after they had begun to leave, and that another server goes on with: what surrounds the bytes that <c>Wire/resume.md</c> plays.</summary>
public sealed class ResumeTests
{
    private const int Bytes = 300_000;
    private static readonly string Content = string.Concat(Enumerable.Range(0, Bytes / 10).Select(i => i.ToString("D10", CultureInfo.InvariantCulture)));

    [TestCase(1, 1000)]
    [TestCase(99_999, 1000)]
    [TestCase(150_000, int.MaxValue)]
    [TestCase(Bytes - 1, int.MaxValue)]
    public async Task LargeReplyBreaks_ArrivesWholeHoweverItsClientReads(int broken, int capacity)
    {
        await using var gateway = new TestGateway(servers: 2, transport: new() { Capacity = Math.Min(capacity, 64 * 1024) }, configure: options => options.Reply.HoldBytes = 0);
        Serve(gateway, broken);
        var client = gateway.Connect();
        client.Send(Http.Get("/") + Http.Get("/next"));
        gateway.Run();
        gateway.At(1).Abort();
        var received = new StringBuilder();
        for (string piece; (piece = client.ReceiveAll()).Length > 0;) received.Append(piece);
        var replies = Http.Replies(received.ToString());
        Assert.That(replies.Select(reply => reply.Text), Is.EqualTo([Content, "next"]));
        Assert.That(client.IsOpen());
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task DigestIsVerified_OverBothParts(bool right)
    {
        await using var gateway = new TestGateway(Streaming + (options => options.Reply.VerifyDigest = true), servers: 2);
        var digest = Convert.ToBase64String(SHA256.HashData(Encoding.ASCII.GetBytes("0123456789")));
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        gateway.At(1).Send(Http.OkHead($"ETag: \"1\"\r\nAccept-Ranges: bytes\r\nContent-Digest: sha-256=:{digest}:\r\nContent-Length: 10\r\n") + "01234");
        gateway.Run();
        gateway.At(1).Abort();
        gateway.Run();
        gateway.At(2).Send(Part("\"1\"", 5, right ? "56789" : "56780", 10));
        gateway.Run();
        if (right) Assert.That(client.ReceiveReply().Text, Is.EqualTo("0123456789"));
        else Assert.That((client.ReceiveText().Contains('8', StringComparison.Ordinal), client.IsOpen()), Is.EqualTo((false, false)), "the last bytes do not leave");
    }

    [Test]
    public async Task Resumed_IsToldByCountersLogMetricAndAccessLog()
    {
        using var meters = new Measurements();
        var log = new Recorder();
        await using var gateway = new TestGateway(Streaming, servers: 3, meters: meters, accessLog: log);
        var client = Break(gateway, "01234");
        gateway.At(2).Send(Part("\"1\"", 5, "56789", 10));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("0123456789"));
        var (statistics, servers) = (gateway.Engine.GetStatistics(), gateway.Engine.GetStatus().Groups[0].Servers);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((statistics.RepliesResumed, statistics.RepliesCut, statistics.Retries), Is.EqualTo((1, 0, 1)));
            Assert.That(servers.Select(server => server.RepliesResumed), Is.EqualTo([0, 1, 0]));
            Assert.That(servers.Select(server => server.Failures), Is.EqualTo([1, 0, 0]));
            Assert.That((gateway.Log.Count(2010), gateway.Log.Count(2013), gateway.Log.Count(2011)), Is.EqualTo((1, 1, 0)));
            Assert.That(meters.Of("cmi.replies.resumed").Sum(measured => measured.Value), Is.EqualTo(1));
            Assert.That(log.Entries, Is.EqualTo([(200, ExchangeEnd.Whole, 2, 1, 10L)]));
        }
    }

    [Test]
    public async Task RestIsAnotherVersion_ItsServerIsNotBlamed()
    {
        await using var gateway = new TestGateway(Streaming, servers: 3);
        var client = Break(gateway, "01234");
        gateway.At(2).Send(Part("\"2\"", 5, "56789", 10));
        gateway.Run();
        client.ReceiveText();
        Assert.That(client.IsOpen(), Is.False);
        var health = gateway.Engine.GetServerHealth("default");
        Assert.That((health[1].Failures, health[1].ConsecutiveFailures), Is.EqualTo((0, 0)));
        Assert.That((gateway.Engine.GetStatistics().RepliesCut, gateway.Log.Count(2011)), Is.EqualTo((1, 1)));
    }

    [Test]
    public async Task BudgetIsEmpty_OnlyTheFirstIsGoneOnWith()
    {
        await using var gateway = new TestGateway(Streaming + (options => (options.Retry.BudgetShare, options.Retry.BudgetMinimumPerSecond) = (0, 0)), servers: 4);
        var client = Break(gateway, "01234");
        gateway.At(2).Send(Part("\"1\"", 5, "56789", 10)[..^3]);
        gateway.Run();
        Assert.That(client.ReceiveText(), Does.EndWith("56"));
        gateway.At(2).Abort();
        gateway.Run();
        Assert.That(client.IsOpen(), Is.False);
        Assert.That(gateway.Server(3).Connections, Is.Empty);
    }

    [Test]
    public async Task NoSlotComesFree_TheClientSeesTheCut()
    {
        await using var gateway = new TestGateway(Streaming + (options => (options.Servers.MaxRequests, options.Limits.MaxQueuedRequests) = (1, 10)), servers: 2);
        var busy = gateway.Connect();
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        busy.Send(Http.Get("/busy") + Http.Get("/waits"));
        gateway.Run();
        gateway.At(1).Send(Http.OkHead("ETag: \"1\"\r\nAccept-Ranges: bytes\r\nContent-Length: 10\r\n") + "01234");
        gateway.Run();
        gateway.Transport.BlackHole(TestGateway.Address(1));
        gateway.At(1).Abort();
        gateway.Advance(9.9);
        client.ReceiveText();
        Assert.That(client.IsOpen());
        gateway.Advance(30);
        Assert.That(client.IsOpen(), Is.False);
        Assert.That(gateway.Engine.GetStatistics().RepliesCut, Is.EqualTo(1));
    }

    [Test]
    public async Task ClientLeavesWhileTheRestIsAwaited_NothingIsLeft()
    {
        await using var gateway = new TestGateway(Streaming, servers: 2);
        var client = Break(gateway, "01234");
        client.Abort();
        gateway.Run();
        Assert.That(gateway.At(2).IsOpen(), Is.False);
    }

    private static Action<CmiOptions> Streaming => options => options.Reply.Commit = CommitMode.Stream;

    // A reply of which some content has left, and whose server has gone.
    private static InMemoryPeer Break(TestGateway gateway, string content)
    {
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        gateway.At(1).Send(Http.OkHead("ETag: \"1\"\r\nAccept-Ranges: bytes\r\nContent-Length: 10\r\n") + content);
        gateway.Run();
        gateway.At(1).Abort();
        gateway.Run();
        return client;
    }

    private static string Part(string tag, int first, string content, int total) =>
        string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 206 Partial Content\r\nETag: {tag}\r\nContent-Range: bytes {first}-{total - 1}/{total}\r\nContent-Length: {content.Length}\r\n\r\n{content}");

    // Every server has the same content, and stops after some of it where all is asked for.
    private static void Serve(TestGateway gateway, int broken)
    {
        gateway.AnswerAll(head =>
        {
            if (Http.PathOf(head) == "/next") return Http.Ok("next");
            var from = head.IndexOf("\r\nRange: bytes=", StringComparison.Ordinal);
            if (from < 0) return Http.OkHead($"ETag: \"1\"\r\nAccept-Ranges: bytes\r\nContent-Length: {Bytes}\r\n") + Content[..broken];
            var first = int.Parse(head[(from + 15)..head.IndexOf('-', from)], CultureInfo.InvariantCulture);
            return Part("\"1\"", first, Content[first..], Bytes);
        });
    }

    private sealed class Recorder : IAccessLog
    {
        public List<(int Status, ExchangeEnd End, int Attempts, int Resumes, long Bytes)> Entries { get; } = [];

        public void Write(in AccessLogEntry entry) => Entries.Add((entry.Status, entry.End, entry.Attempts, entry.Resumes, entry.ReplyBytes));
    }
}
