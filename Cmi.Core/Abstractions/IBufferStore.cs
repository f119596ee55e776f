namespace Cmi;

/// <summary>
/// Where the content of requests and replies waits: in RAM, on flash, on disk, or wherever a user's own store keeps it.
/// <para>Threading: any loop, several at once.</para>
/// </summary>
public interface IBufferStore : IAsyncDisposable
{
    /// <summary>Makes a buffer, or says that there is no room for one. Never waits.</summary>
    /// <param name="loop">The loop that the buffer belongs to; this is called on it.</param>
    /// <param name="expectedBytes">How many bytes will come, where that is known; a hint.</param>
    /// <returns>The buffer, empty and <see cref="BufferState.Open"/>; <see langword="null"/>: the store is full.</returns>
    IBuffer? TryCreate(ILoop loop, long? expectedBytes);
}

/// <summary>How far a buffer has come.</summary>
public enum BufferState : byte
{
    /// <summary>More may be appended.</summary>
    Open,

    /// <summary>Complete: the length is final and was proven.</summary>
    Whole,

    /// <summary>It will never be complete; it has no length that means anything.</summary>
    Failed,
}

/// <summary>Whether a buffer can take more.</summary>
public enum Room : byte
{
    /// <summary><see cref="IBuffer.GetMemory"/> may be called.</summary>
    Ok,

    /// <summary>The store is full, and nothing that it does by itself will change that. Ask again when something was released.</summary>
    Full,

    /// <summary>The store has failed; what the buffer holds may be lost.</summary>
    Failed,
}

/// <summary>
/// The content of one message: append-only, read from any offset as often as needed (a retry is a second reader from 0), freed from the front.
/// Disposing frees everything, in any state; slices that are out stay valid until they are disposed.
/// <para>Threading: every member belongs to the loop that it was made for; what a store does elsewhere comes back through the loop's mailbox.</para>
/// </summary>
public interface IBuffer : IAsyncDisposable
{
    /// <summary>How many bytes were appended, those released included.</summary>
    long Length { get; }

    /// <summary>How far it has come.</summary>
    BufferState State { get; }

    /// <summary>Gives memory behind the last byte, to receive into without a copy. Needs <see cref="Room.Ok"/> from <see cref="WaitForRoomAsync"/> before.</summary>
    /// <param name="atLeast">The fewest bytes that help; 1 to 65536. The memory may be larger.</param>
    /// <returns>Memory that is valid until <see cref="Advance"/>, the next call of this, or disposal.</returns>
    /// <exception cref="InvalidOperationException">The buffer is not <see cref="BufferState.Open"/>, or there is no room.</exception>
    Memory<byte> GetMemory(int atLeast);

    /// <summary>Appends the first bytes of the memory that <see cref="GetMemory"/> gave.</summary>
    /// <param name="count">How many; 0 to the length of that memory.</param>
    void Advance(int count);

    /// <summary>
    /// Says whether <see cref="GetMemory"/> can give at least 65536 bytes, in any number of pieces, or as many as are left of what was expected, if they are
    /// asked for at once, before another buffer of the loop takes memory. Completes synchronously while there is
    /// room, and when it is full; waits only while the store itself is making room.
    /// </summary>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns>The answer.</returns>
    ValueTask<Room> WaitForRoomAsync(CancellationToken cancellationToken);

    /// <summary>Marks the content as whole. Called only when its completeness is proven.</summary>
    /// <exception cref="InvalidOperationException">The buffer is not <see cref="BufferState.Open"/>.</exception>
    void Complete();

    /// <summary>Marks the content as one that will never be whole. Reads that wait past the end fail. Does nothing unless <see cref="BufferState.Open"/>.</summary>
    /// <param name="why">The cause that such reads throw.</param>
    void Fail(Exception why);

    /// <summary>
    /// Lends bytes from <paramref name="offset"/> on; synchronous where they are in memory. Past the end of an open buffer it waits for more. One read at a time.
    /// </summary>
    /// <param name="offset">Where to begin; not below what was released, not above <see cref="Length"/>.</param>
    /// <param name="maxBytes">The most bytes wanted; at least 1. Fewer may come.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns>The bytes; empty only at the end of a buffer that is whole. Dispose it soon.</returns>
    /// <exception cref="IOException">The content is lost, or the buffer failed and ends here.</exception>
    ValueTask<BufferSlice> ReadAsync(long offset, int maxBytes, CancellationToken cancellationToken);

    /// <summary>Says that bytes before <paramref name="upTo"/> are not needed again; they may be freed. Only the owner of the content calls it.</summary>
    /// <param name="upTo">From 0 to <see cref="Length"/>; a value below an earlier one does nothing.</param>
    void Release(long upTo);
}

/// <summary>What a store gets back when a <see cref="BufferSlice"/> is disposed.</summary>
public interface IBufferSliceOwner
{
    /// <summary>Takes a slice back. Must bear being called twice with one token.</summary>
    /// <param name="token">What the slice was made with.</param>
    void Return(long token);
}

/// <summary>Bytes lent by a buffer until <see cref="Dispose"/>. <para>Threading: the loop of the buffer.</para></summary>
/// <param name="memory">The bytes.</param>
/// <param name="owner">Who wants to know when they are not read any more; <see langword="null"/> where memory is left to the garbage collector.</param>
/// <param name="token">What tells the owner which slice it is.</param>
public readonly struct BufferSlice(ReadOnlyMemory<byte> memory, IBufferSliceOwner? owner = null, long token = 0) : IDisposable
{
    /// <summary>The bytes.</summary>
    public ReadOnlyMemory<byte> Memory { get; } = memory;

    /// <summary>How many bytes.</summary>
    public int Length => Memory.Length;

    /// <summary>Gives the bytes back; they must not be read after this.</summary>
    public void Dispose() => owner?.Return(token);
}
