using System.Diagnostics;
using System.Globalization;
using Cmi.Buffers;
using Cmi.Testing;

namespace Cmi.Benchmarks.Stores;

/// <summary>What memory takes and gives back on one core: contents of 1 MiB in pieces of 16 KiB, copied in, copied out and freed.</summary>
internal static class RamFigures
{
    private const int PieceBytes = 16 << 10, ContentBytes = 1 << 20, Contents = 4_000, Rounds = 7;

    public static async Task MeasureAsync(StoresPage page)
    {
        await using var store = new RamBufferStore();
        var loop = new ManualLoop();
        var (piece, into) = (new byte[PieceBytes], new byte[64 << 10]);
        var rates = new List<double>();
        for (var round = 0; round <= Rounds; round++)
        {
            var begun = Stopwatch.GetTimestamp();
            for (var i = 0; i < Contents; i++) loop.Wait(() => PassAsync(store, loop, piece, into));
            if (round > 0) rates.Add((double)Contents * ContentBytes / 1e9 / Stopwatch.GetElapsedTime(begun).TotalSeconds);
        }
        page.Begin("RAM", "Contents of 1 MiB in pieces of 16 KiB on one core, each byte copied in and copied out.", "", "GB/s written and read");
        page.Row("RAM", rates.Order().ElementAt(Rounds / 2).ToString("0.0", CultureInfo.InvariantCulture));
    }

    private static async ValueTask PassAsync(RamBufferStore store, ManualLoop loop, byte[] piece, byte[] into)
    {
        await using var buffer = store.TryCreate(loop, null) ?? throw new InvalidOperationException("full");
        for (var written = 0; written < ContentBytes; written += PieceBytes)
        {
            if (await buffer.WaitForRoomAsync(default) != Room.Ok) throw new InvalidOperationException("no room");
            piece.CopyTo(buffer.GetMemory(PieceBytes));
            buffer.Advance(PieceBytes);
        }
        buffer.Complete();
        for (long at = 0; at < ContentBytes;)
        {
            using var slice = await buffer.ReadAsync(at, into.Length, default);
            slice.Memory.CopyTo(into);
            at += slice.Length;
            buffer.Release(at);
        }
    }
}
