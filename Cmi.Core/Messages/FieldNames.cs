using System.Text;

namespace Cmi.Messages;

/// <summary>Recognises field names. Threading: any thread.</summary>
internal static class FieldNames
{
    /// <summary>Names a field; its bytes are compared without case (RFC 9110 §5.1), and only with names of the same length.</summary>
    public static FieldName Parse(ReadOnlySpan<byte> name) => name.Length switch
    {
        2 => Is(name, "te"u8, FieldName.Te),
        3 => Is(name, "via"u8, FieldName.Via),
        4 => Either(name, "host"u8, FieldName.Host, "date"u8, FieldName.Date),
        6 => Either(name, "cookie"u8, FieldName.Cookie, "expect"u8, FieldName.Expect),
        7 => Either(name, "upgrade"u8, FieldName.Upgrade, "trailer"u8, FieldName.Trailer),
        9 => Is(name, "forwarded"u8, FieldName.Forwarded),
        10 => (name[0] | 0x20) == 't'
            ? Is(name, "tracestate"u8, FieldName.TraceState)
            : Either(name, "connection"u8, FieldName.Connection, "keep-alive"u8, FieldName.KeepAlive),
        11 => Either(name, "retry-after"u8, FieldName.RetryAfter, "traceparent"u8, FieldName.TraceParent),
        12 => Either(name, "content-type"u8, FieldName.ContentType, "max-forwards"u8, FieldName.MaxForwards),
        13 => Is(name, "authorization"u8, FieldName.Authorization),
        14 => Either(name, "content-length"u8, FieldName.ContentLength, "http2-settings"u8, FieldName.Http2Settings),
        15 => Is(name, "x-forwarded-for"u8, FieldName.XForwardedFor),
        16 => Either(name, "x-forwarded-host"u8, FieldName.XForwardedHost, "proxy-connection"u8, FieldName.ProxyConnection),
        17 => (name[0] | 0x20) == 't'
            ? Is(name, "transfer-encoding"u8, FieldName.TransferEncoding)
            : Either(name, "x-forwarded-proto"u8, FieldName.XForwardedProto, "x-accel-buffering"u8, FieldName.XAccelBuffering),
        18 => Is(name, "proxy-authenticate"u8, FieldName.ProxyAuthenticate),
        19 => Is(name, "proxy-authorization"u8, FieldName.ProxyAuthorization),
        _ => FieldName.Other,
    };

    private static FieldName Is(ReadOnlySpan<byte> name, ReadOnlySpan<byte> known, FieldName answer) =>
        Ascii.EqualsIgnoreCase(name, known) ? answer : FieldName.Other;

    private static FieldName Either(
        ReadOnlySpan<byte> name, ReadOnlySpan<byte> first, FieldName ifFirst, ReadOnlySpan<byte> second, FieldName ifSecond) =>
        Ascii.EqualsIgnoreCase(name, first) ? ifFirst : Is(name, second, ifSecond);
}
