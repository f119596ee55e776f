using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using Cmi.Buffers;
using FASTER.core;

namespace Cmi.Benchmarks.Stores;

/// <summary>
/// What the device makes of FasterLog, beside FasterLog alone with its own file device: the same pages, memory, segments and commits, no checksum, no encryption.
/// Rounds are interleaved, since a medium's speed drifts; the ratios of each round are what counts. Where others use the machine, look at those by the
/// processor time of this process.
/// </summary>
/// <param name="parent">The directory on the medium.</param>
/// <param name="page">Where the figures go.</param>
internal sealed class FlashFigures(string parent, StoresPage page)
{
    private const int EntryBytes = 64 << 10;
    private const int Entries = 8_192;                             // 512 MiB
    private const int Rounds = 7;
    private const int Passes = 3;                                  // of reading, which takes too short a time else
    private const int CommitEvery = (16 << 20) / EntryBytes;
    private static readonly LogLayout Layout = LogLayout.For(1L << 30, 16L << 20);

    private readonly byte[] _entry = new byte[EntryBytes];

    public async Task MeasureAsync(int writers)
    {
        Random.Shared.NextBytes(_entry);
        var figures = new Dictionary<string, List<Speed>>();
        for (var round = 0; round <= Rounds; round++)
        {
            // The first round warms up.
            foreach (var (name, speed) in await RoundAsync(round, writers))
                if (round > 0) (figures.TryGetValue(name, out var list) ? list : figures[name] = []).Add(speed);
        }
        page.Begin("Flash", $"512 MiB in entries of 64 KiB from {writers} writers, and read back, beside FasterLog alone with the same pages, memory, segments and commits: over its own file "
            + "device, with and without the system's cache. No checksum, no encryption; the rows of the store, a content through one buffer on one loop, have its checksum.", "", "lowest", "median", "highest");
        foreach (var (name, speeds) in figures) Print($"{name}, MB/s", speeds.Select(speed => speed.Wall));
        foreach (var what in new[] { "write", "read 1 at once", "read 8 at once" })
        {
            if (figures.TryGetValue($"store {what}", out var store))
                Print($"{what}: store / bare, cached", store.Zip(figures[$"bare, cached {what}"]).Select(pair => pair.First.Wall / pair.Second.Wall));
            foreach (var bare in new[] { "bare, synchronous", "bare, cached" })
            {
                var pairs = figures[$"device {what}"].Zip(figures[$"{bare} {what}"]).ToArray();
                Print($"{what}: device / {bare}", pairs.Select(pair => pair.First.Wall / pair.Second.Wall));
                Print($"{what}: device / {bare}, by processor time", pairs.Select(pair => pair.First.Processor / pair.Second.Processor));
            }
        }
    }

    private void Print(string name, IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        page.Row([name, .. new[] { sorted[0], sorted[sorted.Length / 2], sorted[^1] }.Select(value => value.ToString(value < 100 ? "0.00" : "N0", CultureInfo.InvariantCulture))]);
    }

    private async Task<List<(string, Speed)>> RoundAsync(int round, int writers)
    {
        var figures = new List<(string, Speed)>();

        // Each comes first, in between and last in turn: what is written before one is still on its way to the medium while that is measured.
        for (var i = 0; i < 4; i++)
        {
            switch ((round + i) % 4)
            {
                case 2: await DeviceAsync(writers, figures); break;
                case 3: await StoreAsync(figures); break;
                case var bare: await BareAsync(direct: bare == 0, figures); break;
            }
        }
        return figures;
    }

    private async Task DeviceAsync(int writers, List<(string, Speed)> figures)
    {
        using var directory = new Scratch(parent);
        await using var device = new FlashDevice(new(directory.Path, 1L << 30, 16L << 20));
        var entries = new IDeviceEntry[Entries];
        figures.Add(("device write", await SpeedAsync(1, () => Task.WhenAll(Enumerable.Range(0, writers).Select(writer => Task.Run(async () =>
        {
            for (var i = writer; i < Entries; i += writers) entries[i] = (await device.WriteAsync(_entry, default))!;
        }))))));
        foreach (var readers in new[] { 1, 8 })
        {
            figures.Add(($"device read {readers} at once", await SpeedAsync(Passes, () => Task.WhenAll(Enumerable.Range(0, readers).Select(reader => Task.Run(async () =>
            {
                var into = new byte[EntryBytes];
                for (var i = reader; i < Entries * Passes; i += readers) await device.ReadAsync(entries[i % Entries], into, default);
            }))))));
        }
    }

    private async Task StoreAsync(List<(string, Speed)> figures)
    {
        using var directory = new Scratch(parent);
        await using var store = new FlashBufferStore(new() { Path = directory.Path, MaxTotalBytes = 1L << 30, MaxShare = 1, ReserveShare = 0, Encrypt = false });
        var processor = Environment.CpuUsage.TotalTime;
        var (write, read) = StorePass.Run(store, Entries);
        var share = (Environment.CpuUsage.TotalTime - processor) / (write + read);      // of both together: how it is divided is not known
        figures.Add(("store write", Speed.Of(1, write, write * share)));
        figures.Add(("store read 1 at once", Speed.Of(1, read, read * share)));
    }

    private async Task BareAsync(bool direct, List<(string, Speed)> figures)
    {
        var name = direct ? "bare, synchronous" : "bare, cached";
        using var directory = new Scratch(parent);
        using var file = new ManagedLocalStorageDevice(Path.Combine(directory.Path, "bare"), deleteOnClose: true, disableFileBuffering: direct) { ThrottleLimit = 16 };
        using var settings = new FasterLogSettings
        {
            LogDevice = file,
            LogCommitManager = new NoCommits(),
            PageSize = Layout.PageBytes,
            MemorySize = Layout.MemoryBytes,
            SegmentSize = Layout.SegmentBytes,
            TryRecoverLatest = false,
        };
        using var log = new FasterLog(settings);
        var addresses = new long[Entries];
        figures.Add(($"{name} write", await SpeedAsync(1, () => Task.Run(async () =>
        {
            for (var i = 0; i < Entries; i++)
            {
                addresses[i] = await log.EnqueueAsync(_entry);
                if (i % CommitEvery == CommitEvery - 1) await log.CommitAsync();
            }
            await log.CommitAsync();
        }))));
        foreach (var readers in new[] { 1, 8 })
        {
            figures.Add(($"{name} read {readers} at once", await SpeedAsync(Passes, () => Task.WhenAll(Enumerable.Range(0, readers).Select(reader => Task.Run(async () =>
            {
                for (var i = reader; i < Entries * Passes; i += readers)
                {
                    var (owner, length) = await log.ReadAsync(addresses[i % Entries], MemoryPool<byte>.Shared, EntryBytes);
                    if (length != EntryBytes) throw new InvalidOperationException("FasterLog did not give back what it took.");
                    owner.Dispose();
                }
            }))))));
        }
    }

    private static async Task<Speed> SpeedAsync(int passes, Func<Task> work)
    {
        var (begun, processor) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
        await work();
        return Speed.Of(passes, Stopwatch.GetElapsedTime(begun), Environment.CpuUsage.TotalTime - processor);
    }

    private sealed class Scratch(string parent) : IDisposable
    {
        public string Path { get; } = Directory.CreateDirectory(System.IO.Path.Combine(parent, $"cmi-figures-{Environment.ProcessId}-{Guid.NewGuid():N}")).FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }

    /// <summary>MB for each second that went by, and for each second of a processor.</summary>
    private readonly record struct Speed(double Wall, double Processor)
    {
        public static Speed Of(int passes, TimeSpan wall, TimeSpan processor)
        {
            var megabytes = (double)passes * Entries * EntryBytes / 1e6;
            return new(megabytes / wall.TotalSeconds, megabytes / processor.TotalSeconds);
        }
    }
}
