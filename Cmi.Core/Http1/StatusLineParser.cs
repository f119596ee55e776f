using Cmi.Messages;

namespace Cmi.Http1;

/// <summary>Reads status lines: HTTP-version SP status-code SP [ reason-phrase ] (RFC 9112 §4).</summary>
internal static class StatusLineParser
{
    private const int CodeStart = 9;
    private const int CodeEnd = 12;

    /// <summary>
    /// Finds what is certainly wrong with a status line that is not complete; <see cref="ProtocolError.None"/> if it may still become one.
    /// </summary>
    public static ProtocolError CheckPart(ReadOnlySpan<byte> part)
    {
        if (part.Length > 0 && part[^1] == Octets.CR)                                       // Its LF may come, but not before the code.
        {
            part = part[..^1];
            if (part.Length < CodeEnd) return ProtocolError.BadStatusLine;
        }
        return IsPartOfLine(part) ? ProtocolError.None : ProtocolError.BadStatusLine;
    }

    /// <summary>Reads a complete status line, without its LF, from the start of a head.</summary>
    public static ProtocolError Parse(ReadOnlySpan<byte> line, ResponseHead head)
    {
        if (line.Length < CodeEnd + 1 || line[^1] != Octets.CR) return ProtocolError.BadStatusLine;
        line = line[..^1];
        if (!IsPartOfLine(line)) return ProtocolError.BadStatusLine;

        var status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + line[11] - '0';
        // RFC 9112 §4: the space is there even before an empty reason; many servers forget it then, and nothing else can be meant.
        var reasonStart = Math.Min(CodeEnd + 1, line.Length);
        head.SetLine(line[7] == '0' ? 0 : 1, status, new Part(reasonStart, line.Length - reasonStart));
        return ProtocolError.None;
    }

    /// <summary>Whether this is the start of a status line, or the whole of it. The first digit of the code is 1 to 5 (RFC 9110 §15).</summary>
    private static bool IsPartOfLine(ReadOnlySpan<byte> line)
    {
        var name = "HTTP/1."u8;
        if (!line[..Math.Min(name.Length, line.Length)].SequenceEqual(name[..Math.Min(name.Length, line.Length)])) return false;
        if (line.Length > 7 && !Octets.IsDigit(line[7])) return false;
        if (line.Length > 8 && line[8] != Octets.SP) return false;
        if (line.Length > CodeStart && line[CodeStart] is < (byte)'1' or > (byte)'5') return false;
        for (var i = CodeStart + 1; i < Math.Min(CodeEnd, line.Length); i++)
        {
            if (!Octets.IsDigit(line[i])) return false;
        }
        return line.Length <= CodeEnd || (line[CodeEnd] == Octets.SP && !line[CodeEnd..].ContainsAny(Octets.Controls));
    }
}
