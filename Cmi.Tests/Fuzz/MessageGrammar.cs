using System.Globalization;

namespace Cmi.Tests.Fuzz;

/// <summary>Makes valid messages by the grammar of RFC 9112; what is wrong with them comes from <see cref="Mutator"/>.</summary>
internal sealed class MessageGrammar(Random random)
{
    /// <summary>Stands in replies for what tells which request they answer: whoever sends the reply fills it in.</summary>
    public const string Mark = "@@@@@@@@";

    private const string ContentOctets = "abc 01\r\n:;\0\u00ffGET / HTTP/1.1\r\nHost: x\r\n\r\n0\r\n\r\n";

    private static readonly string[] Methods =
        ["GET", "GET", "GET", "HEAD", "POST", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW", "get", "M-SEARCH", "!#$%&'*+.^_`|~"];

    private static readonly string[] Targets =
        ["/", "/", "/a/b?c=d", "/%00%0d%0a", "//x//", "/a;b=c?d&e", "/?", "/a|{}\\\"<>", "http://a.example", "http://b:80/x?y", "HTTPS://[::1]:8?q", "*"];

    private static readonly string[] Hosts = ["a", "a.example:80", "h", "[::1]", "10.0.0.1:8080", "x-y.z:", "a%41b", "!$&'()*+,;="];

    private static readonly string[] RequestLines =
    [
        "Accept: */*", "User-Agent:fuzz", "X-Empty:", "X-Blanks: \t a \t b \t ", "Cookie: a=b; c=\"d\"", "X-Text: \u00e9\u00ff\u0080", "Accept: a", "x-a: 1",
        "Connection: keep-alive", "Connection: close", "Connection: x-a, keep-alive", "Connection: ,", "Connection: host, content-length, transfer-encoding, cookie",
        "Keep-Alive: timeout=5", "Proxy-Connection: close", "TE: trailers, gzip;q=0.5", "Trailer: X-T", "Upgrade: websocket, h2c", "HTTP2-Settings: AAA",
        "Expect: 100-continue", "Via: 1.0 a, 1.1 b (c)", "Max-Forwards: 3", "Max-Forwards: 0", "Forwarded: for=1.2.3.4", "X-Forwarded-For: 1.2.3.4",
        "X-Forwarded-Host: evil", "X-Forwarded-Proto: https", "Proxy-Authorization: a", "Authorization: Basic x", "Date: x", "Content-Type: a/b",
    ];

    private static readonly string[] ReplyLines =
    [
        "Server: fuzz", "Date: Sat, 01 Jan 2000 00:00:00 GMT", "X-Empty:", "X-Text: \u00e9 \t \u00ff", "Set-Cookie: a=b", "Set-Cookie: c=d, e", "ETag: \"x\"",
        "Connection: keep-alive", "Connection: close", "Connection: x-a, server", "Keep-Alive: max=1", "Upgrade: websocket", "Trailer: X-T", "Via: 1.1 z",
        "Content-Type: text/event-stream", "Content-Type: application/grpc", "X-Accel-Buffering: no", "Proxy-Authenticate: Basic", "Retry-After: 1", "x-a: 1",
    ];

    private static readonly string[] Extensions = ["", "", "", ";a", ";a=b", ";a=\"b;c\" ;d", ";"];

    private static readonly int[] Statuses = [200, 200, 200, 200, 201, 204, 205, 206, 301, 304, 400, 404, 500, 503, 599];

    /// <summary>A request.</summary>
    /// <param name="path">What to ask for; by default anything.</param>
    public FuzzMessage Request(string? path = null)
    {
        var message = new FuzzMessage();
        var method = Methods.Any(random);
        var target = path ?? Targets.Any(random);
        if (target == "*") method = "OPTIONS";
        var isOld = random.Next(8) == 0;
        message.Start = string.Concat(method, " ", target, isOld ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
        AddLines(message, RequestLines);
        message.Lines.Insert(random.Next(message.Lines.Count + 1), string.Concat("Host: ", Hosts.Any(random), "\r\n"));
        var hasContent = method is "POST" or "PUT" or "PATCH" or "BREW" || random.Next(6) == 0;
        if (hasContent) AddContent(message, isChunked: !isOld && random.Next(2) == 0, ContentText());
        return message;
    }

    /// <summary>A reply, with interim ones before it at times.</summary>
    /// <param name="marked">Whether the head and the content are to tell which request they answer.</param>
    public FuzzMessage Reply(bool marked = false)
    {
        var message = new FuzzMessage();
        var status = Statuses.Any(random);
        var isOld = random.Next(8) == 0;
        var interim = random.Next(12) == 0 ? "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" : random.Next(20) == 0 ? "HTTP/1.1 100 Continue\r\n\r\n" : "";
        message.Start = string.Concat(
            interim, isOld ? "HTTP/1.0 " : "HTTP/1.1 ", status.ToString(CultureInfo.InvariantCulture), random.Next(8) == 0 ? " \r\n" : " Any reason\r\n");
        AddLines(message, ReplyLines);
        if (marked) message.Lines.Insert(random.Next(message.Lines.Count + 1), $"X-Answers: {Mark}\r\n");
        if (status is 204 or 304) return message;
        var content = marked ? Mark + ContentText() : ContentText();
        if (random.Next(6) == 0) message.Content.Add(content);      // until the connection ends
        else AddContent(message, isChunked: !isOld && random.Next(2) == 0, content);
        return message;
    }

    private void AddLines(FuzzMessage message, string[] among)
    {
        for (var count = random.Next(6); count > 0; count--) message.Lines.Add(string.Concat(among.Any(random), "\r\n"));
    }

    private void AddContent(FuzzMessage message, bool isChunked, string content)
    {
        var framing = isChunked ? "Transfer-Encoding: chunked\r\n" : $"Content-Length: {content.Length}\r\n";
        message.Lines.Insert(random.Next(message.Lines.Count + 1), framing);
        if (!isChunked)
        {
            message.Content.Add(content);
            return;
        }
        for (var at = 0; at < content.Length;)
        {
            var size = random.Next(1, content.Length - at + 1);
            message.Content.Add(string.Concat(size.ToString(random.Next(2) == 0 ? "x" : "X3", CultureInfo.InvariantCulture), Extensions.Any(random), "\r\n"));
            message.Content.Add(content.Substring(at, size));
            message.Content.Add("\r\n");
            at += size;
        }
        message.Content.Add(random.Next(6) == 0 ? "000;x\r\n" : "0\r\n");
        for (var trailers = random.Next(8) == 0 ? random.Next(3) : 0; trailers > 0; trailers--) message.Content.Add("X-T: \u00e9 y\r\n");
        message.Content.Add("\r\n");
    }

    private string ContentText()
    {
        var length = random.Next(4) switch { 0 => 0, 1 => random.Next(1, 4), _ => random.Next(1, 40) };
        return ContentOctets[..Math.Min(length, ContentOctets.Length)];
    }
}

/// <summary>Choices of a source of chance.</summary>
internal static class Choices
{
    public static T Any<T>(this T[] among, Random random) => among[random.Next(among.Length)];
}
