using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Cmi.Buffers;

namespace Cmi.Benchmarks.Stores;

/// <summary>
/// What the store costs beside plain reading and writing of the same pieces, in interleaved rounds.
/// </summary>
internal static class DiskFigures
{
    private const int Piece = StorePass.Piece;
    private const int Pieces = 4_096;
    private const int Rounds = 9;
    private const int WarmRounds = 4;                              // until nothing is compiled any more

    public static async Task MeasureAsync(string directory, StoresPage page)
    {
        var path = Directory.CreateDirectory(Path.Combine(directory, $"cmi-figures-{Environment.ProcessId}")).FullName;
        var figures = new Dictionary<string, List<(double Write, double Read)>>();
        for (var round = -WarmRounds; round < Rounds; round++)
        {
            if (round == 0) figures.Clear();
            Add("RandomAccess", Plain(path, buffers: 1));
            Add("RandomAccess, 128 buffers in turn", Plain(path, buffers: 128));
            Add("RandomAccess, asynchronous calls", await AsynchronousAsync(path));
            Add("RandomAccess, 2 threads", await TwoThreadsAsync(path));
            foreach (var workers in new[] { 1, 2 })
                foreach (var encrypt in new[] { false, true }) Add($"store{(encrypt ? ", encrypted" : "")}, {workers} + {workers} workers", await StoreAsync(path, encrypt, workers));
        }
        Directory.Delete(path, recursive: true);
        page.Begin("Disk", "256 MiB in pieces of 64 KiB through one buffer on one loop, all of it written out before it is read, beside plain `RandomAccess` with the same pieces: on one thread, "
            + "out of one buffer that stays in the nearest cache, and out of 8 MiB in turn, as content comes from connections; by the asynchronous calls, one after the other, as one would from a "
            + "loop that must not block; and on two threads at once. All of it in the system's page cache. In brackets: the share of the first. Rows of the store: entries that are written and "
            + "that are read at once.", "", "write MiB/s", "read MiB/s", "both");
        foreach (var (name, rounds) in figures)
        {
            var write = Median(rounds.Select((r, i) => r.Write / figures["RandomAccess"][i].Write));
            var read = Median(rounds.Select((r, i) => r.Read / figures["RandomAccess"][i].Read));
            var both = Median(rounds.Select((r, i) => Both(r) / Both(figures["RandomAccess"][i])));
            page.Row(name, Format(rounds.Select(r => r.Write), write), Format(rounds.Select(r => r.Read), read), both.ToString("0.00", CultureInfo.InvariantCulture));
        }

        void Add(string name, (double, double) figure)
        {
            if (!figures.TryGetValue(name, out var list)) figures.Add(name, list = []);
            list.Add(figure);
        }

        static string Format(IEnumerable<double> rates, double ratio) => string.Create(CultureInfo.InvariantCulture, $"{Median(rates):N0} ({ratio:0.00})");

        static double Both((double Write, double Read) figure) => 1 / ((1 / figure.Write) + (1 / figure.Read));
    }

    public static void MeasureSealing(StoresPage page)
    {
        page.Begin("Seals", "One entry of 64 KiB on one thread.", "", "sealed in µs", "opened in µs");
        MeasureSealing(encrypt: true, page);
        MeasureSealing(encrypt: false, page);
    }

    private static void MeasureSealing(bool encrypt, StoresPage page)
    {
        using var seal = new EntrySeal(encrypt ? RandomNumberGenerator.GetBytes(32) : []);
        var content = new byte[Piece];
        var entry = new byte[Piece];
        var (sealing, opening) = (new List<double>(), new List<double>());
        for (var i = 0UL; i < 20_000; i++)
        {
            var id = new EntryId(1, 2, 3, i);
            var begun = Stopwatch.GetTimestamp();
            var tag = seal.Seal(id, content, entry);
            sealing.Add(Stopwatch.GetElapsedTime(begun).TotalMicroseconds);
            begun = Stopwatch.GetTimestamp();
            if (!seal.TryOpen(id, tag, encrypt ? entry : content)) throw new InvalidOperationException("An entry does not open.");
            opening.Add(Stopwatch.GetElapsedTime(begun).TotalMicroseconds);
        }
        page.Row(encrypt ? "AES-256-GCM" : "checksum", Median(sealing).ToString("0.0", CultureInfo.InvariantCulture), Median(opening).ToString("0.0", CultureInfo.InvariantCulture));
    }

    private static double Median(IEnumerable<double> values) => values.Order().ElementAt(values.Count() / 2);

    private static double Rate(long begun) => Rate(Stopwatch.GetElapsedTime(begun));

    private static double Rate(TimeSpan took) => (double)Pieces * Piece / (1 << 20) / took.TotalSeconds;

    private static (double Write, double Read) Plain(string path, int buffers)
    {
        using var file = Make(path);
        var handle = file.SafeFileHandle;                          // once: the stream seeks each time that it gives it
        var pieces = Enumerable.Range(0, buffers).Select(_ => new byte[Piece]).ToArray();
        foreach (var piece in pieces) piece.AsSpan().Fill(1);      // the system gives their memory now, not while it is measured
        var begun = Stopwatch.GetTimestamp();
        for (var i = 0; i < Pieces; i++) RandomAccess.Write(handle, pieces[i % buffers], (long)i * Piece);
        var write = Rate(begun);
        begun = Stopwatch.GetTimestamp();
        for (var i = 0; i < Pieces; i++) RandomAccess.Read(handle, pieces[i % buffers], (long)i * Piece);
        return (write, Rate(begun));
    }

    private static async Task<(double Write, double Read)> AsynchronousAsync(string path)
    {
        using var file = Make(path);
        var (piece, handle) = (new byte[Piece], file.SafeFileHandle);
        var begun = Stopwatch.GetTimestamp();
        for (var i = 0; i < Pieces; i++) await RandomAccess.WriteAsync(handle, piece, (long)i * Piece);
        var write = Rate(begun);
        begun = Stopwatch.GetTimestamp();
        for (var i = 0; i < Pieces; i++) await RandomAccess.ReadAsync(handle, piece, (long)i * Piece);
        return (write, Rate(begun));
    }

    private static async Task<(double Write, double Read)> TwoThreadsAsync(string path)
    {
        using var file = Make(path);
        var handle = file.SafeFileHandle;
        var begun = Stopwatch.GetTimestamp();
        await HalvesAsync((piece, at) => RandomAccess.Write(handle, piece, at));
        var write = Rate(begun);
        begun = Stopwatch.GetTimestamp();
        await HalvesAsync((piece, at) => RandomAccess.Read(handle, piece, at));
        return (write, Rate(begun));

        static Task HalvesAsync(Action<byte[], long> access) => Task.WhenAll(Enumerable.Range(0, 2).Select(half => Task.Run(() =>
        {
            var piece = new byte[Piece];
            for (var i = half; i < Pieces; i += 2) access(piece, (long)i * Piece);
        })));
    }

    private static FileStream Make(string path) => new(Path.Combine(path, "plain"), new FileStreamOptions
    {
        Mode = FileMode.Create, Access = FileAccess.ReadWrite, BufferSize = 0, Options = FileOptions.DeleteOnClose,
    });

    private static async Task<(double Write, double Read)> StoreAsync(string path, bool encrypt, int workers)
    {
        await using var store = new DiskBufferStore(new() { Path = path, MaxTotalBytes = 1L << 30, Encrypt = encrypt, Workers = workers });
        var (write, read) = StorePass.Run(store, Pieces);
        return (Rate(write), Rate(read));
    }
}
