using System.Net;
using System.Text.Json;

namespace Cmi.Tests.EndToEnd;

/// <summary>Node on either side of the gateway: another maker's reading of HTTP/1.1.</summary>
[Category("Slow")]
public sealed class NodeServerTests : GatewayFixture
{
    [TestCase(0, 1)]
    [TestCase(1, 1)]
    [TestCase(3000, 7)]
    [TestCase(1_000_000, 10_000)]
    public async Task ChunkedReplyInPieces_ArrivesWithItsLength(int length, int piece)
    {
        using var node = await NodeServer.StartAsync();
        var gateway = await StartGatewayAsync("--server", node.Url);
        using var client = new HttpClient();

        using var reply = await client.GetAsync(gateway.At($"/chunked/{length}/{piece}"));

        Assert.That((reply.Content.Headers.ContentLength, reply.Headers.TransferEncodingChunked), Is.EqualTo(((long?)length, (bool?)null)));
        Assert.That((await reply.Content.ReadAsByteArrayAsync()).AsSpan().SequenceEqual(NodeServer.Bytes(length)), Is.True);
    }

    [Test]
    public async Task ReplyWithTrailers_GivesThemToWhoTakesThem()
    {
        using var node = await NodeServer.StartAsync();
        var gateway = await StartGatewayAsync("--server", node.Url);
        using var client = new HttpClient();

        for (var takes = 0; takes < 2; takes++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, gateway.At("/trailers/5000/100"));
            if (takes == 1) request.Headers.TE.Add(new("trailers"));
            using var reply = await client.SendAsync(request);
            Assert.That((await reply.Content.ReadAsByteArrayAsync()).AsSpan().SequenceEqual(NodeServer.Bytes(5000)), Is.True);
            Assert.That(reply.TrailingHeaders.SelectMany(field => field.Value), Is.EqualTo(takes == 1 ? ["5000"] : Array.Empty<string>()));
            Assert.That(reply.Headers.Contains("X-Count"), Is.False, "merged into the head");
        }
    }

    [Test]
    public async Task UploadThatExpects100_GetsItAndArrives()
    {
        using var node = await NodeServer.StartAsync();
        var gateway = await StartGatewayAsync("--server", node.Url);
        using var client = new HttpClient(new SocketsHttpHandler { Expect100ContinueTimeout = TimeSpan.FromMinutes(1) });
        using var request = new HttpRequestMessage(HttpMethod.Put, gateway.At("/echo")) { Content = new ByteArrayContent(NodeServer.Bytes(200_000)) };
        request.Headers.ExpectContinue = true;

        using var reply = await client.SendAsync(request);

        Assert.That((await reply.Content.ReadAsByteArrayAsync()).AsSpan().SequenceEqual(NodeServer.Bytes(200_000)), Is.True);
        using var counts = JsonDocument.Parse(await client.GetStringAsync(gateway.At("/counts")));
        Assert.That(counts.RootElement.GetProperty("expectations").GetInt32(), Is.Zero, "the expectation is of this hop");
    }

    [Test]
    public async Task ReplyThatIsCut_IsA502_AndTheConnectionStays()
    {
        using var node = await NodeServer.StartAsync();
        var gateway = await StartGatewayAsync("--server", node.Url);
        using var client = await RawClient.ConnectAsync(gateway.Url);
        for (var i = 0; i < 3; i++)
        {
            await client.SendAsync("GET /cut/100000 HTTP/1.1\r\nHost: a\r\n\r\n");
            Assert.That((await client.ReadReplyAsync()).Status, Is.EqualTo(502));
        }
    }

    [Test]
    public async Task ReplyBeforeTheContentIsRead_ArrivesWithEveryUpload()
    {
        using var node = await NodeServer.StartAsync();
        var gateway = await StartGatewayAsync("--server", node.Url, "--Cmi:Request:Commit=Stream");
        using var client = new HttpClient();
        for (var i = 0; i < 5; i++)
        {
            using var content = new ByteArrayContent(NodeServer.Bytes(500_000));
            using var reply = await client.PostAsync(gateway.At("/early"), content);
            Assert.That((reply.StatusCode, await reply.Content.ReadAsStringAsync()), Is.EqualTo((HttpStatusCode.Forbidden, "no")));
        }
    }

    [Test]
    public async Task ClientOfNode_GetsEveryByte_AndNoBrokenUploadReachesTheServer()
    {
        using var node = await NodeServer.StartAsync();
        var gateway = await StartGatewayAsync("--server", node.Url);

        var output = (await Programs.RunAsync("node", NodeServer.Script("client.js"), $"{gateway.Url}")).Succeeded();

        using var counts = JsonDocument.Parse(output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1]);
        Assert.That(counts.RootElement.GetProperty("wrong").EnumerateArray().Select(wrong => wrong.GetString()), Is.Empty);
        Assert.That(Count("right"), Is.EqualTo(240));
        Assert.That(Count("connections"), Is.LessThanOrEqualTo(8), "its connections are kept");
        Assert.That((Count("wholeUploads"), Count("brokenUploads")), Is.EqualTo((0, 0)));

        int Count(string name) => counts.RootElement.GetProperty(name).GetInt32();
    }
}
