using System.Diagnostics;
using System.Text;
using Cmi.Http1;
using Cmi.Messages;

namespace Cmi.Telemetry;

/// <summary>
/// The activity source <c>Cmi</c>, and the trace context of W3C (https://www.w3.org/TR/trace-context/) in and out of heads. A server span stands for an
/// exchange, below it a client span for each attempt. Without a listener nothing here is called, and the fields pass untouched.
/// <para>Threading: any thread. No span is left as the current one: what runs on a loop next belongs to another exchange.</para>
/// </summary>
internal static class CmiTracing
{
    /// <summary>The name of the activity source.</summary>
    public const string SourceName = "Cmi";

    private const int MaxStateChars = 512;                          // §3.3.1.5: what must be passed on; more may be dropped, and is, whole

    public static ActivitySource Source { get; } = new(SourceName, typeof(CmiTracing).Assembly.GetName().Version?.ToString(3));

    /// <summary>Begins the span of an exchange, with the client's span above it if its fields name one.</summary>
    /// <returns><see langword="null"/>: it is not sampled, and the client's fields are to pass untouched.</returns>
    public static Activity? StartExchange(RequestHead head, ReadOnlySpan<byte> peer, DateTimeOffset now)
    {
        var method = Attributes.Of(head.Method);
        var name = head.Method == Method.Other ? "HTTP" : method;
        var span = Source.CreateActivity(name, ActivityKind.Server, ParentOf(head.Fields), SamplingTags(method, head), links: null, ActivityIdFormat.W3C);
        if (span is null) return null;
        Start(span, now);
        if (!span.IsAllDataRequested) return span;
        if (head.Method == Method.Other) span.SetTag("http.request.method_original", Encoding.Latin1.GetString(head.MethodBytes));
        span.SetTag(Attributes.ProtocolVersion, Attributes.Version(head.MinorVersion));
        if (!peer.SequenceEqual("unknown"u8)) span.SetTag("client.address", Encoding.Latin1.GetString(peer));
        if (!head.Authority.IsEmpty) SetAuthority(span, Encoding.Latin1.GetString(head.Authority));
        return span;
    }

    /// <summary>Begins the span of an attempt.</summary>
    /// <returns><see langword="null"/>: it is not sampled.</returns>
    public static Activity? StartAttempt(Activity exchange, Method method, ServerLabels server, int resend, DateTimeOffset now)
    {
        var name = method == Method.Other ? "HTTP" : Attributes.Of(method);
        var span = Source.CreateActivity(name, ActivityKind.Client, exchange.Context, tags: null, links: null, ActivityIdFormat.W3C);
        if (span is null) return null;
        Start(span, now);
        if (!span.IsAllDataRequested) return span;
        span.SetTag(Attributes.RequestMethod, Attributes.Of(method));
        span.SetTag(Attributes.ServerAddress, server.Address);
        if (server.Port is not null) span.SetTag(Attributes.ServerPort, server.Port);
        span.SetTag(Attributes.Scheme, "http");
        span.SetTag(Attributes.ProtocolVersion, "1.1");
        if (resend > 0) span.SetTag("http.request.resend_count", resend);
        return span;
    }

    /// <summary>Ends a span.</summary>
    /// <param name="span">The span.</param>
    /// <param name="status">The status code of the reply; 0: none.</param>
    /// <param name="error">What went wrong; <see langword="null"/>: nothing.</param>
    /// <param name="reason">The same in words.</param>
    /// <param name="now">When.</param>
    public static void End(Activity span, int status, string? error, string? reason, DateTimeOffset now)
    {
        if (span.IsAllDataRequested)
        {
            if (status != 0) span.SetTag(Attributes.StatusCode, Attributes.Status(status));
            if (error is not null)
            {
                span.SetTag(Attributes.ErrorType, error);
                // The code tells enough where there is one.
                span.SetStatus(ActivityStatusCode.Error, status == 0 ? reason : null);
            }
        }
        span.SetEndTime(now.UtcDateTime);
        var current = Activity.Current;
        span.Stop();
        Activity.Current = current;
    }

    /// <summary>Writes the fields that make a span the parent of what the server does.</summary>
    public static void WriteFields(HeadBuffer into, Activity span)
    {
        into.Append("traceparent: "u8);
        into.AppendText(span.Id!);
        into.AppendLineEnd();
        if (span.TraceStateString is not { Length: > 0 } state) return;
        into.Append("tracestate: "u8);
        into.AppendText(state);
        into.AppendLineEnd();
    }

    // §3.2.1: a traceparent that is malformed, or there twice, is as good as none, and its tracestate goes with it: a new trace begins.
    private static ActivityContext ParentOf(FieldSection fields)
    {
        if (!fields.Has(FieldName.TraceParent) || fields.HasRepeated(FieldName.TraceParent)) return default;
        var parent = Encoding.Latin1.GetString(fields.First(FieldName.TraceParent));
        return ActivityContext.TryParse(parent, StateOf(fields), isRemote: true, out var context) ? context : default;
    }

    // §3.3: several lines are one list. It is passed on as it came; what is no tracestate must not get any further.
    private static string? StateOf(FieldSection fields)
    {
        if (!fields.Has(FieldName.TraceState)) return null;
        var state = "";
        for (var i = 0; i < fields.Count; i++)
        {
            var field = fields[i];
            if (field.Name != FieldName.TraceState) continue;
            var value = fields.ValueOf(field);
            if (value.ContainsAnyExceptInRange((byte)0x20, (byte)0x7E)) return null;
            if (!value.IsEmpty) state += (state.Length > 0 ? "," : "") + Encoding.ASCII.GetString(value);
        }
        return state.Length is > 0 and <= MaxStateChars ? state : null;
    }

    private static KeyValuePair<string, object?>[] SamplingTags(string method, RequestHead head)
    {
        var target = head.PathAndQuery;
        var query = target.IndexOf((byte)'?');
        return
        [
            new(Attributes.RequestMethod, method), new(Attributes.Scheme, "http"),
            new("url.path", Encoding.Latin1.GetString(query < 0 ? target : target[..query])),
        ];
    }

    private static void SetAuthority(Activity span, string authority)
    {
        var colon = authority.LastIndexOf(':');
        if (colon > authority.LastIndexOf(']') && int.TryParse(authority.AsSpan(colon + 1), System.Globalization.NumberStyles.None, null, out var port))
        {
            span.SetTag(Attributes.ServerPort, port);
            authority = authority[..colon];
        }
        span.SetTag(Attributes.ServerAddress, authority);
    }

    private static void Start(Activity span, DateTimeOffset now)
    {
        var current = Activity.Current;
        span.SetStartTime(now.UtcDateTime);
        span.Start();
        Activity.Current = current;
    }
}
