namespace Cmi.Buffers;

/// <summary>
/// A file without a name, as the disk store needs it: the only place that touches the file system. A twin in memory, with faults and a time of its own, stands
/// in for it in tests.
/// <para>Threading: any thread, several at once at places that do not overlap; never a loop's, since it may block.</para>
/// </summary>
internal interface IScratchFile : IAsyncDisposable
{
    /// <summary>What the file system could still give to this file.</summary>
    /// <value>Bytes.</value>
    long FreeBytes { get; }

    /// <summary>Writes; beyond the end the file grows.</summary>
    /// <returns>How many bytes were written; at least 1.</returns>
    /// <exception cref="IOException">They were not; see <see cref="ScratchFile.IsFull"/>.</exception>
    ValueTask<int> WriteAsync(long offset, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken);

    /// <summary>Reads.</summary>
    /// <returns>How many bytes; 0: the file ends here.</returns>
    /// <exception cref="IOException">They cannot be read.</exception>
    ValueTask<int> ReadAsync(long offset, Memory<byte> into, CancellationToken cancellationToken);

    /// <summary>Gives what is behind <paramref name="length"/> back to the file system.</summary>
    /// <exception cref="IOException">It stays as it is.</exception>
    ValueTask TruncateAsync(long length);
}
