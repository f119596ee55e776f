using Cmi.Buffers;
using Cmi.Tests.EndToEnd;

namespace Cmi.Tests.Buffers.Flash;

/// <summary>A process that writes to flash is killed, again and again.</summary>
[Category("Slow")]
public sealed class FlashKillTests
{
    private const string Under = "under load";

    [Test, CancelAfter(120_000)]
    public async Task ProcessIsKilledUnderLoad_NothingIsLeftAndTheNextOneWorks(CancellationToken test)
    {
        using var directory = new FlashDirectory();
        for (var round = 0; round < 5; round++)
        {
            using var process = Programs.Start("dotnet", ["exec", typeof(FlashKillTests).Assembly.Location, "flash", directory.Path]);
            Assert.That(await process.StandardOutput.ReadLineAsync(test), Is.EqualTo(Under));
            process.Kill();
            await process.WaitForExitAsync(test);

            // Sweeps, should it have been killed between making a file and taking its name away.
            SegmentFiles.TryDirectory(directory.Path);
            Assert.That(Directory.EnumerateFileSystemEntries(directory.Path), Is.Empty);
        }
        await using var device = Make(directory.Path);
        var entry = await device.WriteAsync(EntryBytes.Make(1, 65_536), test);
        await EntryBytes.CheckAsync(device, entry!, 1);
    }

    /// <summary>Says so once it has written more than the device holds, and goes on.</summary>
    internal static async Task WriteUntilKilledAsync(string directory)
    {
        await using var device = Make(directory);
        var live = new Queue<(IDeviceEntry Entry, int Number)>();
        for (var number = 0; ; number += 8)
        {
            var written = await Task.WhenAll(Enumerable.Range(number, 8).Select(n => device.WriteAsync(EntryBytes.Make(n, 60_000), default).AsTask()));
            for (var i = 0; i < written.Length; i++) live.Enqueue((written[i]!, number + i));
            while (live.Count > 100)
            {
                var (entry, of) = live.Dequeue();
                await EntryBytes.CheckAsync(device, entry, of);
                device.Free(entry);
            }
            if (number == 1_600) Console.WriteLine(Under);
        }
    }

    private static FlashDevice Make(string directory) => new(new(directory, 64 << 20, 4 << 20));
}
