namespace Cmi;

/// <summary>When the first byte of a message may leave.</summary>
public enum CommitMode
{
    /// <summary>When it is whole until a size or a time is reached, whichever is first; then it flows.</summary>
    UpTo,

    /// <summary>Only when it is whole.</summary>
    Whole,

    /// <summary>With its head.</summary>
    Stream,
}

/// <summary>What proves a reply whole whose end is the end of the connection.</summary>
public enum CloseTrust
{
    /// <summary>A FIN (over TLS: a close_notify). A crash of the server can look like it.</summary>
    Fin,

    /// <summary>Nothing: such a reply is a 502, after retries.</summary>
    Never,
}

/// <summary>When a reply may leave for its client. <para>Threading: as <see cref="CmiOptions"/>.</para></summary>
public sealed class ReplyOptions
{
    private CommitMode? _commit;
    private long? _holdBytes;
    private TimeSpan? _holdTime;
    private CloseTrust? _trustClose;
    private bool? _verifyDigest, _verifyGzip, _resume, _persistHttp10;
    private long? _verifyGzipBytes;

    internal ReplyOptions? Inherited { get; init; }

    /// <summary>
    /// When the first byte of a reply may leave; before that a failure is another attempt or a clean 502 or 504. Event streams, gRPC and replies with
    /// <c>X-Accel-Buffering: no</c> are always <see cref="CommitMode.Stream"/>.
    /// </summary>
    /// <value><see cref="CommitMode.UpTo"/> by default.</value>
    public CommitMode Commit
    {
        get => _commit ?? Inherited?.Commit ?? CommitMode.UpTo;
        set => _commit = value;
    }

    /// <summary>With <see cref="CommitMode.UpTo"/>: the content beyond which a reply flows.</summary>
    /// <value>Bytes; 16 MiB by default; 0 or more.</value>
    public long HoldBytes
    {
        get => _holdBytes ?? Inherited?.HoldBytes ?? 16L << 20;
        set => _holdBytes = value;
    }

    /// <summary>With <see cref="CommitMode.UpTo"/>: the time since the head of the reply after which it flows, when its turn has come.</summary>
    /// <value>10 s by default; from 0 to 1 day.</value>
    public TimeSpan HoldTime
    {
        get => _holdTime ?? Inherited?.HoldTime ?? TimeSpan.FromSeconds(10);
        set => _holdTime = value;
    }

    /// <summary>What proves a reply whole whose end is the end of the connection.</summary>
    /// <value><see cref="CloseTrust.Fin"/> by default.</value>
    public CloseTrust TrustClose
    {
        get => _trustClose ?? Inherited?.TrustClose ?? CloseTrust.Fin;
        set => _trustClose = value;
    }

    /// <summary>Whether content is compared with the <c>Content-Digest</c> or <c>Repr-Digest</c> that its server gave (RFC 9530: sha-256 and sha-512).</summary>
    /// <value><see langword="false"/> by default.</value>
    public bool VerifyDigest
    {
        get => _verifyDigest ?? Inherited?.VerifyDigest ?? false;
        set => _verifyDigest = value;
    }

    /// <summary>Whether content that is coded with gzip is unpacked, to nowhere, to see that it is well formed and ends where it should.</summary>
    /// <value><see langword="false"/> by default.</value>
    public bool VerifyGzip
    {
        get => _verifyGzip ?? Inherited?.VerifyGzip ?? false;
        set => _verifyGzip = value;
    }

    /// <summary>With <see cref="VerifyGzip"/>: the unpacked bytes of one reply beyond which it is not looked at, and passes.</summary>
    /// <value>Bytes; 64 MiB by default; 0 or more.</value>
    public long VerifyGzipBytes
    {
        get => _verifyGzipBytes ?? Inherited?.VerifyGzipBytes ?? 64L << 20;
        set => _verifyGzipBytes = value;
    }

    /// <summary>Checks of one's own, of the content of replies before they leave. In code only; those of a route come beside those of the engine.</summary>
    /// <value>Empty by default.</value>
    public IList<IReplyCheck> Checks { get; } = [];

    internal IEnumerable<IReplyCheck> AllChecks => Inherited is null ? Checks : Inherited.AllChecks.Concat(Checks);

    /// <summary>
    /// Whether another server goes on with a reply to GET that stops after it has begun to leave: by a range request under its strong validator, where it has one
    /// and its server accepts ranges. Turn it off where equal ETags do not mean equal bytes at all servers, as RFC 9110 §8.8.1 asks of them.
    /// </summary>
    /// <value><see langword="true"/> by default.</value>
    public bool Resume
    {
        get => _resume ?? Inherited?.Resume ?? true;
        set => _resume = value;
    }

    /// <summary>
    /// Whether the connection of an HTTP/1.0 client that says <c>Connection: keep-alive</c> stays after a reply of known length. RFC 9112 §C.2.2 forbids it to
    /// proxies that clients choose, since one of HTTP/1.0 in between may pass the field on blindly; a gateway may. Turn it off where such proxies are in front.
    /// </summary>
    /// <value><see langword="true"/> by default.</value>
    public bool PersistHttp10
    {
        get => _persistHttp10 ?? Inherited?.PersistHttp10 ?? true;
        set => _persistHttp10 = value;
    }
}

/// <summary>When a request may leave for a server, and who goes first. <para>Threading: as <see cref="CmiOptions"/>.</para></summary>
public sealed class RequestOptions
{
    private CommitMode? _commit;
    private long? _holdBytes;
    private TimeSpan? _holdTime;
    private string? _priorityField;

    internal RequestOptions? Inherited { get; init; }

    /// <summary>When a request goes to a server; a slow uploader holds none before that.</summary>
    /// <value><see cref="CommitMode.UpTo"/> by default.</value>
    public CommitMode Commit
    {
        get => _commit ?? Inherited?.Commit ?? CommitMode.UpTo;
        set => _commit = value;
    }

    /// <summary>With <see cref="CommitMode.UpTo"/>: the content beyond which a request flows.</summary>
    /// <value>Bytes; 16 MiB by default; 0 or more.</value>
    public long HoldBytes
    {
        get => _holdBytes ?? Inherited?.HoldBytes ?? 16L << 20;
        set => _holdBytes = value;
    }

    /// <summary>With <see cref="CommitMode.UpTo"/>: the time since the head of the request after which it flows.</summary>
    /// <value>10 s by default; from 0 to 1 day.</value>
    public TimeSpan HoldTime
    {
        get => _holdTime ?? Inherited?.HoldTime ?? TimeSpan.FromSeconds(10);
        set => _holdTime = value;
    }

    /// <summary>
    /// A field that tells a request's priority (<see cref="JobTicket.Priority"/>) to a queue of one's own; the built-in queue has only one order. Clients may
    /// say it: what they must not choose, something in front has to take out.
    /// </summary>
    /// <value>A field name such as <c>X-Priority</c>, its values 0 to 255, anything else 0; <see langword="null"/> by default: none.</value>
    public string? PriorityField
    {
        get => _priorityField ?? Inherited?.PriorityField;
        set => _priorityField = value;
    }
}
