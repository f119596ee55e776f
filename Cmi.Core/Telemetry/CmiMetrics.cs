using System.Diagnostics;
using System.Diagnostics.Metrics;
using Cmi.Messages;

namespace Cmi.Telemetry;

/// <summary>
/// The meter <c>Cmi</c>: histograms that loops record into while somebody listens, and, in its other half, instruments that are only looked at when
/// somebody asks, from counters that each loop keeps for itself. Every instrument has its row in <c>docs/metrics.md</c>.
/// <para>Threading: any thread.</para>
/// </summary>
internal sealed partial class CmiMetrics : IDisposable
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "Cmi";

    // OpenTelemetry's advice for HTTP durations, in seconds.
    private static readonly InstrumentAdvice<double> HttpSeconds =
        new() { HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] };

    // For waits, which should be short, and for connections, which may be held for long.
    private static readonly InstrumentAdvice<double> Seconds =
        new() { HistogramBucketBoundaries = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300] };

    private static readonly InstrumentAdvice<long> Bytes =
        new() { HistogramBucketBoundaries = [0, 128, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 16_777_216, 268_435_456, 1_073_741_824] };

    private readonly Meter _meter;
    private readonly bool _ownsMeter;
    private readonly CmiEngine _engine;
    private readonly Histogram<double> _requestDuration, _attemptDuration, _connectionDuration, _queueWait, _serverHeld, _clientDrain;
    private readonly Histogram<long> _requestSize, _replySize;
    private readonly Histogram<double>[] _perExchange;

    /// <param name="factory">Makes the meter, which then is the host's; <see langword="null"/>: it is made here.</param>
    /// <param name="engine">Whose counters are told.</param>
    public CmiMetrics(IMeterFactory? factory, CmiEngine engine)
    {
        var options = new MeterOptions(MeterName) { Version = typeof(CmiMetrics).Assembly.GetName().Version?.ToString(3) };
        (_meter, _ownsMeter, _engine) = (factory?.Create(options) ?? new Meter(options), factory is null, engine);
        _requestDuration = _meter.CreateHistogram("http.server.request.duration", "s",
            "From the head of a request to the last byte of its reply that the client's connection took.", null, HttpSeconds);
        _requestSize = _meter.CreateHistogram("http.server.request.body.size", "By", "Content of requests.", null, Bytes);
        _replySize = _meter.CreateHistogram("http.server.response.body.size", "By", "Content of replies that clients' connections took.", null, Bytes);
        _attemptDuration = _meter.CreateHistogram("http.client.request.duration", "s",
            "One attempt at a server, from the grant to the proven end of the reply, or to its failure.", null, HttpSeconds);
        _connectionDuration = _meter.CreateHistogram("http.client.connection.duration", "s", "How long connections to servers were open.", null, Seconds);
        _queueWait = _meter.CreateHistogram("cmi.queue.wait", "s", "How long requests waited for a grant, or for its refusal.", null, Seconds);
        _serverHeld = _meter.CreateHistogram("cmi.server.held", "s",
            "How long an attempt held a server's connection: until it was given back or closed, however slow the client.", null, Seconds);
        _clientDrain = _meter.CreateHistogram("cmi.client.drain", "s",
            "From the proven end of a reply to the last byte that its client took: how long no server was held for it any more.", null, Seconds);
        _perExchange = [_requestDuration, _attemptDuration, _queueWait, _serverHeld, _clientDrain];
        CreateObserved();
    }

    /// <summary>Whether anybody listens to what exchanges record.</summary>
    public bool IsRecording
    {
        get
        {
            foreach (var histogram in _perExchange)
                if (histogram.Enabled) return true;
            return _requestSize.Enabled || _replySize.Enabled;
        }
    }

    /// <summary>An exchange has ended.</summary>
    /// <param name="method">Its method.</param>
    /// <param name="minorVersion">The client's version.</param>
    /// <param name="status">The status code that the client got; 0: none.</param>
    /// <param name="error">Why it is an error; <see langword="null"/>: it is none.</param>
    /// <param name="group">The server group; <see langword="null"/>: none was asked.</param>
    /// <param name="duration">How long it took.</param>
    /// <param name="requestBytes">Content of the request.</param>
    /// <param name="replyBytes">Content of the reply.</param>
    public void ExchangeEnded(Method method, int minorVersion, int status, string? error, string? group, TimeSpan duration, long requestBytes, long replyBytes)
    {
        if (!_requestDuration.Enabled && !_requestSize.Enabled && !_replySize.Enabled) return;
        var tags = new TagList { { Attributes.RequestMethod, Attributes.Of(method) }, { Attributes.Scheme, "http" } };
        tags.Add(Attributes.ProtocolVersion, Attributes.Version(minorVersion));
        if (status != 0) tags.Add(Attributes.StatusCode, Attributes.Status(status));
        if (error is not null) tags.Add(Attributes.ErrorType, error);
        if (group is not null) tags.Add(Attributes.Group, group);
        _requestDuration.Record(duration.TotalSeconds, tags);
        _requestSize.Record(requestBytes, tags);
        _replySize.Record(replyBytes, tags);
    }

    /// <summary>An attempt has ended.</summary>
    public void AttemptEnded(Method method, ServerLabels server, int status, string? error, string group, TimeSpan duration)
    {
        if (!_attemptDuration.Enabled) return;
        var tags = new TagList { { Attributes.RequestMethod, Attributes.Of(method) }, { Attributes.Scheme, "http" } };
        server.AddTo(ref tags);
        if (status != 0) tags.Add(Attributes.StatusCode, Attributes.Status(status));
        if (error is not null) tags.Add(Attributes.ErrorType, error);
        tags.Add(Attributes.Group, group);
        _attemptDuration.Record(duration.TotalSeconds, tags);
    }

    /// <summary>A connection to a server was closed.</summary>
    public void ServerConnectionClosed(ServerLabels server, double seconds)
    {
        if (_connectionDuration.Enabled) _connectionDuration.Record(seconds, TagsOf(server));
    }

    /// <summary>A wait for a grant is over.</summary>
    public void QueueLeft(string group, bool granted, TimeSpan wait)
    {
        if (!_queueWait.Enabled) return;
        _queueWait.Record(wait.TotalSeconds, new TagList { { Attributes.Group, group }, { "cmi.queue.outcome", granted ? "granted" : "refused" } });
    }

    /// <summary>A server's connection is no longer held.</summary>
    public void ServerReleased(ServerLabels server, string group, TimeSpan held)
    {
        if (!_serverHeld.Enabled) return;
        var tags = TagsOf(server);
        tags.Add(Attributes.Group, group);
        _serverHeld.Record(held.TotalSeconds, tags);
    }

    /// <summary>The client has taken what was left when its server was free again.</summary>
    public void ClientDrained(string group, TimeSpan time)
    {
        if (_clientDrain.Enabled) _clientDrain.Record(time.TotalSeconds, new TagList { { Attributes.Group, group } });
    }

    /// <summary>Ends the meter, unless it is the host's.</summary>
    public void Dispose()
    {
        if (_ownsMeter) _meter.Dispose();
    }

    private static TagList TagsOf(ServerLabels server)
    {
        var tags = new TagList();
        server.AddTo(ref tags);
        return tags;
    }
}
