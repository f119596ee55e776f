namespace Cmi;

/// <summary>
/// All settings of the engine, read once at start; the configuration section <c>Cmi</c> has the same names.
/// <para>Threading: set up by one thread before the start, only read after it.</para>
/// </summary>
public sealed class CmiOptions
{
    /// <summary>Where clients connect.</summary>
    /// <value>URLs such as <c>http://127.0.0.1:8080</c>; at least one.</value>
    public IList<string> Endpoints { get; } = [];

    /// <summary>The servers, and how they are shared.</summary>
    public ServerOptions Servers { get; } = new();

    /// <summary>How long each wait may last.</summary>
    public TimeoutOptions Timeouts { get; } = new();

    /// <summary>How large things may be.</summary>
    public LimitOptions Limits { get; } = new();

    /// <summary>When a request is tried again.</summary>
    public RetryOptions Retry { get; } = new();

    /// <summary>When a reply may leave for its client.</summary>
    public ReplyOptions Reply { get; } = new();

    /// <summary>When a request may leave for a server.</summary>
    public RequestOptions Request { get; } = new();

    /// <summary>What becomes of requests that a client stacks on one connection.</summary>
    public PipeliningOptions Pipelining { get; } = new();

    /// <summary>What servers are told of clients.</summary>
    public ForwardedOptions Forwarded { get; } = new();

    /// <summary>What goes through the buffer store.</summary>
    public BufferUseOptions Buffers { get; } = new();

    /// <summary>Adds a place where clients connect.</summary>
    /// <param name="url">Such as <c>http://127.0.0.1:8080</c>; port 0 picks a free one.</param>
    public void Listen(string url) => Endpoints.Add(url);

    /// <summary>Adds a server.</summary>
    /// <param name="url">Such as <c>http://10.0.0.11:9000</c>.</param>
    public void AddServer(string url) => Servers.Addresses.Add(url);
}

/// <summary>How a server is chosen.</summary>
public enum ServerSelection
{
    /// <summary>The one with the fewest requests in flight; the next in turn among equals.</summary>
    LeastJobs,

    /// <summary>The next in turn.</summary>
    RoundRobin,
}

/// <summary>The servers, and how they are shared. <para>Threading: as <see cref="CmiOptions"/>.</para></summary>
public sealed class ServerOptions
{
    /// <summary>The servers.</summary>
    /// <value>URLs such as <c>http://10.0.0.11:9000</c>; at least one, none twice.</value>
    public IList<string> Addresses { get; } = [];

    /// <summary>Requests in flight at one server, exact over all loops; the rest wait in the queue.</summary>
    /// <value>0 (the default): no limit; at most 1,000,000.</value>
    public int MaxRequests { get; set; }

    /// <summary>Open connections to one server, exact over all loops.</summary>
    /// <value>0: no limit; at most 1,000,000; by default <see cref="MaxRequests"/>.</value>
    public int? MaxConnections { get; set; }

    /// <summary>Idle connections that one loop keeps to one server.</summary>
    /// <value>256 by default; 0: connections are not reused; at most 65,536.</value>
    public int MaxIdleConnections { get; set; } = 256;

    /// <summary>How a server is chosen.</summary>
    /// <value><see cref="ServerSelection.LeastJobs"/> by default.</value>
    public ServerSelection Selection { get; set; }
}

/// <summary>How long each wait may last. <para>Threading: as <see cref="CmiOptions"/>.</para></summary>
public sealed class TimeoutOptions
{
    /// <summary>The whole request head, from its first byte. Then 408, and the connection is closed.</summary>
    /// <value>10 s by default; above 0, at most 1 day.</value>
    public TimeSpan ClientHead { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Between two reads of request content. Then 408, and the connection is closed.</summary>
    /// <value>30 s by default; above 0, at most 1 day.</value>
    public TimeSpan ClientContent { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>A kept-alive connection without a request. Then it is closed.</summary>
    /// <value>60 s by default; above 0, at most 1 day.</value>
    public TimeSpan ClientIdle { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Without any progress in sending a reply. Then the connection is reset.</summary>
    /// <value>30 s by default; above 0, at most 1 day.</value>
    public TimeSpan ClientSend { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Dialling a server. Then another attempt, or 504.</summary>
    /// <value>2 s by default; above 0, at most 1 day.</value>
    public TimeSpan ServerConnect { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>From the last progress in sending a request to the reply's head. Then another attempt, or 504.</summary>
    /// <value>60 s by default; above 0, at most 1 day.</value>
    public TimeSpan ServerHead { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Between two reads of reply content. Then another attempt, or 504, or a visible cut of a reply that had begun to leave.</summary>
    /// <value>30 s by default; above 0, at most 1 day.</value>
    public TimeSpan ServerContent { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>A pooled connection to a server. Then it is closed.</summary>
    /// <value>30 s by default; above 0, at most 1 day.</value>
    public TimeSpan ServerIdle { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The longest wait for a server to have a slot free. Then 503 with Retry-After.</summary>
    /// <value>10 s by default; above 0, at most 1 day.</value>
    public TimeSpan Queue { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The whole exchange with the servers, all attempts, from the first ask for a server (or the last of a request that flows) until the reply
    /// begins to leave. Then 504. A reply that flows has only <see cref="ServerContent"/> above it, so that long downloads and event streams live.
    /// </summary>
    /// <value>120 s by default; above 0, at most 1 day.</value>
    public TimeSpan Exchange { get; set; } = TimeSpan.FromSeconds(120);

    /// <summary>Without a byte in either direction of a connection that has switched protocols (a WebSocket). Then both sides are reset.</summary>
    /// <value>1 h by default; above 0, at most 1 day.</value>
    public TimeSpan Tunnel { get; set; } = TimeSpan.FromHours(1);

    /// <summary>At shutdown, for requests whose head has arrived. Then they are cut.</summary>
    /// <value>30 s by default; from 0 to 1 day.</value>
    public TimeSpan Drain { get; set; } = TimeSpan.FromSeconds(30);
}

/// <summary>How large things may be. <para>Threading: as <see cref="CmiOptions"/>.</para></summary>
public sealed class LimitOptions
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

    /// <summary>The content of a request. Beyond it 413.</summary>
    /// <value>Bytes; 1 GiB by default; 0 or more.</value>
    public long MaxRequestContentBytes { get; set; } = 1L << 30;

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

    /// <summary>Interim (1xx) responses to one request. Beyond it 502.</summary>
    /// <value>16 by default; from 1 to 1,000.</value>
    public int MaxInterimResponses { get; set; } = 16;
}

/// <summary>When a request is tried again. <para>Threading: as <see cref="CmiOptions"/>.</para></summary>
public sealed class RetryOptions
{
    /// <summary>Attempts in all, the first included. A reused connection that turns out to be stale does not count, once.</summary>
    /// <value>3 by default; from 1 (never again) to 10.</value>
    public int Attempts { get; set; } = 3;
}

/// <summary>When the first byte of a message may leave.</summary>
public enum CommitMode
{
    /// <summary>When it is whole until a size or a time is reached, whichever is first; then it flows.</summary>
    UpTo,

    /// <summary>Only when it is whole.</summary>
    Whole,

    /// <summary>With its head.</summary>
    Stream,
}

/// <summary>What proves a reply whole whose end is the end of the connection.</summary>
public enum CloseTrust
{
    /// <summary>A FIN (over TLS: a close_notify). A crash of the server can look like it.</summary>
    Fin,

    /// <summary>Nothing: such a reply is a 502, after retries.</summary>
    Never,
}

/// <summary>When a reply may leave for its client. <para>Threading: as <see cref="CmiOptions"/>.</para></summary>
public sealed class ReplyOptions
{
    /// <summary>
    /// When the first byte of a reply may leave; before that a failure is another attempt or a clean 502 or 504. Event streams, gRPC and replies with
    /// <c>X-Accel-Buffering: no</c> are always <see cref="CommitMode.Stream"/>.
    /// </summary>
    /// <value><see cref="CommitMode.UpTo"/> by default.</value>
    public CommitMode Commit { get; set; }

    /// <summary>With <see cref="CommitMode.UpTo"/>: the content beyond which a reply flows.</summary>
    /// <value>Bytes; 16 MiB by default; 0 or more.</value>
    public long HoldBytes { get; set; } = 16L << 20;

    /// <summary>With <see cref="CommitMode.UpTo"/>: the time since the head of the reply after which it flows, when its turn has come.</summary>
    /// <value>10 s by default; from 0 to 1 day.</value>
    public TimeSpan HoldTime { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>What proves a reply whole whose end is the end of the connection.</summary>
    /// <value><see cref="CloseTrust.Fin"/> by default.</value>
    public CloseTrust TrustClose { get; set; }
}

/// <summary>When a request may leave for a server. <para>Threading: as <see cref="CmiOptions"/>.</para></summary>
public sealed class RequestOptions
{
    /// <summary>When a request goes to a server; a slow uploader holds none before that.</summary>
    /// <value><see cref="CommitMode.UpTo"/> by default.</value>
    public CommitMode Commit { get; set; }

    /// <summary>With <see cref="CommitMode.UpTo"/>: the content beyond which a request flows.</summary>
    /// <value>Bytes; 16 MiB by default; 0 or more.</value>
    public long HoldBytes { get; set; } = 16L << 20;

    /// <summary>With <see cref="CommitMode.UpTo"/>: the time since the head of the request after which it flows.</summary>
    /// <value>10 s by default; from 0 to 1 day.</value>
    public TimeSpan HoldTime { get; set; } = TimeSpan.FromSeconds(10);
}

/// <summary>Which stacked requests are distributed.</summary>
public enum Distribution
{
    /// <summary>
    /// Runs of safe methods run side by side; any other waits for those before it, and those behind it wait for it (RFC 9112 §9.3.2).
    /// </summary>
    Safe,

    /// <summary>One after the other.</summary>
    Off,
}

/// <summary>What becomes of requests that a client stacks on one connection. <para>Threading: as <see cref="CmiOptions"/>.</para></summary>
public sealed class PipeliningOptions
{
    /// <summary>Which stacked requests are distributed.</summary>
    /// <value><see cref="Distribution.Safe"/> by default.</value>
    public Distribution Distribute { get; set; }
}

/// <summary>What goes through the buffer store. <para>Threading: as <see cref="CmiOptions"/>.</para></summary>
public sealed class BufferUseOptions
{
    /// <summary>Every reply with content goes through the store, even one that is whole in the loop's memory; for tests and auditing.</summary>
    /// <value><see langword="false"/> by default.</value>
    public bool Always { get; set; }
}
