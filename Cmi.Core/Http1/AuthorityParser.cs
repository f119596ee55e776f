using System.Buffers;
using System.Net;

namespace Cmi.Http1;

/// <summary>Validates the authority of Host and of absolute targets: uri-host [ ":" port ] (RFC 9110 §4.2 and §7.2, RFC 3986 §3.2).</summary>
internal static class AuthorityParser
{
    private const int MaxPort = 65535;

    /// <summary>
    /// RFC 3986 §3.2.2: reg-name = *( unreserved / pct-encoded / sub-delims ); IPv4 addresses look the same. No "@": there is no userinfo in HTTP.
    /// </summary>
    private static readonly SearchValues<byte> RegisteredName =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=%"u8);

    private static readonly SearchValues<byte> AddressLiteral = SearchValues.Create("0123456789abcdefABCDEF:."u8);

    /// <summary>Whether this is a host with or without a port. An empty host is none: a gateway has nothing to say to the server then.</summary>
    public static bool IsValid(ReadOnlySpan<byte> authority)
    {
        if (authority.Length == 0) return false;
        var hostLength = authority[0] == '[' ? authority.IndexOf((byte)']') + 1 : authority.IndexOf((byte)':');
        if (hostLength < 0) return IsRegisteredName(authority);
        var host = authority[..hostLength];
        var port = authority[hostLength..];
        return (authority[0] == '[' ? IsAddressLiteral(host) : IsRegisteredName(host)) && (port.Length == 0 || IsPort(port));
    }

    /// <summary>Takes a valid authority apart; the port is empty if it has none, and both are of an empty authority.</summary>
    public static void Split(ReadOnlySpan<byte> authority, out ReadOnlySpan<byte> host, out ReadOnlySpan<byte> port)
    {
        var hostLength = authority is [(byte)'[', ..] ? authority.IndexOf((byte)']') + 1 : authority.IndexOf((byte)':');
        if (hostLength < 0) hostLength = authority.Length;
        host = authority[..hostLength];
        port = hostLength < authority.Length ? authority[(hostLength + 1)..] : default;
    }

    private static bool IsRegisteredName(ReadOnlySpan<byte> name)
    {
        if (name.Length == 0 || name.ContainsAnyExcept(RegisteredName)) return false;
        for (var percent = name.IndexOf((byte)'%'); percent >= 0; percent = name.IndexOf((byte)'%'))
        {
            name = name[(percent + 1)..];
            if (name.Length < 2 || !char.IsAsciiHexDigit((char)name[0]) || !char.IsAsciiHexDigit((char)name[1])) return false;
        }
        return true;
    }

    /// <summary>
    /// Of the literals in brackets only IPv6: no IPvFuture was ever defined, and a zone (RFC 6874) means something on its own host only.
    /// </summary>
    private static bool IsAddressLiteral(ReadOnlySpan<byte> literal)
    {
        if (literal.Length < "[::]".Length) return false;
        var address = literal[1..^1];
        return address.Contains((byte)':') && !address.ContainsAnyExcept(AddressLiteral) && IPAddress.IsValidUtf8(address);
    }

    /// <summary>":" *DIGIT: the digits may be missing (RFC 3986 §3.2.3), but a number beyond the ports is a host nobody can mean.</summary>
    private static bool IsPort(ReadOnlySpan<byte> port) =>
        port[0] == ':' && (port.Length == 1 || (Octets.TryReadDigits(port[1..], out var number) && number <= MaxPort));
}
