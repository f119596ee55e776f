using Cmi.Buffers;
using Cmi.Testing;

namespace Cmi.Tests;

/// <summary>What a test runs in a process of its own, to kill it.</summary>
internal static class Program
{
    public const string FillDisk = "fill-disk";

    private static async Task<int> Main(string[] arguments)
    {
        if (arguments is not [FillDisk, var path])
        {
            await Console.Error.WriteLineAsync("Run the tests with dotnet test.");
            return 2;
        }
        await FillDiskAsync(path);
        return 0;
    }

    /// <summary>Writes contents to a disk store and drops them again, until it is killed, or for a minute.</summary>
    private static async Task FillDiskAsync(string path)
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
