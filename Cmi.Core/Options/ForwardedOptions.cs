namespace Cmi;

/// <summary>Which fields tell servers who the client is.</summary>
[Flags]
public enum ForwardedFields
{
    /// <summary>None: the server sees the gateway alone.</summary>
    None = 0,

    /// <summary><c>X-Forwarded-For</c>, <c>X-Forwarded-Proto</c> and <c>X-Forwarded-Host</c>.</summary>
    XForwarded = 1,

    /// <summary><c>Forwarded</c> (RFC 7239).</summary>
    Forwarded = 2,

    /// <summary>All four.</summary>
    Both = XForwarded | Forwarded,
}

/// <summary>What becomes of such fields that a peer sent which is not trusted.</summary>
public enum ReceivedForwarded
{
    /// <summary>
    /// Lists (<c>X-Forwarded-For</c>, <c>Forwarded</c>) are extended, so that their last entry is ours; <c>X-Forwarded-Proto</c> and
    /// <c>X-Forwarded-Host</c> are replaced.
    /// </summary>
    Append,

    /// <summary>They are removed, with every other <c>X-Forwarded-…</c> and <c>X-Real-IP</c>: servers hear of nobody that we do not see ourselves.</summary>
    Remove,
}

/// <summary>What servers are told of clients. <para>Threading: as <see cref="CmiOptions"/>.</para></summary>
public sealed class ForwardedOptions
{
    /// <summary>Which fields tell servers who the client is.</summary>
    /// <value><see cref="ForwardedFields.XForwarded"/> by default. A list that came and is kept is extended, whether it is named here or not.</value>
    public ForwardedFields Fields { get; set; } = ForwardedFields.XForwarded;

    /// <summary>What becomes of such fields that a peer sent which is not trusted.</summary>
    /// <value><see cref="ReceivedForwarded.Append"/> by default.</value>
    public ReceivedForwarded Received { get; set; }

    /// <summary>Peers whose word is taken: their lists are extended, their <c>X-Forwarded-Proto</c> and <c>X-Forwarded-Host</c> kept.</summary>
    /// <value>
    /// IP addresses, networks such as <c>10.0.0.0/8</c>, and <c>unix</c> for those that come over a Unix domain socket; none by default, none twice.
    /// </value>
    public IList<string> TrustedNetworks { get; } = [];
}
