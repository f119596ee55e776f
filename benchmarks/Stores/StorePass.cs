using System.Diagnostics;
using Cmi.Testing;

namespace Cmi.Benchmarks.Stores;

/// <summary>A content that goes through a store: pieces come in on a loop, all of it is written out, then it is read from one end to the other.</summary>
internal static class StorePass
{
    public const int Piece = 64 << 10;

    /// <summary>Makes the pass, with memory as it is: what a proxy would have received into it.</summary>
    /// <returns>How long writing took, and reading.</returns>
    public static (TimeSpan Write, TimeSpan Read) Run(IBufferStore store, int pieces)
    {
        var loop = new ManualLoop();
        IBuffer buffer = null!;
        var begun = Stopwatch.GetTimestamp();
        loop.Wait(async () =>
        {
            buffer = store.TryCreate(loop, (long)pieces * Piece) ?? throw new InvalidOperationException("The store is full.");
            for (var i = 0; i < pieces; i++)
            {
                if (await buffer.WaitForRoomAsync(CancellationToken.None) != Room.Ok) throw new InvalidOperationException("The store has no room.");
                buffer.GetMemory(Piece);
                buffer.Advance(Piece);
            }
            buffer.Complete();
            await ((IFlushableBuffer)buffer).FlushAsync(CancellationToken.None);
        });
        var write = Stopwatch.GetElapsedTime(begun);
        begun = Stopwatch.GetTimestamp();
        loop.Wait(async () =>
        {
            for (var at = 0L; at < buffer.Length;)
            {
                using var slice = await buffer.ReadAsync(at, Piece, CancellationToken.None);
                at += slice.Length;
            }
        });
        var read = Stopwatch.GetElapsedTime(begun);
        loop.Wait(buffer.DisposeAsync);
        return (write, read);
    }
}
