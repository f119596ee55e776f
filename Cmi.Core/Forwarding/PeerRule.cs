using System.Net;

namespace Cmi.Forwarding;

/// <summary>What servers are told of clients, and what of it is believed of whom: the options, read once. Immutable.</summary>
internal sealed class PeerRule
{
    /// <summary>Stands in the list of trusted networks for peers without an IP address: those that come over a Unix domain socket.</summary>
    public const string UnixPeers = "unix";

    private readonly ForwardedOptions _options;
    private readonly IPNetwork[] _trusted;

    /// <exception cref="ArgumentException">A trusted network cannot be read.</exception>
    public PeerRule(ForwardedOptions options)
    {
        _options = options;
        _trusted = [.. options.TrustedNetworks.Where(text => text != UnixPeers)
            .Select(text => TryParse(text, out var network) ? network : throw new ArgumentException($"The trusted network '{text}' {Form}.", nameof(options)))];
    }

    /// <summary>What a network must look like, as the end of a sentence that began with its text.</summary>
    public const string Form = "must be an IP address, a network such as 10.0.0.0/8 or fd00::/8, or 'unix'";

    /// <summary>Which fields are written.</summary>
    public ForwardedFields Fields => _options.Fields;

    /// <summary>Describes a peer for all its requests.</summary>
    /// <param name="peer">Its address; <see langword="null"/> where there is none.</param>
    public Peer Describe(PeerAddress? peer)
    {
        var address = peer?.Address;
        var trusted = address is null ? _options.TrustedNetworks.Contains(UnixPeers) : Array.Exists(_trusted, network => network.Contains(address));
        return new(this, address, trusted, keepsReceived: trusted || _options.Received == ReceivedForwarded.Append);
    }

    /// <summary>Reads a network, or one address as the network of itself.</summary>
    public static bool TryParse(string? text, out IPNetwork network)
    {
        if (IPNetwork.TryParse(text, out network)) return true;
        if (!IPAddress.TryParse(text, out var address)) return false;
        network = new(address, address.GetAddressBytes().Length * 8);
        return true;
    }
}
