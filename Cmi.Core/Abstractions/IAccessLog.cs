namespace Cmi;

/// <summary>
/// Where one record for each exchange goes when the exchange has ended. The engine brings one that writes lines to a file
/// (<see cref="AccessLogOptions"/>); a host may take its own in its place with <c>UseAccessLog</c>.
/// <para>Threading: called on the loops, several at once. It must neither wait nor do input or output there, and bounds what it keeps.</para>
/// </summary>
public interface IAccessLog
{
    /// <summary>Takes a record. An exception is logged as a fault of the access log and does not concern the exchange.</summary>
    /// <param name="entry">The record; it and its bytes are valid during the call only.</param>
    void Write(in AccessLogEntry entry);
}

/// <summary>How an exchange ended, as its client saw it.</summary>
public enum ExchangeEnd : byte
{
    /// <summary>The whole reply of a server was handed to the client's connection.</summary>
    Whole,

    /// <summary>A whole reply of the gateway's own was handed to the client's connection.</summary>
    Own,

    /// <summary>The reply broke off after its first byte had left; the client could see that.</summary>
    Cut,

    /// <summary>The client left, or was cut off, before a byte of a reply had left.</summary>
    NoReply,

    /// <summary>Client and server switched protocols, and the tunnel has ended.</summary>
    Tunnel,
}

/// <summary>Where the time of one exchange went. <para>Threading: immutable.</para></summary>
/// <param name="Head">From the first byte of a head that came in pieces to its end; 0 for one that came at once.</param>
/// <param name="Content">From the head of the request to the point at which it could ask for a server.</param>
/// <param name="Queue">Waits for a grant, those of all attempts.</param>
/// <param name="Connect">Waits for a connection, those of all attempts; about 0 with a pooled one.</param>
/// <param name="ServerHead">From the request's first byte sent to the head of the reply, in the last attempt.</param>
/// <param name="ServerContent">From the head of the reply to its proven end, in the last attempt.</param>
/// <param name="ServerHeld">How long connections to servers were held, those of all attempts.</param>
/// <param name="Held">From the whole reply, or one that could flow, to its first byte to the client: the wait for its turn and the commit point.</param>
/// <param name="Client">From the first byte of the reply to the last that the client's connection took.</param>
/// <param name="Total">From the head of the request to the end.</param>
public readonly record struct ExchangeTimes(TimeSpan Head, TimeSpan Content, TimeSpan Queue, TimeSpan Connect, TimeSpan ServerHead,
    TimeSpan ServerContent, TimeSpan ServerHeld, TimeSpan Held, TimeSpan Client, TimeSpan Total);

/// <summary>The record of one exchange. What came from the client is bytes as they came: whoever writes them escapes them.</summary>
public readonly ref struct AccessLogEntry
{
    /// <summary>When the exchange ended.</summary>
    public DateTimeOffset Time { get; init; }

    /// <summary>The exchange's number, unique in this engine; tickets of the job queue have it too.</summary>
    public long Id { get; init; }

    /// <summary>The client's IP address as text; <c>unknown</c> where the transport knows none.</summary>
    public ReadOnlySpan<byte> Client { get; init; }

    /// <summary>
    /// The request's head as it went, or would have gone, to a server: the request line and the fields. Empty for a request that could not be read.
    /// </summary>
    public ReadOnlySpan<byte> RequestHead { get; init; }

    /// <summary>1 for a client that spoke HTTP/1.1, 0 for HTTP/1.0.</summary>
    public int ClientMinorVersion { get; init; }

    /// <summary>The status code that the client got, or would have got; 0 if there was none yet.</summary>
    public int Status { get; init; }

    /// <summary>Bytes of the request's content.</summary>
    public long RequestBytes { get; init; }

    /// <summary>Bytes of the reply's content that were handed to the client's connection.</summary>
    public long ReplyBytes { get; init; }

    /// <summary>The server group that was asked; <see langword="null"/>: none.</summary>
    public string? Group { get; init; }

    /// <summary>The address of the last server that was asked, such as <c>http://10.0.0.11:9000</c>; <see langword="null"/>: none.</summary>
    public string? Server { get; init; }

    /// <summary>How often a server was asked; a connection that went stale in the pool counts too.</summary>
    public int Attempts { get; init; }

    /// <summary>How many of these attempts were made beside another, since the reply to that one was late.</summary>
    public int Hedges { get; init; }

    /// <summary>How often another server went on with the reply after it had broken in the middle.</summary>
    public int Resumes { get; init; }

    /// <summary>How it ended.</summary>
    public ExchangeEnd End { get; init; }

    /// <summary>Why it ended so, in words of the gateway's own; empty after a whole reply of a server.</summary>
    public string Reason { get; init; }

    /// <summary>The trace that the exchange is part of, 32 hexadecimal digits; <see langword="null"/>: it is not traced.</summary>
    public string? TraceId { get; init; }

    /// <summary>Where the time went.</summary>
    public ExchangeTimes Times { get; init; }

    /// <summary>The request's method; empty for a request that could not be read.</summary>
    public ReadOnlySpan<byte> Method => Word(0);

    /// <summary>The request's target, path and query; empty for a request that could not be read.</summary>
    public ReadOnlySpan<byte> Target => Word(1);

    /// <summary>Finds a field of the request.</summary>
    /// <param name="name">Its name; compared without case.</param>
    /// <returns>The value of the first field line of this name; empty if there is none.</returns>
    public ReadOnlySpan<byte> RequestField(ReadOnlySpan<byte> name)
    {
        var rest = RequestHead;
        while (!rest.IsEmpty)
        {
            var line = TakeLine(ref rest);
            if (IsField(line, name)) return ValueOf(line, name);
        }
        return default;
    }

    /// <summary>Finds three fields in one pass, as <see cref="RequestField"/> would in three.</summary>
    internal void FindFields(out ReadOnlySpan<byte> host, out ReadOnlySpan<byte> referer, out ReadOnlySpan<byte> userAgent)
    {
        host = referer = userAgent = default;
        var rest = RequestHead;
        while (!rest.IsEmpty)
        {
            var line = TakeLine(ref rest);
            if (host.IsEmpty && IsField(line, "Host"u8)) host = ValueOf(line, "Host"u8);
            else if (referer.IsEmpty && IsField(line, "Referer"u8)) referer = ValueOf(line, "Referer"u8);
            else if (userAgent.IsEmpty && IsField(line, "User-Agent"u8)) userAgent = ValueOf(line, "User-Agent"u8);
        }
    }

    private static ReadOnlySpan<byte> TakeLine(scoped ref ReadOnlySpan<byte> rest)
    {
        var end = rest.IndexOf((byte)'\n');                         // of the CRLF that ends each line of what was written anew
        var line = end < 0 ? default : rest[..end].TrimEnd((byte)'\r');
        rest = end < 0 ? default : rest[(end + 1)..];
        return line;
    }

    // The first line of a head has no name before its first colon: blanks are in the way.
    private static bool IsField(ReadOnlySpan<byte> line, scoped ReadOnlySpan<byte> name) =>
        line.Length > name.Length && line[name.Length] == ':' && System.Text.Ascii.EqualsIgnoreCase(line[..name.Length], name);

    private static ReadOnlySpan<byte> ValueOf(ReadOnlySpan<byte> line, scoped ReadOnlySpan<byte> name) => line[(name.Length + 1)..].Trim((byte)' ');

    private ReadOnlySpan<byte> Word(int number)
    {
        var rest = RequestHead;
        for (; number > 0; number--) rest = rest[(rest.IndexOf((byte)' ') + 1)..];
        var end = rest.IndexOf((byte)' ');
        return end < 0 ? default : rest[..end];
    }
}
