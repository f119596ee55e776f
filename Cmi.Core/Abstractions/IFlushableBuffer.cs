namespace Cmi;

/// <summary>
/// A buffer whose store writes behind: what was appended may wait in memory before its device has it. A store made of tiers asks this before it gives up
/// its other copy; of a buffer without it, content is taken to be kept as soon as it was appended. <para>Threading: the loop of the buffer.</para>
/// </summary>
public interface IFlushableBuffer : IBuffer
{
    /// <summary>Writes what was appended, and completes when no write that fails later can take any of it.</summary>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns>Done when it is kept.</returns>
    /// <exception cref="IOException">Some of it could not be written.</exception>
    ValueTask FlushAsync(CancellationToken cancellationToken);
}
