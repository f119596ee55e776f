namespace Cmi.Messages;

/// <summary>The four forms of a request target (RFC 9112 §3.2).</summary>
internal enum TargetForm : byte { Origin, Absolute, Authority, Asterisk }

/// <summary>A request line and its fields, parsed. Reused; valid as long as the bytes that it was parsed from.</summary>
internal sealed class RequestHead
{
    public Method Method { get; }
    /// <summary>1 for HTTP/1.1 (and for any later 1.x), 0 for HTTP/1.0.</summary>
    public int MinorVersion { get; }
    public TargetForm Form { get; }
    public FieldSection Fields { get; } = new();
    public ReadOnlySpan<byte> MethodBytes => throw null!;
    /// <summary>The whole target as it came.</summary>
    public ReadOnlySpan<byte> Target => throw null!;
    /// <summary>Path and query as they go to the server, byte for byte: "/..." or "*". Of an absolute target without a path: "/", or "*" for OPTIONS.</summary>
    public ReadOnlySpan<byte> PathAndQuery => throw null!;
    /// <summary>The authority that counts: of an absolute target its own, else the Host field's value; empty for HTTP/1.0 without one.</summary>
    public ReadOnlySpan<byte> Authority => throw null!;
}
