using Cmi.Forwarding;
using Cmi.Http1;

namespace Cmi.Engine;

/// <summary>The options as the engine uses them: read once, in milliseconds and bytes. Immutable.</summary>
internal sealed class EngineSettings(CmiOptions options)
{
    /// <summary>How long a connection that was closed after its last reply is drained, so that this reply arrives (RFC 9112 §9.6).</summary>
    public const long LingerMs = 2_000;

    /// <summary>How long a starved reply waits for room before the youngest that is held gives way.</summary>
    public const long StarvedMs = 1_000;

    /// <summary>The largest reply that leaves from the loop's own memory, without the buffer store.</summary>
    public const int MaxDirectBytes = 16 * 1024;

    /// <summary>What 503 replies say in Retry-After.</summary>
    public const int RetryAfterSeconds = 1;

    public readonly long ClientHead = Ms(options.Timeouts.ClientHead);
    public readonly long ClientContent = Ms(options.Timeouts.ClientContent);
    public readonly long ClientIdle = Ms(options.Timeouts.ClientIdle);
    public readonly long ClientSend = Ms(options.Timeouts.ClientSend);
    public readonly long ServerConnect = Ms(options.Timeouts.ServerConnect);
    public readonly long ServerHead = Ms(options.Timeouts.ServerHead);
    public readonly long ServerContent = Ms(options.Timeouts.ServerContent);
    public readonly long ServerIdle = Ms(options.Timeouts.ServerIdle);
    public readonly long Queue = Ms(options.Timeouts.Queue);
    public readonly long Exchange = Ms(options.Timeouts.Exchange);
    public readonly long Tunnel = Ms(options.Timeouts.Tunnel);
    public readonly TimeSpan Drain = options.Timeouts.Drain;

    public readonly HeadLimits RequestHead = new(options.Limits.MaxRequestHeadBytes, options.Limits.MaxRequestLineBytes, options.Limits.MaxFields);
    public readonly HeadLimits ReplyHead = new(options.Limits.MaxReplyHeadBytes, options.Limits.MaxReplyHeadBytes, options.Limits.MaxFields);
    public readonly long MaxRequestContentBytes = options.Limits.MaxRequestContentBytes;
    public readonly int MaxPipelinedRequests = options.Limits.MaxPipelinedRequests;
    public readonly long MaxPipelinedBytes = options.Limits.MaxPipelinedBytes;
    public readonly int MaxInterimResponses = options.Limits.MaxInterimResponses;
    public readonly int MaxConnections = options.Limits.MaxConnections;
    public readonly int MaxIdleServerConnections = options.Servers.MaxIdleConnections;

    public readonly int Attempts = options.Retry.Attempts;
    public readonly CommitMode ReplyCommit = options.Reply.Commit;
    public readonly long ReplyHoldBytes = options.Reply.HoldBytes;
    public readonly long ReplyHoldTime = Ms(options.Reply.HoldTime);
    public readonly bool TrustFin = options.Reply.TrustClose == CloseTrust.Fin;
    public readonly CommitMode RequestCommit = options.Request.Commit;
    public readonly long RequestHoldBytes = options.Request.HoldBytes;
    public readonly long RequestHoldTime = Ms(options.Request.HoldTime);
    public readonly bool Distribute = options.Pipelining.Distribute == Distribution.Safe;
    public readonly bool AlwaysStore = options.Buffers.Always;
    public readonly PeerRule Peers = new(options.Forwarded);

    private static long Ms(TimeSpan time) => (long)time.TotalMilliseconds;
}
