using System.Buffers;
using System.Text;
using Cmi.Messages;

namespace Cmi.Http1;

/// <summary>Reads request lines: method SP request-target SP HTTP-version, with single spaces (RFC 9112 §3).</summary>
internal static class RequestLineParser
{
    /// <summary>
    /// Visible ASCII but "#": a fragment is never sent (RFC 9112 §3.2). The octets that RFC 3986 wants to see encoded, such as "|" and "{",
    /// pass as they are, for browsers send them.
    /// </summary>
    private static readonly SearchValues<byte> TargetOctets = SearchValues.Create(
        "!\"$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"u8);

    /// <summary>
    /// Finds what is certainly wrong with a request line that is not complete; <see cref="ProtocolError.None"/> if it may still become one.
    /// </summary>
    public static ProtocolError CheckPart(ReadOnlySpan<byte> part, int maxLineBytes)
    {
        if (part.Length > 0 && part[^1] == Octets.CR) part = part[..^1];                    // Its LF may come.
        if (part.Length == 0) return ProtocolError.None;
        if (part.ContainsAnyExceptInRange(Octets.SP, (byte)'~')) return ProtocolError.BadRequestLine;   // TLS, SSH and the like end here.
        var methodLength = Octets.TokenLength(part);
        if (methodLength == 0) return ProtocolError.BadRequestLine;
        if (methodLength < part.Length && part[methodLength] != Octets.SP) return ProtocolError.BadMethod;
        return part.Length > maxLineBytes ? ProtocolError.RequestLineTooLong : ProtocolError.None;
    }

    /// <summary>Reads a complete request line, [start, end) of the head's bytes without the CRLF.</summary>
    public static ProtocolError Parse(ReadOnlySpan<byte> bytes, int start, int end, RequestHead head)
    {
        var line = bytes[start..end];
        var methodLength = Octets.TokenLength(line);
        if (methodLength == 0 || methodLength == line.Length) return ProtocolError.BadRequestLine;
        if (line[methodLength] != Octets.SP) return ProtocolError.BadMethod;
        var method = MethodExtensions.Parse(line[..methodLength]);
        head.SetMethod(method, new Part(start, methodLength));

        var targetStart = methodLength + 1;
        var targetLength = line[targetStart..].IndexOfAnyExcept(TargetOctets);
        if (targetLength <= 0) return ProtocolError.BadRequestLine;                         // No version (HTTP/0.9), or two spaces.
        if (line[targetStart + targetLength] != Octets.SP) return ProtocolError.BadTarget;

        var error = ParseVersion(line[(targetStart + targetLength + 1)..], out var minorVersion);
        if (error != ProtocolError.None) return error;

        head.SetVersion(minorVersion);
        return ParseTarget(bytes, new Part(start + targetStart, targetLength), method, head);
    }

    /// <summary>RFC 9112 §2.3: HTTP-name "/" DIGIT "." DIGIT, case-sensitive. A later minor version is spoken to as 1.1 (RFC 9110 §2.5).</summary>
    private static ProtocolError ParseVersion(ReadOnlySpan<byte> version, out int minor)
    {
        minor = 0;
        if (version.Length != 8 || !version.StartsWith("HTTP/"u8) || version[6] != '.') return ProtocolError.BadRequestLine;
        if (!Octets.IsDigit(version[5]) || !Octets.IsDigit(version[7])) return ProtocolError.BadRequestLine;
        if (version[5] != '1') return ProtocolError.VersionNotSupported;
        minor = version[7] == '0' ? 0 : 1;
        return ProtocolError.None;
    }

    private static ProtocolError ParseTarget(ReadOnlySpan<byte> bytes, Part place, Method method, RequestHead head)
    {
        var target = place.Of(bytes);
        if (method == Method.Connect)
        {
            // RFC 9112 §3.2.3: authority-form is for CONNECT only, and CONNECT is for forward proxies only (RFC 9110 §9.3.6).
            if (!AuthorityParser.IsValid(target)) return ProtocolError.BadTarget;
            head.SetTarget(place, TargetForm.Authority, place, place);
            return ProtocolError.MethodNotAllowed;
        }
        if (target[0] == '/')                                                               // RFC 9112 §3.2.1
        {
            head.SetTarget(place, TargetForm.Origin, default, place);
            return ProtocolError.None;
        }
        if (target is [(byte)'*'])                                                          // RFC 9112 §3.2.4
        {
            head.SetTarget(place, TargetForm.Asterisk, default, place);
            return method == Method.Options ? ProtocolError.None : ProtocolError.BadTarget;
        }
        return ParseAbsolute(bytes, place, method, head);
    }

    /// <summary>
    /// RFC 9112 §3.2.2: its authority is the one that counts. The scheme decides nothing here: what counts is how the request came.
    /// </summary>
    private static ProtocolError ParseAbsolute(ReadOnlySpan<byte> bytes, Part place, Method method, RequestHead head)
    {
        var target = place.Of(bytes);
        var schemeLength = SchemeLength(target);
        if (schemeLength == 0) return ProtocolError.BadTarget;

        var rest = target[schemeLength..];
        var authorityLength = rest.IndexOfAny((byte)'/', (byte)'?');
        if (authorityLength < 0) authorityLength = rest.Length;
        if (!AuthorityParser.IsValid(rest[..authorityLength])) return ProtocolError.BadTarget;

        var pathStart = schemeLength + authorityLength;
        var path = new Part(place.Start + pathStart, place.Length - pathStart);
        head.SetTarget(place, TargetForm.Absolute, new Part(place.Start + schemeLength, authorityLength), path);
        if (path.Length == 0) head.ComposePath(method == Method.Options ? "*"u8 : "/"u8, default);      // RFC 9112 §3.2.1, §3.2.4
        else if (target[pathStart] == '?') head.ComposePath("/"u8, path.Of(bytes));   // RFC 9112 §3.2.1: an empty path is sent as "/".
        return ProtocolError.None;
    }

    private static int SchemeLength(ReadOnlySpan<byte> target)
    {
        if (target.Length > 7 && Ascii.EqualsIgnoreCase(target[..7], "http://"u8)) return 7;
        return target.Length > 8 && Ascii.EqualsIgnoreCase(target[..8], "https://"u8) ? 8 : 0;
    }
}
