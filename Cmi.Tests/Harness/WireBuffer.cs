using System.Text;

namespace Cmi.Tests.Harness;

/// <summary>A message that was taken off the wire.</summary>
/// <param name="Head">The head with its empty line, each character one byte.</param>
/// <param name="Content">The content without its framing.</param>
/// <param name="UntilClose">Whether the end of the connection was its end.</param>
internal sealed record WireMessage(string Head, byte[] Content, bool UntilClose)
{
    public string StartLine => Head[..Head.IndexOf("\r\n", StringComparison.Ordinal)];

    public int Status => int.Parse(Head.AsSpan(9, 3));

    public string Text => Encoding.Latin1.GetString(Content);

    /// <summary>The value of a field; <see langword="null"/>: there is none.</summary>
    public string? Field(string name) => WireBuffer.FieldOf(Head, name);
}

/// <summary>
/// Takes messages off the bytes of one direction: a reader of its own, simple and slow, so that a fault of the engine's cannot hide behind itself.
/// </summary>
internal sealed class WireBuffer
{
    private byte[] _bytes = new byte[256];
    private int _begin, _end;

    /// <summary>Bytes that belong to no message yet.</summary>
    public int Count => _end - _begin;

    /// <summary>The head that comes next, if it is there as a whole.</summary>
    public string? Head
    {
        get
        {
            var end = Bytes.IndexOf("\r\n\r\n"u8);
            return end < 0 ? null : Encoding.Latin1.GetString(Bytes[..(end + 4)]);
        }
    }

    private ReadOnlySpan<byte> Bytes => _bytes.AsSpan(_begin, _end - _begin);

    public void Feed(ReadOnlySpan<byte> bytes)
    {
        if (_end + bytes.Length > _bytes.Length)
        {
            var larger = new byte[Math.Max(_bytes.Length * 2, Count + bytes.Length)];
            Bytes.CopyTo(larger);
            (_bytes, _begin, _end) = (larger, 0, Count);
        }
        bytes.CopyTo(_bytes.AsSpan(_end));
        _end += bytes.Length;
    }

    /// <summary>Takes a request.</summary>
    /// <returns><see langword="null"/>: the next one is not whole.</returns>
    public WireMessage? TakeRequest() => Head is { } head ? Take(head, hasContent: true, untilClose: false, ended: false) : null;

    /// <summary>Takes a reply, an interim one too.</summary>
    /// <param name="method">What was asked.</param>
    /// <param name="ended">Whether the peer has ended its direction cleanly.</param>
    /// <returns><see langword="null"/>: the next one is not whole.</returns>
    public WireMessage? TakeReply(string method = "GET", bool ended = false)
    {
        if (Head is not { } head) return null;
        var status = int.Parse(head.AsSpan(9, 3));
        return Take(head, hasContent: method != "HEAD" && status is not (< 200 or 204 or 304), untilClose: true, ended);
    }

    public static string? FieldOf(string head, string name)
    {
        var at = head.IndexOf($"\r\n{name}:", StringComparison.OrdinalIgnoreCase);
        if (at < 0) return null;
        at += name.Length + 3;
        return head[at..head.IndexOf("\r\n", at, StringComparison.Ordinal)].Trim();
    }

    private WireMessage? Take(string head, bool hasContent, bool untilClose, bool ended)
    {
        var rest = Bytes[head.Length..];
        if (!hasContent) return Took(head, [], head.Length);
        if (FieldOf(head, "Transfer-Encoding") is not null)
        {
            var content = new List<byte>();
            var length = TakeChunks(rest, content);
            return length < 0 ? null : Took(head, [.. content], head.Length + length);
        }
        if (FieldOf(head, "Content-Length") is { } declared)
        {
            var length = int.Parse(declared, System.Globalization.CultureInfo.InvariantCulture);
            return rest.Length < length ? null : Took(head, rest[..length].ToArray(), head.Length + length);
        }
        if (!untilClose) return Took(head, [], head.Length);
        return ended ? Took(head, rest.ToArray(), head.Length + rest.Length) with { UntilClose = true } : null;
    }

    private WireMessage Took(string head, byte[] content, int length)
    {
        _begin += length;
        return new(head, content, UntilClose: false);
    }

    private static int TakeChunks(ReadOnlySpan<byte> bytes, List<byte> content)
    {
        for (var at = 0; ;)
        {
            var line = bytes[at..].IndexOf("\r\n"u8);
            if (line < 0) return -1;
            var size = Convert.ToInt32(Encoding.Latin1.GetString(bytes.Slice(at, line)), 16);
            at += line + 2;
            if (bytes.Length < at + size + 2) return -1;
            content.AddRange(bytes.Slice(at, size));
            at += size;
            Assert.That(bytes.Slice(at, 2).SequenceEqual("\r\n"u8), "a chunk does not end with its data");
            at += 2;
            if (size == 0) return at;
        }
    }
}
