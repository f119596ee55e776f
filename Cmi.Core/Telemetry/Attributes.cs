using Cmi.Messages;

namespace Cmi.Telemetry;

/// <summary>
/// The values of attributes, made once, so that recording allocates nothing. Each has few values: nothing that a client can choose becomes one.
/// Names and rules are those of OpenTelemetry's semantic conventions for HTTP. <para>Threading: any thread.</para>
/// </summary>
internal static class Attributes
{
    public const string RequestMethod = "http.request.method";
    public const string StatusCode = "http.response.status_code";
    public const string ErrorType = "error.type";
    public const string ServerAddress = "server.address";
    public const string ServerPort = "server.port";
    public const string Scheme = "url.scheme";
    public const string ProtocolVersion = "network.protocol.version";
    public const string ConnectionState = "http.connection.state";
    public const string Group = "cmi.group";

    /// <summary>An error of no known kind, or a method that is not of RFC 9110 or RFC 5789.</summary>
    public const string Other = "_OTHER";

    private const int FirstStatus = 100, LastStatus = 999;

    private static readonly string[] Methods = [Other, "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    private static readonly object[] Statuses = [.. Enumerable.Range(FirstStatus, LastStatus - FirstStatus + 1).Select(status => (object)status)];
    private static readonly string[] StatusTexts =
        [.. Enumerable.Range(FirstStatus, LastStatus - FirstStatus + 1).Select(status => status.ToString(System.Globalization.CultureInfo.InvariantCulture))];

    public static string Of(Method method) => Methods[(int)method];

    public static string Version(int minorVersion) => minorVersion == 0 ? "1.0" : "1.1";

    /// <summary>A status code, 100 to 999, as a number.</summary>
    public static object Status(int status) => Statuses[status - FirstStatus];

    /// <summary>A status code, 100 to 999, as a text: what <see cref="ErrorType"/> says of a reply that tells of an error.</summary>
    public static string StatusText(int status) => StatusTexts[status - FirstStatus];

    /// <summary>What <see cref="ErrorType"/> says of an attempt that failed.</summary>
    public static string Of(AttemptFault fault) => fault switch
    {
        AttemptFault.ConnectFailed => "connect_failed",
        AttemptFault.ConnectTimeout => "connect_timeout",
        AttemptFault.StaleConnection => "stale_connection",
        AttemptFault.ConnectionLost => "connection_lost",
        AttemptFault.HeadTimeout => "head_timeout",
        AttemptFault.ContentTimeout => "content_timeout",
        AttemptFault.ExchangeTimeout => "exchange_timeout",
        AttemptFault.BadReply => "bad_reply",
        AttemptFault.StoreFailed => "store_failed",
        _ => Other,
    };
}

/// <summary>Why an attempt at a server came to nothing.</summary>
internal enum AttemptFault : byte
{
    /// <summary>The server could not be reached.</summary>
    ConnectFailed,

    /// <summary>It did not accept a connection in time.</summary>
    ConnectTimeout,

    /// <summary>A pooled connection ended as the request was written, before a byte of a reply.</summary>
    StaleConnection,

    /// <summary>The connection ended or broke before the reply was whole.</summary>
    ConnectionLost,

    /// <summary>No reply head came in time.</summary>
    HeadTimeout,

    /// <summary>No further content came in time.</summary>
    ContentTimeout,

    /// <summary>The time for all attempts was over.</summary>
    ExchangeTimeout,

    /// <summary>What came is no HTTP reply, or none to this request.</summary>
    BadReply,

    /// <summary>Not the server's fault: the buffer store failed.</summary>
    StoreFailed,
}
