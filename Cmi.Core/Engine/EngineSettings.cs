using Cmi.Forwarding;
using Cmi.Http1;

namespace Cmi.Engine;

/// <summary>
/// The options that hold for the whole engine, since they apply before the route of a request is known, or to connections: read once, in milliseconds and
/// bytes. What may differ from route to route is in <see cref="RouteSettings"/>. Immutable.
/// </summary>
internal sealed class EngineSettings(CmiOptions options)
{
    /// <summary>How long a connection that was closed after its last reply is drained, so that this reply arrives (RFC 9112 §9.6).</summary>
    public const long LingerMs = 2_000;

    /// <summary>How long a starved reply waits for room before the youngest that is held gives way.</summary>
    public const long StarvedMs = 1_000;

    /// <summary>
    /// How long a client may take nothing before what was lent for it goes back to the store, which may then use the memory for others. A fast client is back
    /// sooner; a slow one takes hundreds of milliseconds, and if each kept a piece, a few hundred would keep all memory that a store on a device reads into.
    /// </summary>
    public const long LendMs = 10;

    /// <summary>The largest reply that leaves from the loop's own memory, without the buffer store.</summary>
    public const int MaxDirectBytes = 16 * 1024;

    /// <summary>What 503 replies say in Retry-After.</summary>
    public const int RetryAfterSeconds = 1;

    public readonly long ClientHead = Ms(options.Timeouts.ClientHead);
    public readonly long ClientIdle = Ms(options.Timeouts.ClientIdle);
    public readonly long ClientSend = Ms(options.Timeouts.ClientSend);
    public readonly long ServerIdle = Ms(options.Timeouts.ServerIdle);
    public readonly long DrainDelay = Ms(options.Timeouts.DrainDelay);
    public readonly long Drain = Ms(options.Timeouts.Drain);

    public readonly HeadLimits RequestHead = new(options.Limits.MaxRequestHeadBytes, options.Limits.MaxRequestLineBytes, options.Limits.MaxFields);
    public readonly HeadLimits ReplyHead = new(options.Limits.MaxReplyHeadBytes, options.Limits.MaxReplyHeadBytes, options.Limits.MaxFields);
    public readonly int MaxPipelinedRequests = options.Limits.MaxPipelinedRequests;
    public readonly long MaxPipelinedBytes = options.Limits.MaxPipelinedBytes;
    public readonly int MaxConnections = options.Limits.MaxConnections;

    /// <summary>The largest head of either side.</summary>
    public int MaxHeadBytes => Math.Max(RequestHead.MaxBytes, ReplyHead.MaxBytes);

    public readonly PeerRule Peers = new(options.Forwarded);

    internal static long Ms(TimeSpan time) => (long)time.TotalMilliseconds;
}
