namespace Cmi;

/// <summary>How long each wait of an exchange may last. <para>Threading: as <see cref="CmiOptions"/>.</para></summary>
public abstract class RouteTimeoutOptions
{
    private TimeSpan? _clientContent, _serverConnect, _serverHead, _serverContent, _queue, _exchange, _tunnel;

    private protected RouteTimeoutOptions()
    {
    }

    internal RouteTimeoutOptions? Inherited { get; init; }

    /// <summary>Between two reads of request content. Then 408, and the connection is closed.</summary>
    /// <value>30 s by default; above 0, at most 1 day.</value>
    public TimeSpan ClientContent
    {
        get => _clientContent ?? Inherited?.ClientContent ?? TimeSpan.FromSeconds(30);
        set => _clientContent = value;
    }

    /// <summary>Dialling a server. Then another attempt, or 504.</summary>
    /// <value>2 s by default; above 0, at most 1 day.</value>
    public TimeSpan ServerConnect
    {
        get => _serverConnect ?? Inherited?.ServerConnect ?? TimeSpan.FromSeconds(2);
        set => _serverConnect = value;
    }

    /// <summary>From the last progress in sending a request to the reply's head. Then another attempt, or 504.</summary>
    /// <value>60 s by default; above 0, at most 1 day.</value>
    public TimeSpan ServerHead
    {
        get => _serverHead ?? Inherited?.ServerHead ?? TimeSpan.FromSeconds(60);
        set => _serverHead = value;
    }

    /// <summary>Between two reads of reply content. Then another attempt, or 504; of a reply that had begun to leave another server gives the rest, or the client sees the cut.</summary>
    /// <value>30 s by default; above 0, at most 1 day.</value>
    public TimeSpan ServerContent
    {
        get => _serverContent ?? Inherited?.ServerContent ?? TimeSpan.FromSeconds(30);
        set => _serverContent = value;
    }

    /// <summary>The longest wait for a server to have a slot free. Then 503 with Retry-After.</summary>
    /// <value>10 s by default; above 0, at most 1 day.</value>
    public TimeSpan Queue
    {
        get => _queue ?? Inherited?.Queue ?? TimeSpan.FromSeconds(10);
        set => _queue = value;
    }

    /// <summary>
    /// The whole exchange with the servers, all attempts, from the first ask for a server (or the last of a request that flows) until the reply
    /// begins to leave. Then 504. A reply that flows has only <see cref="ServerContent"/> above it, so that long downloads and event streams live.
    /// </summary>
    /// <value>120 s by default; above 0, at most 1 day.</value>
    public TimeSpan Exchange
    {
        get => _exchange ?? Inherited?.Exchange ?? TimeSpan.FromSeconds(120);
        set => _exchange = value;
    }

    /// <summary>Without a byte in either direction of a connection that has switched protocols (a WebSocket). Then both sides are reset.</summary>
    /// <value>1 h by default; above 0, at most 1 day.</value>
    public TimeSpan Tunnel
    {
        get => _tunnel ?? Inherited?.Tunnel ?? TimeSpan.FromHours(1);
        set => _tunnel = value;
    }
}

/// <summary>How long each wait may last. <para>Threading: as <see cref="CmiOptions"/>.</para></summary>
public sealed class TimeoutOptions : RouteTimeoutOptions
{
    /// <summary>The whole request head, from its first byte. Then 408, and the connection is closed.</summary>
    /// <value>10 s by default; above 0, at most 1 day.</value>
    public TimeSpan ClientHead { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>A kept-alive connection without a request. Then it is closed.</summary>
    /// <value>60 s by default; above 0, at most 1 day.</value>
    public TimeSpan ClientIdle { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Without any progress in sending a reply. Then the connection is reset.</summary>
    /// <value>30 s by default; above 0, at most 1 day.</value>
    public TimeSpan ClientSend { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>A pooled connection to a server. Then it is closed.</summary>
    /// <value>30 s by default; above 0, at most 1 day.</value>
    public TimeSpan ServerIdle { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// At shutdown, how long clients are still accepted, while the readiness check says no and every reply that its client's connection closes: time for a
    /// load balancer to notice. <see cref="Drain"/> follows.
    /// </summary>
    /// <value>0 by default: the drain begins at once; to 1 day.</value>
    public TimeSpan DrainDelay { get; set; }

    /// <summary>At shutdown, for requests whose head has arrived. Then they are cut.</summary>
    /// <value>30 s by default; from 0 to 1 day.</value>
    public TimeSpan Drain { get; set; } = TimeSpan.FromSeconds(30);
}
