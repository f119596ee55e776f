using System.Diagnostics.CodeAnalysis;
using System.Net;

namespace Cmi;

/// <summary>The kinds of address that a transport can be asked for.</summary>
public enum AddressKind : byte
{
    /// <summary>A host (a name or an IP address) and a TCP port.</summary>
    Tcp,

    /// <summary>The path of a Unix domain socket.</summary>
    Unix,
}

/// <summary>Where a server is. <para>Threading: immutable.</para></summary>
/// <param name="Kind">How it is reached.</param>
/// <param name="Host">A host name or IP address (IPv6 without brackets); for <see cref="AddressKind.Unix"/> the path.</param>
/// <param name="Port">1 to 65535; 0 for <see cref="AddressKind.Unix"/>.</param>
public sealed record ServerAddress(AddressKind Kind, string Host, int Port)
{
    /// <summary>Reads <c>http://host[:port]</c> (port 80 by default) or <c>unix:/path</c>.</summary>
    /// <param name="text">The address.</param>
    /// <param name="address">The result.</param>
    /// <param name="fault">What is wrong, as the end of a sentence that began with the text.</param>
    /// <returns>Whether it is an address of a server.</returns>
    public static bool TryParse(string? text, [NotNullWhen(true)] out ServerAddress? address, [NotNullWhen(false)] out string? fault)
    {
        address = AddressText.TryParse(text, lowestPort: 1, out var kind, out var host, out var port, out fault) ? new(kind, host, port) : null;
        return address is not null;
    }

    /// <summary>The address as <see cref="TryParse"/> reads it.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => AddressText.Format(Kind, Host, Port);
}

/// <summary>Where clients connect. <para>Threading: immutable.</para></summary>
/// <param name="Kind">How it is reached.</param>
/// <param name="Host">An IP address, <c>localhost</c>, or <c>*</c> for every address of the machine; for <see cref="AddressKind.Unix"/> the path.</param>
/// <param name="Port">0 to 65535, 0 picks a free one; 0 for <see cref="AddressKind.Unix"/>.</param>
public sealed record ListenAddress(AddressKind Kind, string Host, int Port)
{
    /// <summary>Reads <c>http://host[:port]</c> (port 80 by default) or <c>unix:/path</c>.</summary>
    /// <param name="text">The address.</param>
    /// <param name="address">The result.</param>
    /// <param name="fault">What is wrong, as the end of a sentence that began with the text.</param>
    /// <returns>Whether it is an address to listen at.</returns>
    public static bool TryParse(string? text, [NotNullWhen(true)] out ListenAddress? address, [NotNullWhen(false)] out string? fault)
    {
        address = null;
        if (!AddressText.TryParse(text, lowestPort: 0, out var kind, out var host, out var port, out fault)) return false;
        if (kind == AddressKind.Tcp && host is not ("localhost" or "*") && !IPAddress.TryParse(host, out _))
        {
            fault = "must name an IP address, 'localhost' or '*'";
            return false;
        }
        address = new(kind, host, port);
        return true;
    }

    /// <summary>The address as <see cref="TryParse"/> reads it.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => AddressText.Format(Kind, Host, Port);
}

/// <summary>The IP address and port of a peer, in 24 bytes. <para>Threading: immutable.</para></summary>
public readonly record struct PeerAddress
{
    private readonly UInt128 _address;                             // IPv4 as an IPv4-mapped IPv6 address
    private readonly ushort _port;

    /// <summary>Takes over an address.</summary>
    /// <param name="address">IPv4 or IPv6; an IPv4-mapped IPv6 address counts as IPv4.</param>
    /// <param name="port">0 to 65535.</param>
    public PeerAddress(IPAddress address, int port)
    {
        ArgumentNullException.ThrowIfNull(address);
        ArgumentOutOfRangeException.ThrowIfNegative(port);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(port, ushort.MaxValue);
        Span<byte> bytes = stackalloc byte[16];
        address.MapToIPv6().TryWriteBytes(bytes, out _);
        _address = System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(bytes);
        _port = (ushort)port;
    }

    /// <summary>The IP address.</summary>
    public IPAddress Address
    {
        get
        {
            Span<byte> bytes = stackalloc byte[16];
            System.Buffers.Binary.BinaryPrimitives.WriteUInt128BigEndian(bytes, _address);
            var address = new IPAddress(bytes);
            return address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        }
    }

    /// <summary>The port.</summary>
    public int Port => _port;

    /// <summary>The same number for the same IP address, whatever its port.</summary>
    internal ulong FairKey => (ulong)_address ^ (ulong)(_address >> 64);

    /// <summary>The address and port as <c>127.0.0.1:80</c> or <c>[::1]:80</c>.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => new IPEndPoint(Address, Port).ToString();
}

internal static class AddressText
{
    private static readonly System.Buffers.SearchValues<char> NotOfAHost = System.Buffers.SearchValues.Create("/?#@:[] \t");

    private const string Form = "must be http://HOST[:PORT] or unix:/PATH";

    internal static bool TryParse(string? text, int lowestPort, out AddressKind kind, out string host, out int port, [NotNullWhen(false)] out string? fault)
    {
        (kind, host, port, fault) = (AddressKind.Tcp, "", 0, null);
        if (text is not null && text.StartsWith("unix:/", StringComparison.Ordinal))
        {
            (kind, host) = (AddressKind.Unix, text[5..]);
            return true;
        }
        if (text is null || !text.StartsWith("http://", StringComparison.OrdinalIgnoreCase))
        {
            fault = text is not null && text.StartsWith("https://", StringComparison.OrdinalIgnoreCase) ? "asks for TLS, which this transport does not have" : Form;
            return false;
        }
        var authority = text.AsSpan(7);
        if (authority.EndsWith("/")) authority = authority[..^1];
        ReadOnlySpan<char> portText = "80";
        var bracket = authority.IndexOf(']');
        var colon = authority[(bracket + 1)..].LastIndexOf(':');
        if (colon >= 0)
        {
            portText = authority[(bracket + 1 + colon + 1)..];
            authority = authority[..(bracket + 1 + colon)];
        }
        if (bracket >= 0)
        {
            if (authority[0] != '[' || authority[^1] != ']' || !IPAddress.TryParse(authority[1..^1], out _)) fault = Form;
            else authority = authority[1..^1];
        }
        else if (authority.IsEmpty || authority.IndexOfAny(NotOfAHost) >= 0) fault = Form;
        if (fault is null && (!int.TryParse(portText, System.Globalization.NumberStyles.None, null, out port) || port < lowestPort || port > 65535))
            fault = $"must have a port from {lowestPort} to 65535";
        host = authority.ToString();
        return fault is null;
    }

    internal static string Format(AddressKind kind, string host, int port) =>
        kind == AddressKind.Unix ? "unix:" + host : host.Contains(':', StringComparison.Ordinal) ? $"http://[{host}]:{port}" : $"http://{host}:{port}";
}
