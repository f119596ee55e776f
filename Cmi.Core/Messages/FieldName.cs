namespace Cmi.Messages;

/// <summary>The fields that something is decided by. All others are <see cref="Other"/> and pass unread.</summary>
internal enum FieldName : byte
{
    Other, Host, ContentLength, TransferEncoding, Connection, KeepAlive, ProxyConnection, Te, Trailer, Upgrade, Expect, Via, MaxForwards,
    Forwarded, XForwardedFor, XForwardedProto, XForwardedHost, ProxyAuthenticate, ProxyAuthorization, Authorization, Cookie,
    ContentType, Date, XAccelBuffering, RetryAfter, Http2Settings, TraceParent, TraceState,
}
