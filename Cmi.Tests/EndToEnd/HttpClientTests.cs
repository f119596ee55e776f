using System.Net;
using NUnit.Framework;

namespace Cmi.Tests.EndToEnd;

/// <summary>.NET's own client against .NET's own server, through the gateway.</summary>
[Category("Slow")]
public sealed class HttpClientTests : GatewayFixture
{
    [Test]
    public async Task ManyAtOnce_EachGetsItsOwnBytes()
    {
        await using var servers = await KestrelServer.StartAsync(addresses: 3);
        var gateway = await StartGatewayAsync(servers.AsOptions());
        using var client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 32 });

        await Parallel.ForAsync(0, 500, new ParallelOptions { MaxDegreeOfParallelism = 32 }, async (i, cancellationToken) =>
        {
            var length = i * 379;
            var got = await client.GetByteArrayAsync(gateway.At(i % 2 == 0 ? $"/bytes/{length}" : $"/chunked/{length}"), cancellationToken);
            Assert.That(got.AsSpan().SequenceEqual(ContentDirectory.Bytes(length)), Is.True, $"request {i}");
        });

        Assert.That(servers.RequestsByPort.Values.Sum(), Is.EqualTo(500));
        Assert.That(servers.RequestsByPort, Has.Count.EqualTo(3));
    }

    [TestCase("POST")]
    [TestCase("PUT")]
    [TestCase("DELETE")]
    [TestCase("FROBNICATE")]
    public async Task Method_AndContent_AreTakenToTheServer(string method)
    {
        await using var server = await KestrelServer.StartAsync();
        var gateway = await StartGatewayAsync(server.AsOptions());
        using var client = new HttpClient();
        foreach (var length in new[] { 0, 1, 65_536, 5_000_000 })
        {
            using var request = new HttpRequestMessage(new(method), gateway.At("/echo")) { Content = new ByteArrayContent(ContentDirectory.Bytes(length)) };

            using var reply = await client.SendAsync(request);

            Assert.That(reply.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(reply.Headers.GetValues("X-Method"), Is.EqualTo([method]));
            Assert.That((await reply.Content.ReadAsByteArrayAsync()).AsSpan().SequenceEqual(ContentDirectory.Bytes(length)), Is.True, $"{length} bytes");
        }
    }

    [Test]
    public async Task NoServerThere_IsA5xx_AndTheConnectionStays()
    {
        var gateway = await StartGatewayAsync("--server", "http://127.0.0.1:1");
        using var client = await RawClient.ConnectAsync(gateway.Url);

        for (var i = 0; i < 2; i++)
        {
            await client.SendAsync("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
            Assert.That((await client.ReadReplyAsync()).Status, Is.InRange(502, 504));
        }
    }
}
