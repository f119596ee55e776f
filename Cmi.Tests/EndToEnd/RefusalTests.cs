using System.Diagnostics;
using System.Net.Sockets;
using System.Text;

namespace Cmi.Tests.EndToEnd;

/// <summary>Limits on real sockets: the answer arrives, whatever the client was doing, and those within the limits are served.</summary>
[Category("Slow")]
public sealed class RefusalTests : GatewayFixture
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    // A close with bytes unread would reset the connection, and take the reply with it.
    [TestCase("Content-Length: 3000000\r\n\r\n", 413)]
    [TestCase("Transfer-Encoding: chunked\r\n\r\n2dc6c0\r\n", 413)]
    [TestCase("Content-Length: +3\r\n\r\n", 400)]
    public async Task UploadThatIsRefused_ItsReplyArrivesOverRealSockets(string rest, int status)
    {
        var gateway = await StartGatewayAsync("--server", "http://127.0.0.1:1", "--Cmi:Limits:MaxRequestContentBytes=1000");
        for (var i = 0; i < 10; i++)
        {
            using var client = Connect(gateway);
            // All of it is sent before anything is read, more than the connection holds.
            Send(client, $"POST /a HTTP/1.1\r\nHost: a\r\n{rest}{new string('x', 3_000_000)}");
            var reply = await ReadToEndAsync(client);
            Assert.That(reply, Does.StartWith($"HTTP/1.1 {status} ").And.Contain("\r\nConnection: close\r\n"));
            Assert.That(reply.Split("\r\n\r\n")[1], Is.Not.Empty);
        }
    }

    [TestCase("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ", "Cmi:Timeouts:ClientHead")]
    [TestCase("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc", "Cmi:Timeouts:ClientContent")]
    public async Task RequestThatDoesNotEnd_IsAnswered408_NotBeforeItsTime(string start, string setting)
    {
        var limit = TimeSpan.FromMilliseconds(700);
        var gateway = await StartGatewayAsync("--server", "http://127.0.0.1:1", $"--{setting}={limit:c}");
        var clock = Stopwatch.StartNew();
        using var client = Connect(gateway);
        Send(client, start);
        Assert.That(await ReadToEndAsync(client), Does.StartWith("HTTP/1.1 408 "));
        Assert.That(clock.Elapsed, Is.GreaterThanOrEqualTo(limit));
    }

    [Test]
    public async Task ConnectionWithoutARequest_IsClosed()
    {
        var gateway = await StartGatewayAsync("--server", "http://127.0.0.1:1", "--Cmi:Timeouts:ClientIdle=00:00:00.300");
        using var client = Connect(gateway);
        Assert.That(await ReadToEndAsync(client), Is.Empty);
    }

    [Test]
    public async Task MoreConnectionsThanAllowed_WaitAndAreServedInTheEnd()
    {
        const int allowed = 4, all = 40;
        await using var server = await KestrelServer.StartAsync();
        var gateway = await StartGatewayAsync([.. server.AsOptions(), $"--Cmi:Limits:MaxConnections={allowed}", "--loops=1"]);
        var clients = new List<RawClient>();
        for (var i = 0; i < all; i++) clients.Add(await RawClient.ConnectAsync(gateway.Url));

        // In the order of connecting, each makes room for the next one.
        foreach (var client in clients)
        {
            await client.SendAsync("GET /bytes/10 HTTP/1.1\r\nHost: a\r\n\r\n");
            Assert.That((await client.ReadReplyAsync()).Status, Is.EqualTo(200));
            client.Dispose();
        }
    }

    private static Socket Connect(GatewayProcess gateway)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(gateway.Url.Host, gateway.Url.Port);
        return socket;
    }

    private static void Send(Socket socket, string text)
    {
        var bytes = Encoding.ASCII.GetBytes(text);
        for (var sent = 0; sent < bytes.Length;) sent += socket.Send(bytes.AsSpan(sent));
    }

    private static async Task<string> ReadToEndAsync(Socket socket)
    {
        using var patience = new CancellationTokenSource(Patience);
        var all = new StringBuilder();
        var buffer = new byte[16 * 1024];
        while (await socket.ReceiveAsync(buffer, patience.Token) is > 0 and var count) all.Append(Encoding.ASCII.GetString(buffer, 0, count));
        return all.ToString();
    }
}
