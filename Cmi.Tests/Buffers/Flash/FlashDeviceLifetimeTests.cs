using Cmi.Buffers;

namespace Cmi.Tests.Buffers.Flash;

/// <summary>Entries of random lengths that live for random times, and some for much longer: the log never holds much more than twice what lives.</summary>
public sealed class FlashDeviceLifetimeTests
{
    private const long Mebibyte = 1 << 20;
    private const int MeanLifetime = 200;                          // entries written meanwhile

    [TestCase(0.0, 1, 20_241)]
    [TestCase(0.001, 10, 20_242)]
    [TestCase(0.001, 100, 20_243)]
    [TestCase(0.01, 100, 20_244)]
    public Task EntriesAreFreedInAnyOrder_LogHoldsTwiceWhatLives(double longShare, int longFactor, int seed) =>
        RunAsync(entries: 1_500, longShare, longFactor, seed);

    [Test, Category("Slow")]
    public async Task ManyMoreEntries_LogHoldsTwiceWhatLives()
    {
        for (var seed = 1; seed <= 3; seed++) await RunAsync(entries: 25_000, longShare: 0.005, longFactor: 50, seed);
    }

    private static async Task RunAsync(int entries, double longShare, int longFactor, int seed)
    {
        using var directory = new FlashDirectory();
        await using var device = new FlashDevice(new(directory.Path, 256 * Mebibyte, 8 * Mebibyte));
        var segment = LogLayout.For(256 * Mebibyte, 8 * Mebibyte).SegmentBytes;
        var random = new Random(seed);
        var live = new PriorityQueue<(IDeviceEntry Entry, int Number), int>();
        var liveBytes = 0L;
        for (var number = 0; number < entries; number++)
        {
            while (live.TryPeek(out var oldest, out var dies) && dies <= number)
            {
                live.Dequeue();
                await EntryBytes.CheckAsync(device, oldest.Entry, oldest.Number);
                liveBytes -= oldest.Entry.Length;
                device.Free(oldest.Entry);
            }
            var length = random.Next(10) == 0 ? random.Next(1, 200) : random.Next(1, 65_600);
            var writing = device.WriteAsync(EntryBytes.Make(number, length), default).AsTask();

            // Reads while the log is written, and perhaps while what they read is moved.
            if (live.Count > 0)
            {
                var (entry, of) = live.UnorderedItems.ElementAt(random.Next(live.Count)).Element;
                await EntryBytes.CheckAsync(device, entry, of);
            }
            var written = await writing;
            Assert.That(written, Is.Not.Null);
            var lifetime = -Math.Log(1 - random.NextDouble()) * MeanLifetime * (random.NextDouble() < longShare ? longFactor : 1);
            live.Enqueue((written!, number), number + 1 + (int)lifetime);
            liveBytes += length;
            if (number % 500 == 499) await SettleAsync(device, () => liveBytes, segment, seed);
        }
        while (live.TryDequeue(out var left, out _))
        {
            await EntryBytes.CheckAsync(device, left.Entry, left.Number);
            device.Free(left.Entry);
        }
        await SettleAsync(device, () => 0, segment, seed);
    }

    /// <summary>The keeper copies a bounded amount in each turn; a write passes through at least one.</summary>
    private static async Task SettleAsync(FlashDevice device, Func<long> liveBytes, long segment, int seed)
    {
        var limit = (2 * liveBytes()) + ((FlashKeeper.SlackSegments + 1) * segment);
        for (var turns = 0; device.HeldBytes > limit; turns++)
        {
            Assert.That(turns, Is.LessThan(20), $"seed {seed}: the log holds {device.HeldBytes} bytes for {liveBytes()} live ones");
            device.Free((await device.WriteAsync(new byte[1], default))!);
        }
    }
}
