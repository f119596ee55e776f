using Cmi.Engine;
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

    /// <summary>What <see cref="ErrorType"/> says of an attempt that was given up since its client has left, or its reply is not wanted any more.</summary>
    public const string Abandoned = "abandoned";

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
        AttemptFault.CheckFailed => "check_failed",
        AttemptFault.BadStatus => "bad_status",
        AttemptFault.NotTheRest => "not_the_rest",
        AttemptFault.StoreFailed => "store_failed",
        _ => Other,
    };
}
