using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;

namespace Cmi.Tests.EndToEnd;

/// <summary>Upgrades through the gateway: .NET's WebSockets on both sides, and a raw protocol with Node behind it.</summary>
[Category("Slow")]
public sealed class WebSocketTests : GatewayFixture
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [TestCase(WebSocketMessageType.Text, 0, 1)]
    [TestCase(WebSocketMessageType.Text, 5, 1)]
    [TestCase(WebSocketMessageType.Binary, 100_000, 1)]
    [TestCase(WebSocketMessageType.Binary, 100_000, 37)]
    [TestCase(WebSocketMessageType.Binary, 5_000_000, 3)]
    public async Task Messages_ComeBackAsTheyWent(WebSocketMessageType type, int length, int fragments)
    {
        await using var server = await WebSocketServer.StartAsync();
        var gateway = await StartGatewayAsync("--server", server.Url);
        using var patience = new CancellationTokenSource(Patience);
        using var socket = await ConnectAsync(gateway, "/echo", patience.Token);
        var message = type == WebSocketMessageType.Text ? Encoding.ASCII.GetBytes(new string('a', length)) : ContentDirectory.Bytes(length);

        for (var i = 0; i < 3; i++)
        {
            var sending = SendAsync(socket, message, type, fragments, patience.Token);
            var (received, receivedType) = await ReceiveAsync(socket, patience.Token);
            await sending;
            Assert.That((received.AsSpan().SequenceEqual(message), receivedType), Is.EqualTo((true, type)));
        }
        await socket.CloseAsync(WebSocketCloseStatus.EndpointUnavailable, "enough", patience.Token);
        Assert.That((socket.State, socket.CloseStatus, socket.CloseStatusDescription), Is.EqualTo((WebSocketState.Closed, (WebSocketCloseStatus?)WebSocketCloseStatus.EndpointUnavailable, "enough")));
    }

    [Test]
    public async Task ServerSpeaksFirst_AndCloses_TheClientHearsBoth()
    {
        await using var server = await WebSocketServer.StartAsync();
        var gateway = await StartGatewayAsync("--server", server.Url);
        using var patience = new CancellationTokenSource(Patience);
        for (var i = 0; i < 20; i++)
        {
            using var socket = await ConnectAsync(gateway, "/hello", patience.Token);
            Assert.That(Encoding.ASCII.GetString((await ReceiveAsync(socket, patience.Token)).Message), Is.EqualTo("hello"));
            var end = await socket.ReceiveAsync(new byte[1], patience.Token);
            Assert.That((end.MessageType, end.CloseStatus, end.CloseStatusDescription), Is.EqualTo((WebSocketMessageType.Close, (WebSocketCloseStatus?)WebSocketCloseStatus.NormalClosure, "said")));
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", patience.Token);
        }
    }

    [Test]
    public async Task ServerDeclines_TheConnectionStays()
    {
        await using var server = await WebSocketServer.StartAsync();
        var gateway = await StartGatewayAsync("--server", server.Url);
        using var client = await RawClient.ConnectAsync(gateway.Url);
        for (var i = 0; i < 3; i++)
        {
            await client.SendAsync("GET /plain HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
            Assert.That(await client.ReadReplyAsync(), Is.EqualTo((200, "plain")));
        }
    }

    // Bytes of both sides right behind their heads, and the end of one direction while the other goes on.
    [TestCase(0)]
    [TestCase(1)]
    [TestCase(300_000)]
    public async Task RawBytes_EarlyOnesToo_ComeBack_AndEachEndIsCarriedAcross(int length)
    {
        using var node = await NodeServer.StartAsync();
        var gateway = await StartGatewayAsync("--server", node.Url);
        using var patience = new CancellationTokenSource(Patience);
        using var client = await OpenAsync(gateway, patience.Token);
        var content = ContentDirectory.Bytes(length);
        const string head = "GET /raw HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";

        var sending = SendThenEndAsync(client, [.. Encoding.ASCII.GetBytes(head), .. content], patience.Token);
        var received = await ReadToEndAsync(client, patience.Token);
        await sending;

        var end = received.AsSpan().IndexOf("\r\n\r\n"u8) + 4;
        Assert.That(Encoding.ASCII.GetString(received, 0, end), Does.StartWith("HTTP/1.1 101 "));
        byte[] expected = [.. "hello "u8, .. content, (byte)'.'];
        Assert.That(received.AsSpan(end).SequenceEqual(expected), Is.True, $"{received.Length - end} bytes for {expected.Length}");
    }

    [Test]
    public async Task NothingPasses_TheTunnelEnds()
    {
        using var node = await NodeServer.StartAsync();
        var gateway = await StartGatewayAsync("--server", node.Url, "--Cmi:Timeouts:Tunnel=00:00:00.500");
        using var patience = new CancellationTokenSource(Patience);
        using var client = await OpenAsync(gateway, patience.Token);
        await client.SendAsync(Encoding.ASCII.GetBytes("GET /raw HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"), patience.Token);

        Assert.That(async () => await ReadToEndAsync(client, patience.Token), Throws.TypeOf<SocketException>().With.Property(nameof(SocketException.SocketErrorCode)).EqualTo(SocketError.ConnectionReset));
    }

    private static async Task<ClientWebSocket> ConnectAsync(GatewayProcess gateway, string path, CancellationToken cancellationToken)
    {
        var socket = new ClientWebSocket();
        await socket.ConnectAsync(new UriBuilder(gateway.At(path)) { Scheme = "ws" }.Uri, cancellationToken);
        return socket;
    }

    private static async Task SendAsync(ClientWebSocket socket, byte[] message, WebSocketMessageType type, int fragments, CancellationToken cancellationToken)
    {
        var size = message.Length / fragments;
        for (var i = 0; i < fragments; i++)
        {
            var isLast = i == fragments - 1;
            await socket.SendAsync(message.AsMemory(i * size, isLast ? message.Length - i * size : size), type, isLast, cancellationToken);
        }
    }

    private static async Task<(byte[] Message, WebSocketMessageType Type)> ReceiveAsync(ClientWebSocket socket, CancellationToken cancellationToken)
    {
        var message = new MemoryStream();
        var buffer = new byte[16 * 1024];
        for (; ; )
        {
            var received = await socket.ReceiveAsync(buffer, cancellationToken);
            message.Write(buffer, 0, received.Count);
            if (received.EndOfMessage) return (message.ToArray(), received.MessageType);
        }
    }

    private static async Task<Socket> OpenAsync(GatewayProcess gateway, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(gateway.Url.Host, gateway.Url.Port, cancellationToken);
        return socket;
    }

    private static async Task SendThenEndAsync(Socket socket, byte[] bytes, CancellationToken cancellationToken)
    {
        for (var sent = 0; sent < bytes.Length;) sent += await socket.SendAsync(bytes.AsMemory(sent), cancellationToken);
        socket.Shutdown(SocketShutdown.Send);
    }

    private static async Task<byte[]> ReadToEndAsync(Socket socket, CancellationToken cancellationToken)
    {
        var all = new MemoryStream();
        var buffer = new byte[16 * 1024];
        while (await socket.ReceiveAsync(buffer, cancellationToken) is > 0 and var count) all.Write(buffer, 0, count);
        return all.ToArray();
    }
}
