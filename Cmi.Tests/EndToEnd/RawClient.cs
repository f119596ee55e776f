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
        var reply = await ReadWholeReplyAsync();
        return (reply.Status, reply.Content);
    }

    /// <summary>The next reply, with its fields.</summary>
    internal async Task<RawReply> ReadWholeReplyAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        var line = await _reader.ReadLineAsync(patience.Token) ?? throw new EndOfStreamException("The connection was closed before a reply.");
        var fields = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        while (await _reader.ReadLineAsync(patience.Token) is { Length: > 0 } field)
            if (field.IndexOf(':') is > 0 and var colon) fields[field[..colon]] = field[(colon + 1)..].Trim();
        if (!fields.TryGetValue("Content-Length", out var length)) throw new InvalidDataException("A reply has no length.");
        var content = new char[int.Parse(length, CultureInfo.InvariantCulture)];
        // Asked for nothing, a StreamReader would wait for something.
        if (content.Length > 0 && await _reader.ReadBlockAsync(content, patience.Token) < content.Length) throw new EndOfStreamException("A reply was cut.");
        return new(int.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture), fields, new(content));
    }

    public void Dispose()
    {
        _reader.Dispose();
        _client.Dispose();
    }
}

/// <summary>A reply; a character of its content is a byte. Of a field that comes more than once, the last.</summary>
internal sealed record RawReply(int Status, IReadOnlyDictionary<string, string> Fields, string Content);
