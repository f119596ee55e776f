using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Cmi.Tests.EndToEnd;

/// <summary>A client that writes what it is told, stacked requests above all, and reads replies that have a length.</summary>
internal sealed class RawClient : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TcpClient _client;
    private readonly StreamReader _reader;

    private RawClient(TcpClient client)
    {
        _client = client;
        _client.NoDelay = true;
        _reader = new(client.GetStream(), Encoding.Latin1);         // a character is a byte
    }

    internal static async Task<RawClient> ConnectAsync(Uri url)
    {
        var client = new TcpClient();
        await client.ConnectAsync(url.Host, url.Port);
        return new(client);
    }

    internal Task SendAsync(string text) => _client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(text)).AsTask();

    /// <summary>The next reply. One without a length is not framed for a connection that goes on, and a failure.</summary>
    internal async Task<(int Status, string Content)> ReadReplyAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        var line = await _reader.ReadLineAsync(patience.Token) ?? throw new EndOfStreamException("The connection was closed before a reply.");
        int? length = null;
        while (await _reader.ReadLineAsync(patience.Token) is { Length: > 0 } field)
            if (field.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase)) length = int.Parse(field.AsSpan(15), CultureInfo.InvariantCulture);
        var content = new char[length ?? throw new InvalidDataException("A reply has no length.")];
        if (await _reader.ReadBlockAsync(content, patience.Token) < length) throw new EndOfStreamException("A reply was cut.");
        return (int.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture), new(content));
    }

    public void Dispose()
    {
        _reader.Dispose();
        _client.Dispose();
    }
}
