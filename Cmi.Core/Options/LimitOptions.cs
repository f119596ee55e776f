namespace Cmi;

/// <summary>How large the parts of an exchange may be. <para>Threading: as <see cref="CmiOptions"/>.</para></summary>
public abstract class RouteLimitOptions
{
    private long? _maxRequestContentBytes;
    private int? _maxInterimResponses;

    private protected RouteLimitOptions()
    {
    }

    internal RouteLimitOptions? Inherited { get; init; }

    /// <summary>The content of a request. Beyond it 413.</summary>
    /// <value>Bytes; 1 GiB by default; 0 or more.</value>
    public long MaxRequestContentBytes
    {
        get => _maxRequestContentBytes ?? Inherited?.MaxRequestContentBytes ?? 1L << 30;
        set => _maxRequestContentBytes = value;
    }

    /// <summary>Interim (1xx) responses to one request. Beyond it 502.</summary>
    /// <value>16 by default; from 1 to 1,000.</value>
    public int MaxInterimResponses
    {
        get => _maxInterimResponses ?? Inherited?.MaxInterimResponses ?? 16;
        set => _maxInterimResponses = value;
    }
}

/// <summary>How large things may be. <para>Threading: as <see cref="CmiOptions"/>.</para></summary>
public sealed class LimitOptions : RouteLimitOptions
{
    /// <summary>The head of a request, from its first byte to the empty line. Beyond it 431.</summary>
    /// <value>Bytes; 32 KiB by default; from 1 KiB to 1 MiB.</value>
    public int MaxRequestHeadBytes { get; set; } = 32 * 1024;

    /// <summary>The request line. Beyond it 414.</summary>
    /// <value>Bytes; 16 KiB by default; from 256 to <see cref="MaxRequestHeadBytes"/>.</value>
    public int MaxRequestLineBytes { get; set; } = 16 * 1024;

    /// <summary>The head of a reply. Beyond it 502.</summary>
    /// <value>Bytes; 32 KiB by default; from 1 KiB to 1 MiB.</value>
    public int MaxReplyHeadBytes { get; set; } = 32 * 1024;

    /// <summary>Field lines of a head. Beyond it 431 or 502.</summary>
    /// <value>256 by default; from 16 to 10,000.</value>
    public int MaxFields { get; set; } = 256;

    /// <summary>Requests of one client connection in hand; reading stops there.</summary>
    /// <value>64 by default; from 1 to 10,000.</value>
    public int MaxPipelinedRequests { get; set; } = 64;

    /// <summary>Bytes of the requests (heads and contents) of one client connection in hand, beyond which no further request is read.</summary>
    /// <value>Bytes; 1 MiB by default; 0 or more.</value>
    public long MaxPipelinedBytes { get; set; } = 1L << 20;

    /// <summary>Open client connections; accepting pauses there.</summary>
    /// <value>0 (the default): as many as the process may open; at most 10,000,000.</value>
    public int MaxConnections { get; set; }

    /// <summary>Requests that wait for a server. Beyond it 503 with Retry-After.</summary>
    /// <value>10,000 by default; from 0 to 10,000,000.</value>
    public int MaxQueuedRequests { get; set; } = 10_000;
}
