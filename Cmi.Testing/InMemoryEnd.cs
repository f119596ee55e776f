namespace Cmi.Testing;

/// <summary>
/// One end of a connection in memory. What one end does is seen by the other at once, but told to its owner only in a later step of the loops: whoever
/// wants latency puts it between <c>Other</c> and the three <c>On…</c> calls.
/// </summary>
/// <remarks>
/// States: open → end sent, end received (in any order) → closed; or from any of these → reset. As with TCP, bytes that are sent to an end which has
/// closed come back as a reset.
/// </remarks>
public abstract class InMemoryEnd
{
    private protected InMemoryEnd()
    {
    }

    internal ByteQueue Incoming { get; private set; } = null!;

    internal ByteQueue Outgoing { get; private set; } = null!;

    internal InMemoryEnd Other { get; private set; } = null!;

    /// <summary>Whether this end was closed or aborted on this side.</summary>
    internal bool IsClosed { get; set; }

    /// <summary>Whether the other end has reset the connection.</summary>
    internal bool IsReset { get; private set; }

    internal static void Join(InMemoryEnd one, InMemoryEnd other, int capacity)
    {
        (one.Other, one.Incoming, one.Outgoing) = (other, new(capacity), new(capacity));
        (other.Other, other.Incoming, other.Outgoing) = (one, one.Outgoing, one.Incoming);
    }

    internal abstract void OnIncoming();

    internal abstract void OnRoom();

    internal abstract void OnReset();

    private protected int Put(ReadOnlySpan<byte> bytes)
    {
        if (Other.IsClosed)
        {
            Break(this);
            return bytes.Length;
        }
        var count = Outgoing.Write(bytes);
        if (count > 0) Other.OnIncoming();
        return count;
    }

    private protected int Take(Span<byte> into)
    {
        var count = Incoming.Read(into);
        if (count > 0 && !Other.IsClosed) Other.OnRoom();
        return count;
    }

    private protected void End()
    {
        if (Outgoing.Ended) return;
        Outgoing.Ended = true;
        if (!Other.IsClosed) Other.OnIncoming();
    }

    /// <summary>Resets the connection, as the given end sees it: what it has not received is gone.</summary>
    private protected static void Break(InMemoryEnd seenBy)
    {
        if (seenBy.IsClosed || seenBy.IsReset) return;
        seenBy.IsReset = true;
        seenBy.Incoming.Clear();
        seenBy.Outgoing.Clear();
        seenBy.OnReset();
    }
}
