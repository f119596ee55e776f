using System.Globalization;

namespace Cmi.Tests.Fuzz;

/// <summary>How much a reference parser lets pass.</summary>
internal enum Tolerance
{
    /// <summary>Only what every hop must read alike: what a gateway should send.</summary>
    Strict,

    /// <summary>Also what RFC 9112 allows a recipient to mend or overlook: the most that a gateway may take.</summary>
    Tolerant,
}

/// <summary>
/// A second reader of messages, for judging the first: it shares no code with it, splits text instead of walking octets, and is slow and short. What it
/// takes strictly the real reader must take, what the real reader takes this one must take tolerantly, and all must understand the same.
/// </summary>
internal static class ReferenceParser
{
    private const string TokenMarks = "!#$%&'*+-.^_`|~";

    private static readonly System.Buffers.SearchValues<char> Controls =
        System.Buffers.SearchValues.Create([.. Enumerable.Range(0, 32).Append(127).Where(c => c != '\t').Select(c => (char)c)]);

    /// <summary>Reads the request at a place of a text, in which each character is an octet.</summary>
    public static ReferenceMessage Request(string text, int at = 0, Tolerance tolerance = Tolerance.Strict)
    {
        var message = new ReferenceMessage();
        var isTolerant = tolerance == Tolerance.Tolerant;
        var start = isTolerant && string.CompareOrdinal(text, at, "\r\n", 0, 2) == 0 ? at + 2 : at;      // §2.2: an empty line before it
        if (Head(text, start) is not { } head) return message;

        var parts = head[0].Split(' ');
        if (parts.Length != 3) return message.Fail("the request line has not three parts");
        message.Method = parts[0];
        if (!IsToken(parts[0])) return message.Fail("the method is not a token");
        if (!TryVersion(parts[2], isTolerant, message)) return message.Fail("the version is not known");
        if (!TryTarget(parts[1], message)) return message.Fail("the target is malformed");
        message.HasStartLine = true;
        if (!TryFields(head, isMending: false, message)) return message;

        var hosts = message.All("host").ToArray();
        if (hosts.Length > 1 || (hosts.Length == 0 && message.MinorVersion > 0)) return message.Fail("there is not one Host");
        if (hosts.Length == 1 && !IsHost(hosts[0])) return message.Fail("Host is malformed");
        if (hosts.Length == 1 && message.Authority.Length == 0) message.Authority = hosts[0];

        var hasCoding = message.All("transfer-encoding").Any();
        if (hasCoding && (message.MinorVersion == 0 || message.All("content-length").Any())) return message.Fail("the framing is doubtful");
        if (hasCoding && !message.All("transfer-encoding").SequenceEqual(["chunked"], StringComparer.OrdinalIgnoreCase)) return message.Fail("the coding is not chunked");
        message.Framing = hasCoding ? ReferenceFraming.Chunked : ReferenceFraming.None;
        return TryContent(text, EndOfHead(text, start), isTolerant, ended: false, message, at);
    }

    /// <summary>Reads the reply to a request of this method at a place of a text.</summary>
    public static ReferenceMessage Reply(string text, string method, bool ended, int at = 0, Tolerance tolerance = Tolerance.Strict)
    {
        var message = new ReferenceMessage();
        var isTolerant = tolerance == Tolerance.Tolerant;
        if (Head(text, at) is not { } head) return message;
        var line = head[0];
        if (line.AsSpan().IndexOfAny(Controls) >= 0) return message.Fail("there is a control in the status line");
        if (isTolerant && line.Length == 12) line += " ";
        if (line.Length < 13 || line[8] != ' ' || line[12] != ' ' || !TryVersion(line[..8], isTolerant, message)) return message.Fail("the status line is malformed");
        if (!line.AsSpan(9, 3).ContainsAnyExceptInRange('0', '9') && line[9] is >= '1' and <= '5') message.Status = int.Parse(line.AsSpan(9, 3), CultureInfo.InvariantCulture);
        else return message.Fail("the status code is malformed");
        message.Reason = line[13..];
        if (!TryFields(head, isTolerant, message)) return message;

        var (hasCoding, hasLength) = (message.All("transfer-encoding").Any(), message.All("content-length").Any());
        if (message.Status < 200 || message.Status is 204 or 304 || method == "HEAD")
        {
            if (!isTolerant && hasCoding) return message.Fail("a coding where there is no content");
            if (!isTolerant && hasLength && message.Status is < 200 or 204) return message.Fail("a length where there is never content");
            message.HasHead = true;
            (message.Verdict, message.Length) = (Verdict.Whole, EndOfHead(text, at) - at);
            return message;
        }
        message.Framing = hasLength ? ReferenceFraming.None : ReferenceFraming.UntilClose;
        if (!hasCoding) return TryContent(text, EndOfHead(text, at), isTolerant, ended, message, at);
        if (!isTolerant && (hasLength || message.MinorVersion == 0)) return message.Fail("the framing is doubtful");
        string[] codings = [.. message.All("transfer-encoding").SelectMany(v => v.Split(',')).Select(e => e.Trim(' ', '\t').ToLowerInvariant())];
        if (codings is ["chunked"]) message.Framing = ReferenceFraming.Chunked;
        else if (isTolerant && codings.All(c => c == "identity" || !IsToken(c))) message.Framing = ReferenceFraming.UntilClose;
        else return message.Fail("the coding is not chunked");
        return TryContent(text, EndOfHead(text, at), isTolerant, ended, message, at);
    }

    /// <summary>The lines of a head, or nothing if its end is not there.</summary>
    private static string[]? Head(string text, int start)
    {
        if (start > text.Length) return null;
        var end = text.IndexOf("\r\n\r\n", start, StringComparison.Ordinal);
        return end < 0 ? null : text[start..end].Split("\r\n");
    }

    private static int EndOfHead(string text, int start) => text.IndexOf("\r\n\r\n", start, StringComparison.Ordinal) + 4;

    private static bool TryVersion(string version, bool isTolerant, ReferenceMessage message)
    {
        if (version.Length != 8 || !version.StartsWith("HTTP/1.", StringComparison.Ordinal) || !char.IsAsciiDigit(version[7])) return false;
        message.MinorVersion = version[7] == '0' ? 0 : 1;
        return isTolerant || version[7] is '0' or '1';
    }

    private static bool TryTarget(string target, ReferenceMessage message)
    {
        if (target.Length == 0 || target.AsSpan().ContainsAnyExceptInRange('!', '~') || target.Contains('#', StringComparison.Ordinal)) return false;
        if (message.Method == "CONNECT") return false;              // for proxies
        message.Path = target;
        if (target == "*") return message.Method == "OPTIONS";
        if (target[0] == '/') return true;
        var schemeEnd = target.IndexOf("://", StringComparison.Ordinal);
        if (schemeEnd < 0 || target[..schemeEnd].ToLowerInvariant() is not ("http" or "https")) return false;
        var rest = target[(schemeEnd + 3)..];
        var pathStart = rest.IndexOfAny(['/', '?']);
        message.Authority = pathStart < 0 ? rest : rest[..pathStart];
        var path = pathStart < 0 ? "" : rest[pathStart..];
        message.Path = path.StartsWith('/') ? path : path.Length == 0 && message.Method == "OPTIONS" ? "*" : $"/{path}";
        return message.Authority.Length > 0 && IsHost(message.Authority);
    }

    private static bool IsHost(string host) => host.All(c => char.IsAsciiLetterOrDigit(c) || "-._~!$&'()*+,;=%:[]".Contains(c, StringComparison.Ordinal));

    private static bool IsToken(string text) => text.Length > 0 && text.All(c => char.IsAsciiLetterOrDigit(c) || TokenMarks.Contains(c, StringComparison.Ordinal));

    private static bool TryFields(string[] head, bool isMending, ReferenceMessage message)
    {
        for (var i = 1; i < head.Length; i++)
        {
            var line = head[i];
            while (isMending && i + 1 < head.Length && head[i + 1] is [' ' or '\t', ..]) line = $"{line} {head[++i]}";      // §5.2
            if (TryField(line, isMending, out var field)) message.Fields.Add(field);
            else
            {
                message.Fail("a field line is malformed");
                return false;
            }
        }
        return true;
    }

    private static bool TryField(string line, bool isMending, out (string Name, string Value) field)
    {
        field = default;
        var colon = line.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0) return false;
        var name = isMending ? line[..colon].TrimEnd(' ', '\t') : line[..colon];                              // §5.1
        field = (name, line[(colon + 1)..].Trim(' ', '\t'));
        return IsToken(name) && field.Value.AsSpan().IndexOfAny(Controls) < 0;
    }

    private static ReferenceMessage TryContent(string text, int at, bool isTolerant, bool ended, ReferenceMessage message, int messageStart)
    {
        var lengths = message.All("content-length").ToArray();
        if (message.Framing != ReferenceFraming.Chunked && message.Framing != ReferenceFraming.UntilClose && lengths.Length > 0)
        {
            message.Framing = ReferenceFraming.Length;
            if (!isTolerant && lengths.Length > 1) return message.Fail("there is more than one length");
            var values = isTolerant ? [.. lengths.SelectMany(l => l.Split(',')).Select(e => e.Trim(' ', '\t'))] : lengths;
            var numbers = values.Select(v => v.Length > 0 && v.All(char.IsAsciiDigit) && long.TryParse(v, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : -1).ToArray();
            if (Array.Exists(numbers, n => n < 0 || n != numbers[0])) return message.Fail("the length is malformed");
            message.HasHead = true;
            if (numbers[0] > text.Length - at) return message;
            message.Content = text.Substring(at, (int)numbers[0]);
            at += (int)numbers[0];
        }
        message.HasHead = true;
        if (message.Framing == ReferenceFraming.UntilClose)
        {
            if (!ended) return message;
            message.Content = text[at..];
            at = text.Length;
        }
        if (message.Framing == ReferenceFraming.Chunked && !TryChunks(text, ref at, message)) return message;
        (message.Verdict, message.Length) = (Verdict.Whole, at - messageStart);
        return message;
    }

    private static bool TryChunks(string text, ref int at, ReferenceMessage message)
    {
        var content = new System.Text.StringBuilder();
        for (; ; )
        {
            if (!TryLine(text, ref at, out var line)) return false;
            if (line.AsSpan().IndexOfAny(Controls) >= 0) return Failed(message, "there is a control in a chunk's size line");
            var digits = line.Split(';')[0];
            if (digits.Length is 0 or > 16 || !digits.All(char.IsAsciiHexDigit)) return Failed(message, "a chunk size is malformed");
            var size = ulong.Parse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
            if (size > long.MaxValue) return Failed(message, "a chunk size is too large");
            if (size == 0) break;
            if (size + 2 > (ulong)(text.Length - at)) return false;
            content.Append(text, at, (int)size);
            at += (int)size;
            if (text[at] != '\r' || text[at + 1] != '\n') return Failed(message, "a chunk does not end with its data");
            at += 2;
        }
        for (; ; )
        {
            if (!TryLine(text, ref at, out var line)) return false;
            if (line.Length == 0) break;
            if (!TryField(line, isMending: false, out _)) return Failed(message, "a trailer line is malformed");
        }
        message.Content = content.ToString();
        return true;
    }

    private static bool TryLine(string text, ref int at, out string line)
    {
        var end = text.IndexOf("\r\n", at, StringComparison.Ordinal);
        line = end < 0 ? "" : text[at..end];
        at = end < 0 ? at : end + 2;
        return end >= 0;
    }

    private static bool Failed(ReferenceMessage message, string fault)
    {
        message.Fail(fault);
        return false;
    }
}
