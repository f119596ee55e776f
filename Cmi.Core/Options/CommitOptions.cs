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
}

/// <summary>When a request may leave for a server. <para>Threading: as <see cref="CmiOptions"/>.</para></summary>
public sealed class RequestOptions
{
    private CommitMode? _commit;
    private long? _holdBytes;
    private TimeSpan? _holdTime;

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
}
