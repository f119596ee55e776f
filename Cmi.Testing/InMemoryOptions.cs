namespace Cmi.Testing;

/// <summary>How an <see cref="InMemoryTransport"/> behaves. <para>Threading: set up before the transport is made.</para></summary>
public sealed class InMemoryOptions
{
    /// <summary>How many loops.</summary>
    /// <value>1 by default.</value>
    public int LoopCount { get; set; } = 1;

    /// <summary>What all chance follows from: that of the loops, and that of <see cref="RandomFragments"/>.</summary>
    /// <value>1 by default.</value>
    public int Seed { get; set; } = 1;

    /// <summary>How many bytes each direction of a connection holds between sender and receiver; a sender that has filled it would block.</summary>
    /// <value>Bytes; 65,536 by default; at least 1.</value>
    public int Capacity { get; set; } = 64 * 1024;

    /// <summary>The most bytes that one <see cref="IConnection.TryReceive"/> gives.</summary>
    /// <value>Bytes; no limit by default; 1 tears messages at every boundary.</value>
    public int MaxReceive { get; set; } = int.MaxValue;

    /// <summary>The most bytes that one <see cref="IConnection.TrySend"/> takes.</summary>
    /// <value>Bytes; no limit by default.</value>
    public int MaxSend { get; set; } = int.MaxValue;

    /// <summary>Whether each call moves a random number of bytes, from 1 to the limit above (or to 4,096 where there is none).</summary>
    public bool RandomFragments { get; set; }

    /// <summary>
    /// Whether a connection gives only one fragment in each turn of its loop: the next <see cref="IConnection.TryReceive"/> in the same turn would block, as
    /// if the rest were still on its way.
    /// </summary>
    public bool OneFragmentPerTurn { get; set; }

    /// <summary>
    /// Whether what <see cref="IConnection.TrySendSoon"/> took leaves only as the loop's next turn begins, behind all that peers and other loops do until then: a
    /// peer that resets the connection meanwhile has not seen it, as with a transport that makes the calls of a turn together.
    /// </summary>
    public bool SendsLate { get; set; }
}
