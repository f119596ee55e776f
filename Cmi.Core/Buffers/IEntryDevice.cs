namespace Cmi.Buffers;

/// <summary>
/// Where a store keeps pieces of content that it has moved out of memory, each sealed: a log, or slots of files. It knows nothing of
/// buffers, loops or keys. This is all in which flash and disk differ.
/// <para>Threading: any thread, several at once, but never a loop's: writing and reading may block.</para>
/// </summary>
internal interface IEntryDevice : IAsyncDisposable
{
    /// <summary>What metrics call it: <c>flash</c> or <c>disk</c>.</summary>
    string Name { get; }

    /// <summary>What the live entries may take together, below what the device really has.</summary>
    /// <value>Bytes.</value>
    long CapacityBytes { get; }

    /// <summary>What the live entries take, with what is lost between and behind them.</summary>
    /// <value>Bytes.</value>
    long UsedBytes { get; }

    /// <summary>Takes an entry.</summary>
    /// <param name="entry">Its bytes; not kept after the call has completed.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The entry, once <see cref="ReadAsync"/> can give it; <see langword="null"/>: the device is full.</returns>
    /// <exception cref="IOException">The device failed; the entry is not there. Later entries may find a new place.</exception>
    ValueTask<IDeviceEntry?> WriteAsync(ReadOnlyMemory<byte> entry, CancellationToken cancellationToken);

    /// <summary>Gives an entry back as it was written, as far as the device can tell: the caller verifies the seal.</summary>
    /// <param name="entry">The entry; not freed.</param>
    /// <param name="into">At least <see cref="IDeviceEntry.Length"/> bytes.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Done when it is there.</returns>
    /// <exception cref="IOException">It cannot be read.</exception>
    ValueTask ReadAsync(IDeviceEntry entry, Memory<byte> into, CancellationToken cancellationToken);

    /// <summary>Frees an entry; in any order, once each. Never blocks, so a loop may call it.</summary>
    /// <param name="entry">The entry; no read of it is under way.</param>
    void Free(IDeviceEntry entry);
}

/// <summary>An entry that a device holds; where that is may change while it lives. <para>Threading: the device's.</para></summary>
internal interface IDeviceEntry
{
    /// <summary>Its bytes.</summary>
    int Length { get; }
}
