using System.Diagnostics;
using System.Security.Cryptography;
using Cmi.Buffers;
using Cmi.Testing;

namespace Cmi.Benchmarks.Stores;

/// <summary>
/// What the store costs beside plain reading and writing of the same pieces, in interleaved rounds.
/// </summary>
internal static class DiskFigures
{
    private const int Piece = 64 << 10;
    private const int Pieces = 4_096;
    private const int Rounds = 9;

    public static async Task PrintAsync(string directory)
    {
        var path = Directory.CreateDirectory(Path.Combine(directory, $"cmi-figures-{Environment.ProcessId}")).FullName;
        var figures = new Dictionary<string, List<(double Write, double Read)>>();
        for (var round = 0; round < Rounds; round++)
        {
            Add("RandomAccess", Plain(path));
            foreach (var workers in new[] { 1, 2 })
                foreach (var encrypt in new[] { false, true }) Add($"store{(encrypt ? ", encrypted" : "")}, {workers} + {workers} workers", await StoreAsync(path, encrypt, workers));
        }
        Directory.Delete(path, recursive: true);
        foreach (var (name, rounds) in figures)
        {
            var write = Median(rounds.Select((r, i) => r.Write / figures["RandomAccess"][i].Write));
            var read = Median(rounds.Select((r, i) => r.Read / figures["RandomAccess"][i].Read));
            var both = Median(rounds.Select((r, i) => Both(r) / Both(figures["RandomAccess"][i])));
            Console.WriteLine(
                $"{name,-36} write {Median(rounds.Select(r => r.Write)):N0} MiB/s ({write:0.00}), read {Median(rounds.Select(r => r.Read)):N0} MiB/s ({read:0.00}), both ({both:0.00})");
        }

        void Add(string name, (double, double) figure)
        {
            if (!figures.TryGetValue(name, out var list)) figures.Add(name, list = []);
            list.Add(figure);
        }

        static double Both((double Write, double Read) figure) => 1 / ((1 / figure.Write) + (1 / figure.Read));
    }

    public static void PrintSealing(bool encrypt)
    {
        using var seal = new EntrySeal(encrypt ? RandomNumberGenerator.GetBytes(32) : []);
        var content = new byte[Piece];
        var entry = new byte[Piece + seal.OverheadBytes];
        var (sealing, opening) = (new List<double>(), new List<double>());
        for (var i = 0UL; i < 20_000; i++)
        {
            var id = new EntryId(1, 2, 3, i);
            var begun = Stopwatch.GetTimestamp();
            seal.Seal(id, content, entry);
            sealing.Add(Stopwatch.GetElapsedTime(begun).TotalMicroseconds);
            begun = Stopwatch.GetTimestamp();
            if (!seal.TryOpen(id, entry)) throw new InvalidOperationException("An entry does not open.");
            opening.Add(Stopwatch.GetElapsedTime(begun).TotalMicroseconds);
        }
        Console.WriteLine($"64 KiB, {(encrypt ? "AES-256-GCM" : "checksum")}: sealed in {Median(sealing):0.0} µs, opened in {Median(opening):0.0} µs");
    }

    private static double Median(IEnumerable<double> values) => values.Order().ElementAt(values.Count() / 2);

    private static double Rate(long begun) => (double)Pieces * Piece / (1 << 20) / Stopwatch.GetElapsedTime(begun).TotalSeconds;

    private static (double Write, double Read) Plain(string path)
    {
        using var file = new FileStream(Path.Combine(path, "plain"), new FileStreamOptions
        {
            Mode = FileMode.Create, Access = FileAccess.ReadWrite, BufferSize = 0, Options = FileOptions.DeleteOnClose,
        });
        var piece = new byte[Piece];
        var begun = Stopwatch.GetTimestamp();
        for (var i = 0L; i < Pieces; i++) RandomAccess.Write(file.SafeFileHandle, piece, i * Piece);
        var write = Rate(begun);
        begun = Stopwatch.GetTimestamp();
        for (var i = 0L; i < Pieces; i++) RandomAccess.Read(file.SafeFileHandle, piece, i * Piece);
        return (write, Rate(begun));
    }

    private static async Task<(double Write, double Read)> StoreAsync(string path, bool encrypt, int workers)
    {
        await using var store = new DiskBufferStore(new() { Path = path, MaxTotalBytes = 1L << 30, Encrypt = encrypt, Workers = workers });
        var loop = new ManualLoop();
        IBuffer buffer = null!;
        var begun = Stopwatch.GetTimestamp();
        loop.Wait(async () =>
        {
            buffer = store.TryCreate(loop, (long)Pieces * Piece)!;
            for (var i = 0; i < Pieces; i++)
            {
                await buffer.WaitForRoomAsync(CancellationToken.None);
                buffer.GetMemory(Piece);
                buffer.Advance(Piece);
            }
            buffer.Complete();
        });
        while (store.Entries.Unwritten > 0) loop.Wait(() => new ValueTask(Task.Run(Thread.Yield)));
        var write = Rate(begun);
        begun = Stopwatch.GetTimestamp();
        loop.Wait(async () =>
        {
            for (var at = 0L; at < buffer.Length;)
            {
                using var slice = await buffer.ReadAsync(at, Piece, CancellationToken.None);
                at += slice.Length;
            }
        });
        var read = Rate(begun);
        loop.Wait(buffer.DisposeAsync);
        return (write, read);
    }
}
