using System.Text;

namespace Cmi.Tests.Engine.Soak;

/// <summary>One request of a soak: what is sent, and what servers have seen of it.</summary>
internal sealed class SoakRequest(int id, string method, int minorVersion, bool keepAlive, bool isChunked, int contentBytes)
{
    public int Id => id;
    public string Method => method;
    public int MinorVersion => minorVersion;
    public byte[] Content { get; } = Pattern(id, 0, contentBytes);
    public bool IsIdempotent => method is "GET" or "HEAD" or "OPTIONS" or "TRACE" or "PUT" or "DELETE";

    /// <summary>Whether the client asks for the connection to be closed behind the reply.</summary>
    public bool SaysClose => !keepAlive;

    /// <summary>How often a server has seen its head.</summary>
    public int Seen { get; set; }

    public byte[] ToBytes(Random random)
    {
        var head = new StringBuilder($"{method} /{id} HTTP/1.{minorVersion}\r\nHost: soak\r\n");
        if (minorVersion == 0 && keepAlive) head.Append("Connection: keep-alive\r\n");
        if (minorVersion == 1 && !keepAlive) head.Append("Connection: close\r\n");
        var bytes = new List<byte>();
        if (isChunked) head.Append("Transfer-Encoding: chunked\r\n");
        else if (Content.Length > 0 || method is "POST" or "PUT") head.Append("Content-Length: ").Append(Content.Length).Append("\r\n");
        bytes.AddRange(Encoding.ASCII.GetBytes(head.Append("\r\n").ToString()));
        if (isChunked) bytes.AddRange(Chunked(Content, random, isWhole: true));
        else bytes.AddRange(Content);
        return [.. bytes];
    }

    /// <summary>Content that no other message and no other attempt has, and in which every byte depends on its place.</summary>
    public static byte[] Pattern(int id, int attempt, int length)
    {
        var bytes = new byte[length];
        var state = unchecked(((uint)id * 2654435761u) ^ ((uint)attempt * 40503u) ^ 0x9E3779B9u);
        for (var i = 0; i < length; i++)
        {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            bytes[i] = (byte)('a' + (state % 26));
        }
        return bytes;
    }

    /// <summary>Content in chunks of any size.</summary>
    public static byte[] Chunked(ReadOnlySpan<byte> content, Random random, bool isWhole)
    {
        var bytes = new List<byte>();
        while (!content.IsEmpty)
        {
            var size = random.Next(1, Math.Min(content.Length, 5000) + 1);
            bytes.AddRange(Encoding.ASCII.GetBytes($"{size:x}\r\n"));
            bytes.AddRange(content[..size]);
            bytes.AddRange("\r\n"u8);
            content = content[size..];
        }
        if (isWhole) bytes.AddRange("0\r\n\r\n"u8);
        return [.. bytes];
    }
}
