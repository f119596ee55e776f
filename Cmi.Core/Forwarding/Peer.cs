using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Cmi.Forwarding;

/// <summary>A client as servers are told of it; made once a connection, so that no request makes a text of an address. Immutable.</summary>
internal sealed class Peer
{
    private readonly byte[] _address, _element;

    /// <param name="rule">What servers are told.</param>
    /// <param name="address">The client's address; <see langword="null"/> where the transport knows none.</param>
    /// <param name="isTrusted">Whether what it says of those before it is believed.</param>
    /// <param name="keepsReceived">Whether what it says of those before it is passed on.</param>
    public Peer(PeerRule rule, IPAddress? address, bool isTrusted, bool keepsReceived)
    {
        (Rule, IsTrusted, KeepsReceived) = (rule, isTrusted, keepsReceived);
        // Without an address it must be said all the same, lest the last entry received pass for ours.
        var text = address?.ToString() ?? "unknown";
        _address = Encoding.ASCII.GetBytes(text);
        // RFC 7239 §6: an IPv6 address stands in brackets, and those in quotes; "unknown" is a node too.
        _element = Encoding.ASCII.GetBytes(address?.AddressFamily == AddressFamily.InterNetworkV6 ? $"for=\"[{text}]\";proto=http" : $"for={text};proto=http");
    }

    /// <summary>What servers are told.</summary>
    public PeerRule Rule { get; }

    /// <summary>Whether what it says of those before it is believed.</summary>
    public bool IsTrusted { get; }

    /// <summary>Whether what it says of those before it is passed on.</summary>
    public bool KeepsReceived { get; }

    /// <summary>The address as an entry of X-Forwarded-For.</summary>
    public ReadOnlySpan<byte> Address => _address;

    /// <summary>The start of an element of Forwarded: who, and over what. What clients speak to us is not encrypted, by now.</summary>
    public ReadOnlySpan<byte> Element => _element;
}
