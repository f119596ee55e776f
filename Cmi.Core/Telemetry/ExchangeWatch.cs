using System.Diagnostics;
using Cmi.Engine;
using Cmi.Http1;
using Cmi.Messages;

namespace Cmi.Telemetry;

/// <summary>
/// What is noted of one exchange for metrics, its trace and the access log, while somebody wants any of them; else there is none. Reused:
/// <see cref="Begin"/> to <see cref="End"/> is one life. <para>Threading: the loop of its exchange.</para>
/// </summary>
internal sealed class ExchangeWatch(EngineTelemetry telemetry, TimeProvider time)
{
    private const long NotYet = -1;

    // Readings of the clock.
    private long _began, _asked, _whole, _leaves;
    private TimeSpan _head, _content, _queue, _connect, _serverHead, _serverContent, _held, _heldBack;
    private Activity? _span;
    private AttemptNotes _attempt = new();                          // the one that the exchange has in hand
    private AttemptNotes? _aside;
    private string? _group;
    private string? _failure;                                       // of the last attempt that failed
    private Method _method;
    private int _attempts, _resumes, _hedges;

    /// <summary>Whether the exchange is traced, so that the trace fields of its client are not passed on but written anew for each attempt.</summary>
    public bool IsTraced => _span is not null;

    /// <summary>Bytes of the request's content; kept by the exchange.</summary>
    public long RequestBytes { get; set; }

    /// <summary>An exchange begins.</summary>
    /// <param name="method">The request's method.</param>
    /// <param name="headWait">How long its head took to arrive.</param>
    public void Begin(Method method, TimeSpan headWait)
    {
        _began = time.GetTimestamp();
        _asked = _whole = _leaves = NotYet;
        _content = _queue = _connect = _serverHead = _serverContent = _held = _heldBack = default;
        (_method, _head, RequestBytes, _attempts, _resumes, _hedges) = (method, headWait, 0, 0, 0, 0);
        (_span, _group, _failure) = (null, null, null);
        _attempt.Reset();
    }

    /// <summary>Its head could be read; a trace begins or goes on if there is a listener for it.</summary>
    public void HeadRead(RequestHead head, ReadOnlySpan<byte> peer)
    {
        if (telemetry.IsTracing) _span = CmiTracing.StartExchange(head, peer, time.GetUtcNow());
    }

    /// <summary>It asks for a server, or asks again.</summary>
    public void Asks(string group)
    {
        _asked = time.GetTimestamp();
        if (_attempts == 0) _content = time.GetElapsedTime(_began, _asked);
        _group = group;
    }

    /// <summary>It was granted a server: an attempt begins.</summary>
    /// <param name="server">The server.</param>
    /// <param name="isHedge">Whether another attempt goes on beside it.</param>
    public void AttemptBegins(ServerLabels server, bool isHedge)
    {
        _attempt.Reset();
        _attempt.Granted = time.GetTimestamp();
        LeavesQueue(granted: true, _attempt.Granted);
        (_attempt.Server, _attempt.IsOpen, _failure) = (server, true, null);
        if (_span is { } span) _attempt.Span = CmiTracing.StartAttempt(span, _method, server, _attempts, time.GetUtcNow());
        _attempts++;
        if (!isHedge) return;
        _hedges++;
        _attempt.Span?.SetTag("cmi.hedge", true);
    }

    /// <summary>The exchange takes its other attempt in hand: what is told from here on is of that one.</summary>
    public void Swap() => (_attempt, _aside) = (_aside ?? new(), _attempt);

    /// <summary>It has a connection to its server.</summary>
    public void Connected()
    {
        _attempt.Connected = time.GetTimestamp();
        _connect += time.GetElapsedTime(_attempt.Granted, _attempt.Connected);
    }

    /// <summary>Writes the fields by which the server's spans find theirs, if the exchange is traced.</summary>
    public void WriteTraceFields(HeadBuffer into)
    {
        if ((_attempt.Span ?? _span) is { } parent) CmiTracing.WriteFields(into, parent);
    }

    /// <summary>The head of the reply has come.</summary>
    public void ReplyHeadCame()
    {
        _attempt.HeadCame = time.GetTimestamp();
        _serverHead = time.GetElapsedTime(_attempt.Connected, _attempt.HeadCame);
    }

    /// <summary>The attempt has failed, whatever follows.</summary>
    public void AttemptFailed(AttemptFault fault, string reason)
    {
        _failure = reason;
        AttemptEnds(0, Attributes.Of(fault), reason);
    }

    /// <summary>The server is free again: the reply is whole, the attempt failed, or nobody wants it any more.</summary>
    /// <param name="status">The reply's status code; 0: there is none.</param>
    /// <param name="error">Why the attempt is an error; <see langword="null"/>: it is none, unless its status code says so.</param>
    /// <param name="reason">The same in words.</param>
    public void AttemptEnds(int status, string? error, string? reason)
    {
        if (!_attempt.IsOpen) return;
        _attempt.IsOpen = false;
        var now = time.GetTimestamp();
        if (_attempt.Connected != NotYet)
        {
            var held = time.GetElapsedTime(_attempt.Connected, now);
            _held += held;
            telemetry.Metrics.ServerReleased(_attempt.Server!, _group!, held);
        }
        if (error is null)
        {
            _whole = now;
            if (_attempt.HeadCame != NotYet) _serverContent = time.GetElapsedTime(_attempt.HeadCame, now);
            if (status >= 400) error = Attributes.StatusText(status);
        }
        telemetry.Metrics.AttemptEnded(_method, _attempt.Server!, status, error, _group!, time.GetElapsedTime(_attempt.Granted, now));
        if (_attempt.Span is not { } span) return;
        _attempt.Span = null;
        CmiTracing.End(span, status, error, reason, time.GetUtcNow());
    }

    /// <summary>The reply begins to leave for the client.</summary>
    public void Leaves()
    {
        _leaves = time.GetTimestamp();
        // A reply that was whole before waited for its turn; one that flows waited for its commit point.
        _heldBack = Since(_whole != NotYet ? _whole : _attempt.HeadCame, _leaves);
    }

    /// <summary>Another server goes on with the reply.</summary>
    /// <param name="offset">Behind how many bytes of its content.</param>
    public void Resumed(long offset)
    {
        _resumes++;
        _attempt.Span?.SetTag("cmi.reply.resumed_at", offset);
    }

    /// <summary>The exchange has ended: metrics, trace and access log are told.</summary>
    public void End(in ExchangeEnding ending)
    {
        var now = time.GetTimestamp();
        LeavesQueue(granted: false, now);
        var total = time.GetElapsedTime(_began, now);
        var error = ending.End switch
        {
            ExchangeEnd.NoReply => "client_left",
            ExchangeEnd.Cut => "reply_cut",
            _ => ending.Status >= 500 ? Attributes.StatusText(ending.Status) : null,
        };
        var sent = _leaves == NotYet ? 0 : ending.Status;
        telemetry.Metrics.ExchangeEnded(_method, ending.ClientMinorVersion, sent, error, _group, total, RequestBytes, ending.ReplyBytes);
        if (_whole != NotYet && ending.End == ExchangeEnd.Whole) telemetry.Metrics.ClientDrained(_group!, time.GetElapsedTime(_whole, now));
        var traceId = _span?.TraceId.ToHexString();
        if (_span is { } span)
        {
            _span = null;
            CmiTracing.End(span, sent, error, ending.Reason, time.GetUtcNow());
        }
        if (telemetry.AccessLog is null) return;
        telemetry.Log(new()
        {
            Time = time.GetUtcNow(), Id = ending.Id, Client = ending.Client, RequestHead = ending.RequestHead,
            ClientMinorVersion = ending.ClientMinorVersion, Status = ending.Status, RequestBytes = RequestBytes, ReplyBytes = ending.ReplyBytes,
            Group = _group, Server = _attempt.Server?.Text, Attempts = _attempts, Resumes = _resumes, Hedges = _hedges, End = ending.End,
            Reason = ending.End == ExchangeEnd.Whole ? "" : _failure ?? ending.Reason, TraceId = traceId,
            Times = new(_head, _content, _queue, _connect, _serverHead, _serverContent, _held, _heldBack, Since(_leaves, now), total),
        });
    }

    /// <summary>What is noted of one attempt.</summary>
    private sealed class AttemptNotes
    {
        public long Granted, Connected, HeadCame;                   // readings of the clock
        public Activity? Span;
        public ServerLabels? Server;
        public bool IsOpen;

        public void Reset() => (Granted, Connected, HeadCame, Span, Server, IsOpen) = (NotYet, NotYet, NotYet, null, null, false);
    }

    private TimeSpan Since(long then, long now) => then == NotYet ? default : time.GetElapsedTime(then, now);

    private void LeavesQueue(bool granted, long now)
    {
        if (_asked == NotYet) return;
        var wait = time.GetElapsedTime(_asked, now);
        _asked = NotYet;
        _queue += wait;
        telemetry.Metrics.QueueLeft(_group!, granted, wait);
    }
}

/// <summary>What an exchange knows of its end.</summary>
internal readonly ref struct ExchangeEnding
{
    public long Id { get; init; }
    public ExchangeEnd End { get; init; }
    public string Reason { get; init; }
    public int Status { get; init; }
    public int ClientMinorVersion { get; init; }
    public long ReplyBytes { get; init; }
    public ReadOnlySpan<byte> Client { get; init; }
    public ReadOnlySpan<byte> RequestHead { get; init; }
}
