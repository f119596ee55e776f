using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Cmi.Samples.Gateway;

/// <summary>Two servers to try the gateway with: one keeps its connections, the other is of 1996 and closes each of them.</summary>
internal sealed class DemoServers : IDisposable
{
    private readonly DemoServer _keepsConnections = new("the HTTP/1.1 server, which keeps its connections", http10: false);
    private readonly DemoServer _closesConnections = new("the HTTP/1.0 server, which closes its connections and tells no length", http10: true);

    internal IReadOnlyList<string> Urls => [_keepsConnections.Url, _closesConnections.Url];

    public void Dispose()
    {
        _keepsConnections.Dispose();
        _closesConnections.Dispose();
    }
}

/// <summary>
/// A small HTTP server on plain sockets. It is good enough to be looked at through a gateway, which has checked what arrives here; it is not one to
/// put on a network. <para>Threading: the thread pool; connections share only the two counters.</para>
/// </summary>
internal sealed class DemoServer : IDisposable
{
    private readonly string _name;
    private readonly bool _http10;
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly CancellationTokenSource _stop = new();
    private int _connections;
    private int _requests;

    internal DemoServer(string name, bool http10)
    {
        (_name, _http10) = (name, http10);
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(512);
        Url = $"http://{_listener.LocalEndPoint}";
        _ = AcceptAsync();
    }

    internal string Url { get; }

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true) _ = ServeAsync(await _listener.AcceptAsync(_stop.Token), Interlocked.Increment(ref _connections));
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Disposed; there is nobody left to tell.
        }
    }

    private async Task ServeAsync(Socket socket, int connection)
    {
        try
        {
            socket.NoDelay = true;
            await using var stream = new NetworkStream(socket, ownsSocket: true);
            using var reader = new StreamReader(stream, Encoding.Latin1);       // Latin-1: one character is one byte
            while (await DemoRequest.ReadAsync(reader, _stop.Token) is { } request)
            {
                await ReplyAsync(stream, request, connection);
                if (_http10 || request.Says("Connection", "close")) return;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or FormatException or OverflowException or InvalidDataException)
        {
            // The gateway left, or sent what this server does not understand: closing is the answer.
        }
    }

    private async Task ReplyAsync(NetworkStream stream, DemoRequest request, int connection)
    {
        var hello = $"Hello from {_name}.\n"
            + $"This is its request number {Interlocked.Increment(ref _requests)}, on its connection number {connection}.\n";
        switch (request.Path)
        {
            case "/":
                await SendAsync(stream, request, "200 OK", [Latin1(hello)]);
                break;
            case "/slow":
                await Task.Delay((int)request.Number("ms", fallback: 500, highest: 60_000), _stop.Token);
                await SendAsync(stream, request, "200 OK", [Latin1(hello)]);
                break;
            case "/chunked":
                await SendAsync(stream, request, "200 OK", Enumerable.Range(1, 5).Select(n => Latin1($"This is piece {n} of 5.\n")), inChunks: true);
                break;
            case "/headers":
                await SendAsync(stream, request, "200 OK", [Latin1(request.Head)]);
                break;
            case "/echo":
                await SendAsync(stream, request, "200 OK", [Latin1(request.Head), Latin1("\n"), Latin1(request.Content)]);
                break;
            case "/big":
                var bytes = request.Number("bytes", fallback: 1 << 20, highest: 1L << 30);
                await SendAsync(stream, request, "200 OK", Big(bytes), length: bytes);
                break;
            default:
                await SendAsync(
                    stream, request, "404 Not Found", [Latin1("There are /, /slow?ms=500, /chunked, /echo, /headers and /big?bytes=N.\n")]);
                break;
        }
    }

    private async Task SendAsync(
        NetworkStream stream, DemoRequest request, string status, IEnumerable<byte[]> pieces, long? length = null, bool inChunks = false)
    {
        inChunks &= !_http10;
        var framing = _http10 ? "Connection: close"
            : inChunks ? "Transfer-Encoding: chunked"
            : $"Content-Length: {length ?? pieces.Sum(p => p.Length)}";
        var head = $"HTTP/1.{(_http10 ? 0 : 1)} {status}\r\nContent-Type: text/plain; charset=iso-8859-1\r\n{framing}\r\n\r\n";
        await stream.WriteAsync(Latin1(head), _stop.Token);
        if (request.Method == "HEAD") return;
        foreach (var piece in pieces)
        {
            if (inChunks) await stream.WriteAsync(Latin1($"{piece.Length:x}\r\n"), _stop.Token);
            await stream.WriteAsync(piece, _stop.Token);
            if (inChunks) await stream.WriteAsync(Latin1("\r\n"), _stop.Token);
        }
        if (inChunks) await stream.WriteAsync(Latin1("0\r\n\r\n"), _stop.Token);
    }

    private static IEnumerable<byte[]> Big(long bytes)
    {
        var piece = Latin1(string.Concat(Enumerable.Repeat("0123456789abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ\n", 1024)));
        for (; bytes > piece.Length; bytes -= piece.Length) yield return piece;
        yield return piece[..(int)bytes];
    }

    private static byte[] Latin1(string text) => Encoding.Latin1.GetBytes(text);
}
