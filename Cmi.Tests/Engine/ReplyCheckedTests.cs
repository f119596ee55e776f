using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Cmi.Testing;
using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine;

/// <summary>Replies that are whole by their framing, and still not what their server meant to send.</summary>
public sealed class ReplyCheckedTests
{
    [TestCase(10, "length")]
    [TestCase(200_000, "length")]
    [TestCase(10, "chunks")]
    [TestCase(200_000, "chunks")]
    [TestCase(10, "close")]
    [TestCase(200_000, "close")]
    public async Task DigestDoesNotMatch_AnotherServerIsAsked(int bytes, string framing)
    {
        await using var gateway = new TestGateway(options => options.Reply.VerifyDigest = true, servers: 2);
        var content = new string('a', bytes);
        var field = $"Content-Digest: sha-256=:{Convert.ToBase64String(SHA256.HashData(Encoding.ASCII.GetBytes(content)))}:\r\n";
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        Reply(gateway.At(1), field, content[..^1] + "b", framing);
        gateway.Run();
        Assert.That(client.Available, Is.Zero);
        Reply(gateway.At(2), field, content, framing);
        Assert.That(client.ReceiveReply().Text, Is.EqualTo(content));
        Assert.That(gateway.Engine.GetServerHealth("default")[0].Failures, Is.EqualTo(1));
    }

    [Test]
    public async Task GzipIsBroken_AnotherServerIsAsked()
    {
        await using var gateway = new TestGateway(options => options.Reply.VerifyGzip = true, servers: 2);
        using var packed = new MemoryStream();
        using (var packer = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true)) packer.Write(Soak.SoakRequest.Pattern(1, 1, 50_000));
        var content = Encoding.Latin1.GetString(packed.ToArray());
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        Reply(gateway.At(1), "Content-Encoding: gzip\r\n", content[..^1], "close");
        gateway.Run();
        Assert.That(client.Available, Is.Zero);
        Reply(gateway.At(2), "Content-Encoding: gzip\r\n", content, "close");
        Assert.That(client.ReceiveReply().Text, Is.EqualTo(content));
    }

    [TestCase("length")]
    [TestCase("chunks")]
    public async Task DigestDoesNotMatchAfterTheReplyHasBegunToLeave_TheClientSeesThatItIsNotWhole(string framing)
    {
        await using var gateway = new TestGateway(options => (options.Reply.VerifyDigest, options.Reply.Commit) = (true, CommitMode.Stream), servers: 2);
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        var (first, rest) = framing == "length" ? ("Content-Length: 10\r\n\r\naaaaa", "bbbbb") : ("Transfer-Encoding: chunked\r\n\r\n5\r\naaaaa\r\n", "5\r\nbbbbb\r\n0\r\n\r\n");
        gateway.At(1).Send($"HTTP/1.1 200 OK\r\nContent-Digest: sha-256=:AAAA:\r\n{first}");
        gateway.Run();
        var early = client.ReceiveAll();
        Assert.That(early, Does.Contain("aaaaa"));
        gateway.At(1).Send(rest);
        gateway.Run();
        var all = early + client.ReceiveAll();
        Assert.That(all, Does.Not.EndWith("0\r\n\r\n").And.Not.EndWith("aaaaabbbbb"));
        Assert.That(client.IsOpen(), Is.False);
    }

    [Test]
    public async Task CheckOfOnesOwn_SeesTheContentAndDecides()
    {
        var check = new LengthCheck();
        await using var gateway = new TestGateway(options => options.Reply.Checks.Add(check), servers: 2);
        gateway.Server(1).Accepted = peer => peer.Send(Http.Ok("not this", "X-Expected: 3\r\n"));
        gateway.Server(2).Accepted = peer => peer.Send(Http.Ok("but", "X-Expected: 3\r\n"));
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("but"));
        Assert.That(check.Live, Is.Zero, "each inspection was disposed");
    }

    [Test]
    public async Task CheckThrows_IsLoggedAndTheReplyPasses()
    {
        await using var gateway = new TestGateway(options => options.Reply.Checks.Add(new LengthCheck()), servers: 2);
        gateway.Server(1).Accepted = peer => peer.Send(Http.Ok("text", "X-Expected: none\r\n"));
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("text"));
        Assert.That(gateway.Log.Count(2024), Is.EqualTo(1));
    }

    private static void Reply(InMemoryPeer server, string fields, string content, string framing)
    {
        server.ReceiveText();
        var bytes = Encoding.Latin1.GetBytes(content);
        var how = framing == "length" ? $"Content-Length: {bytes.Length}\r\n" : framing == "chunks" ? "Transfer-Encoding: chunked\r\n" : "";
        server.Send(Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\n{fields}{how}\r\n" + (framing == "chunks" ? $"{bytes.Length:x}\r\n" : "")));
        server.Send(bytes);
        if (framing == "chunks") server.Send("\r\n0\r\n\r\n");
        if (framing == "close") server.Close();
    }

    private sealed class LengthCheck : IReplyCheck
    {
        public int Live { get; private set; }

        public IReplyInspection? Begin(in ReplyFacts reply)
        {
            var expected = reply.Field("x-expected"u8);
            if (expected is null) return null;
            var length = int.Parse(expected, null);
            Live++;
            return new Inspection(this, length);
        }

        private sealed class Inspection(LengthCheck owner, int expected) : IReplyInspection
        {
            private int _length;

            public void Append(ReadOnlySpan<byte> content) => _length += content.Length;

            public string? Judge() => _length == expected ? null : $"it has {_length} bytes, not {expected}";

            public void Dispose() => owner.Live--;
        }
    }
}
