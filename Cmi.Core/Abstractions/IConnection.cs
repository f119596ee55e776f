namespace Cmi;

/// <summary>
/// What a connection has to say at this moment. A flag stays set until a <c>Try…</c> call would block; <see cref="Sendable"/> may also go at the end of a turn in
/// which bytes were taken by <see cref="IConnection.TrySendSoon"/>.
/// </summary>
[Flags]
public enum Readiness : byte
{
    /// <summary>Nothing can be done without waiting.</summary>
    None = 0,

    /// <summary>Bytes, or the peer's end, may be there to receive.</summary>
    Receivable = 1,

    /// <summary>Bytes can be sent.</summary>
    Sendable = 2,

    /// <summary>The peer has ended its direction; bytes sent before the end may still be there to receive. Never cleared.</summary>
    PeerEnded = 4,

    /// <summary>The connection is broken (reset, timed out, TLS failure). Never cleared.</summary>
    Failed = 8,
}

/// <summary>The outcome of one <c>Try…</c> call.</summary>
public enum IoStatus : byte
{
    /// <summary>At least one byte was moved.</summary>
    Done,

    /// <summary>Nothing can be moved now; the owner is told when that changes.</summary>
    WouldBlock,

    /// <summary>The peer ended its direction <i>cleanly</i> (a TCP FIN; with TLS only after close_notify) and all its bytes were received.</summary>
    End,

    /// <summary>The connection is broken.</summary>
    Failed,
}

/// <summary>
/// A byte stream to a client or a server that reports readiness, not completion, so that an idle connection owns no buffer.
/// <para>Threading: every member belongs to the thread of <see cref="Loop"/>.</para>
/// </summary>
public interface IConnection
{
    /// <summary>A number that no other connection of this process has or had.</summary>
    long Id { get; }

    /// <summary>The other end, where the transport knows it.</summary>
    PeerAddress? Peer { get; }

    /// <summary>The loop that this connection belongs to for its whole life.</summary>
    ILoop Loop { get; }

    /// <summary>What can be done without waiting.</summary>
    Readiness Ready { get; }

    /// <summary>
    /// Makes <paramref name="owner"/> the one that hears of this connection; the one before hears no more. If something is ready already, the
    /// new owner is told in this turn of the loop, after this call has returned.
    /// </summary>
    /// <param name="owner">A session, an exchange or an idle pool.</param>
    void SetOwner(IConnectionOwner owner);

    /// <summary>Receives what is there, without waiting.</summary>
    /// <param name="into">Where to; not empty. Ask for more than is expected: a read that was filled leaves open whether more is there.</param>
    /// <param name="received">How many bytes; above 0 only with <see cref="IoStatus.Done"/>.</param>
    /// <returns><see cref="IoStatus.End"/> again and again after the peer's clean end.</returns>
    IoStatus TryReceive(Span<byte> into, out int received);

    /// <summary>Sends <paramref name="head"/> and then <paramref name="content"/> as one run of bytes, as far as that goes without waiting.</summary>
    /// <param name="head">The first bytes; may be empty.</param>
    /// <param name="content">The bytes after them; may be empty.</param>
    /// <param name="sent">How many bytes of both together the transport took; it keeps no reference to the spans.</param>
    /// <returns><see cref="IoStatus.Done"/> if at least one byte was taken, else why not. Never <see cref="IoStatus.End"/>.</returns>
    IoStatus TrySend(ReadOnlySpan<byte> head, ReadOnlySpan<byte> content, out int sent);

    /// <summary>
    /// As <see cref="TrySend"/>, for bytes that may leave as late as the end of this turn of the loop, so that a transport can send those of several
    /// connections in one system call. They keep their order among all that is sent, and before an end or a close.
    /// </summary>
    /// <remarks>That the connection is broken may be found only then: the owner is told, but not which bytes were lost. Not for what may be sent once only.</remarks>
    /// <param name="head">The first bytes; may be empty.</param>
    /// <param name="content">The bytes after them; may be empty.</param>
    /// <param name="sent">How many bytes of both together the transport took; it keeps no reference to the spans.</param>
    /// <returns>As <see cref="TrySend"/>.</returns>
    IoStatus TrySendSoon(ReadOnlySpan<byte> head, ReadOnlySpan<byte> content, out int sent) => TrySend(head, content, out sent);

    /// <summary>
    /// As <see cref="TrySendSoon"/>, for the last bytes of all: if every one is taken, the owner calls <see cref="EndSending"/> or <see cref="Close"/> before it
    /// returns to the loop. Until then a transport may hold them back, so that the end leaves with them: with TCP in one segment instead of two.
    /// </summary>
    /// <remarks>Where <see cref="Close"/> may find bytes of the peer that were not received, they are not safe: a reset then takes with it what was held back.</remarks>
    /// <param name="head">The first bytes; may be empty.</param>
    /// <param name="content">The bytes after them; may be empty.</param>
    /// <param name="sent">How many bytes of both together the transport took; it keeps no reference to the spans.</param>
    /// <returns>As <see cref="TrySend"/>.</returns>
    IoStatus TrySendLast(ReadOnlySpan<byte> head, ReadOnlySpan<byte> content, out int sent) => TrySend(head, content, out sent);

    /// <summary>Ends this side's direction (a TCP FIN) after all bytes taken; receiving goes on. Does nothing when called again.</summary>
    void EndSending();

    /// <summary>Closes both directions after all bytes taken. The owner hears no more. Does nothing when called again.</summary>
    void Close();

    /// <summary>Breaks the connection visibly for the peer (a TCP reset), dropping what is unsent. The owner hears no more. Does nothing after a close.</summary>
    /// <param name="reason">Why, for logs.</param>
    void Abort(string reason);
}

/// <summary>The one part that hears of a connection.</summary>
public interface IConnectionOwner
{
    /// <summary>
    /// Says that <see cref="IConnection.Ready"/> has gained a flag. Called on the connection's loop and never from inside a call to the
    /// connection.
    /// </summary>
    /// <param name="connection">The connection that is owned.</param>
    void OnReady(IConnection connection);
}
