using Cmi.Testing;
using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine;

/// <summary>Messages that break off behind each of their bytes: before the last they are never taken for whole (RFC 9112 §8).</summary>
public sealed class TornTests
{
    public enum Break { Fin, Reset, Silence }

    private const string Length = "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 7\r\n\r\ncontent";

    private static readonly string[] Replies =
    [
        Length,
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + Length,
        "HTTP/1.1 200 OK\r\nDate: D\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=\"a\"\r\ncon\r\n4\r\ntent\r\n0\r\nX-Trailer: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n7\r\ncontent\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nDate: D\r\nContent-Length: 7\r\nConnection: keep-alive\r\n\r\ncontent",
    ];

    [Test]
    public async Task Reply_BreaksOffBehindAnyOfItsBytes_IsWholeOnlyBehindItsLast(
        [Range(0, 4)] int reply, [Values] Break by, [Values("1.1", "1.0")] string version, [Values(CommitMode.UpTo, CommitMode.Whole)] CommitMode commit)
    {
        await using var gateway = new TestGateway(options => (options.Retry.Attempts, options.Reply.Commit, options.Reply.HoldTime) = (1, commit, TimeSpan.FromHours(1)), servers: 1);
        var whole = Replies[reply];
        // An HTTP/1.0 client with keep-alive is kept where an HTTP/1.1 client is.
        var request = $"GET /a HTTP/{version}\r\nHost: h\r\nConnection: keep-alive\r\n\r\n";
        var client = gateway.Connect();
        for (var length = 0; length <= whole.Length; length++)
        {
            client.Send(request);
            gateway.Run();
            var server = gateway.Server(1).Connections[^1];
            server.Receive();
            server.Send(whole[..length]);
            gateway.Run();
            if (length < whole.Length || by != Break.Silence) End(gateway, server, by);      // of a whole reply silence means nothing
            var received = Final(client.ReceiveAll());
            if (length < whole.Length) Assert.That(received.Status, Is.EqualTo(by == Break.Silence ? 504 : 502), $"behind {length} of {whole.Length} bytes");
            else Assert.That((received.Status, received.Text, received.Field("Content-Length"), received.Field("Transfer-Encoding")), Is.EqualTo((200, "content", "7", (string?)null)));
            Assert.That(client.IsOpen(), $"behind {length} bytes the connection of the client is not kept");
        }
    }

    [Test]
    public async Task ReplyThatEndsWithItsConnection_IsWholeByFinOnly([Values] Break by, [Values] CloseTrust trust)
    {
        await using var gateway = new TestGateway(options => (options.Retry.Attempts, options.Reply.TrustClose, options.Reply.Commit) = (1, trust, CommitMode.Whole), servers: 1);
        const string head = "HTTP/1.1 200 OK\r\nDate: D\r\n\r\n", content = "content";
        var client = gateway.Connect();
        for (var length = 0; length <= head.Length + content.Length; length++)
        {
            client.Send(Http.Get("/a"));
            gateway.Run();
            var server = gateway.Server(1).Connections[^1];
            server.Send((head + content)[..length]);
            gateway.Run();
            End(gateway, server, by);
            var received = Final(client.ReceiveAll());
            if (length < head.Length || by != Break.Fin || trust == CloseTrust.Never) Assert.That(received.Status, Is.InRange(502, 504), $"behind {length} bytes");
            else Assert.That((received.Status, received.Field("Content-Length")), Is.EqualTo((200, $"{length - head.Length}")));
        }
    }

    [Test]
    public async Task Upload_BreaksOffBehindAnyOfItsBytes_NeverReachesAServer(
        [Values("Content-Length: 7\r\n\r\ncontent", "Transfer-Encoding: chunked\r\n\r\n3;a\r\ncon\r\n4\r\ntent\r\n0\r\nT: 1\r\n\r\n")] string rest, [Values] Break by)
    {
        await using var gateway = new TestGateway(options => options.Request.Commit = CommitMode.Whole, servers: 1);
        var whole = "POST /a HTTP/1.1\r\nHost: h\r\n" + rest;
        for (var length = 0; length < whole.Length; length++)
        {
            var client = gateway.Connect();
            client.Send(whole[..length]);
            gateway.Run();
            if (by == Break.Fin) client.EndSending();
            else if (by == Break.Reset) client.Abort();
            else gateway.Advance(61);
            gateway.Run();
            Assert.That(gateway.Server(1).Connections, Is.Empty, $"behind {length} of {whole.Length} bytes a server hears of it");
            Assert.That(by == Break.Reset || !client.IsOpen() || (by == Break.Silence && client.ReceiveAll().Contains(" 408 ", StringComparison.Ordinal)), $"behind {length} bytes the client waits for ever");
        }
    }

    private static void End(TestGateway gateway, InMemoryPeer server, Break by)
    {
        if (by == Break.Fin) server.Close();
        else if (by == Break.Reset) server.Abort();
        else gateway.Advance(61);
        gateway.Run();
    }

    private static WireMessage Final(string received)
    {
        var replies = Http.Replies(received);
        Assert.That(replies.Count(reply => reply.Status >= 200), Is.EqualTo(1), received);
        return replies[^1];
    }
}
