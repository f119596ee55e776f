using System.Diagnostics;
using Cmi.Buffers;
using Cmi.Testing;

namespace Cmi.Tests.Buffers.Disk;

[Category("Slow")]
public sealed class DiskKillTests
{
    [Test]
    [Platform(Exclude = "Win")]
    public async Task KilledUnderLoad_LeavesNothing()
    {
        var path = Directory.CreateTempSubdirectory("cmi-tests-").FullName;
        using var process = Process.Start(new ProcessStartInfo("dotnet", [typeof(DiskKillTests).Assembly.Location, "disk", path])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        })!;
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(50));
        try
        {
            Assert.That(await process.StandardOutput.ReadLineAsync(patience.Token), Is.EqualTo("filling"));
        }
        finally
        {
            process.Kill();                                        // SIGKILL
        }
        await process.WaitForExitAsync(patience.Token);
        Assert.That(Directory.EnumerateFileSystemEntries(path), Is.Empty);
        await using (var store = new DiskBufferStore(new() { Path = path, MaxTotalBytes = 64 << 20 })) Assert.That(store.UsedBytes, Is.Zero);
        Directory.Delete(path);
    }

    /// <summary>Writes contents and drops them again, until this process is killed, or for a minute.</summary>
    internal static async Task WriteUntilKilledAsync(string path)
    {
        await using var store = new DiskBufferStore(new() { Path = path, MaxTotalBytes = 128 << 20 });
        var loop = new ManualLoop();
        var kept = new Queue<IBuffer>();
        using var minute = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (!minute.IsCancellationRequested)
        {
            if (kept.Count > 40) loop.Wait(kept.Dequeue().DisposeAsync);
            var buffer = store.TryCreate(loop, null)!;
            kept.Enqueue(buffer);
            for (var piece = 0; piece < 32; piece++)
            {
                if (loop.Wait(() => buffer.WaitForRoomAsync(CancellationToken.None)) != Room.Ok) break;
                loop.Run(() => buffer.Advance(buffer.GetMemory(65_536).Length));
            }
            if (kept.Count == 20) Console.WriteLine("filling");
        }
    }
}
