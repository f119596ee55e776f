using System.Diagnostics;
using Cmi.Buffers;
using Cmi.Sockets;
using Cmi.Testing;

namespace Cmi.Tests.Buffers.Disk;

/// <summary>Real files, many contents, large ones, and all loops at once.</summary>
public sealed class DiskBufferStoreLoadTests
{
    private const int KiB = 1024;
    private const int MiB = 1024 * KiB;

    private string _path = "";

    [SetUp]
    public void SetUp() => _path = Directory.CreateTempSubdirectory("cmi-tests-").FullName;

    [TearDown]
    public void TearDown()
    {
        if (Directory.Exists(_path)) Directory.Delete(_path, recursive: true);
    }

    [Test]
    [Platform(Exclude = "Win")]
    public async Task DirectoryVanishes_NothingIsLostAndItIsMadeAgainWhenNeeded()
    {
        await using var store = new DiskBufferStore(new() { Path = _path, MaxTotalBytes = 64 * MiB, WriteBehindBytes = 0 });
        var loop = new ManualLoop();
        var before = Write(store, loop, 300 * KiB, 1);
        Directory.Delete(_path, recursive: true);
        var after = Write(store, loop, 300 * KiB, 2);
        Verify(loop, before, 1);
        Verify(loop, after, 2);
        loop.Wait(before.DisposeAsync);
        loop.Wait(after.DisposeAsync);
        DiskStores.AssertNothingIsLeft(store);
    }

    [Test]
    [Category("Slow")]
    public async Task TensOfThousandsOfContents_AreKeptApart()
    {
        const int Count = 50_000;
        await using var store = new DiskBufferStore(new() { Path = _path, MaxTotalBytes = 512 * MiB, MaxMemoryBytes = 16 * MiB });
        var loop = new ManualLoop();
        var buffers = new IBuffer[Count];
        loop.Wait(async () =>
        {
            for (var i = 0; i < Count; i++) await FillAsync(buffers[i] = store.TryCreate(loop, null)!, 1 + (i % 3_000), i);
        });
        Assert.That(store.Entries.Memory.Writing, Is.LessThanOrEqualTo(8 * MiB));
        loop.Wait(async () =>
        {
            for (var i = 0; i < Count; i += 2) await FillAsync(buffers[i], 100, i);
            foreach (var buffer in buffers) buffer.Complete();
            for (var i = 0; i < Count; i++) await CheckAsync(buffers[i], i, 0);
            foreach (var buffer in buffers) await buffer.DisposeAsync();
        });
        DiskStores.AssertNothingIsLeft(store);
    }

    [Test]
    [Category("Slow")]
    public async Task OneGibibyte_IsWholeWithinTheMemory([Values] bool encrypt)
    {
        await using var store = new DiskBufferStore(new() { Path = _path, MaxTotalBytes = 4L << 30, MaxMemoryBytes = 16 * MiB, Encrypt = encrypt });
        var loop = new ManualLoop();
        var buffer = Write(store, loop, 1L << 30, 5);
        Assert.That(store.Entries.Memory.Writing, Is.LessThanOrEqualTo(8 * MiB));
        Verify(loop, buffer, 5);
        Assert.That(store.Entries.Memory.Reading, Is.LessThanOrEqualTo(8 * MiB));
        loop.Wait(buffer.DisposeAsync);
        DiskStores.AssertNothingIsLeft(store);
    }

    /// <summary>Random lives of contents on real loops that share one small store, so that room, memory and readers run short all the time.</summary>
    [Test]
    [Category("Slow")]
    public async Task AllLoopsAtOnce_EachContentIsItsOwn([Values] bool encrypt, [Values] SocketTransport transport)
    {
        await using var store = new DiskBufferStore(new() { Path = _path, MaxTotalBytes = 48 * MiB, MaxMemoryBytes = 2 * MiB, MaxShare = 0.25, Encrypt = encrypt, Workers = 3 });
        await using var manager = new SocketConnectionManager(new() { Transport = transport, LoopCount = 4 });
        var lives = new List<Task>();
        foreach (var (loop, number) in manager.Loops.Select((loop, i) => (loop, i)))
        {
            for (var i = 0; i < 12; i++)
            {
                var seed = (number * 100) + i;
                var done = new TaskCompletionSource();
                loop.Post(_ => Live(store, loop, seed, done), null);
                lives.Add(done.Task);
            }
        }
        await Task.WhenAll(lives).WaitAsync(TimeSpan.FromMinutes(3));
        DiskStores.AssertNothingIsLeft(store);
    }

    [Test]
    [Category("Slow")]
    [Platform("Linux")]
    public async Task SmallFileSystem_IsFullAndNothingIsLost()
    {
        if (!await RunAsync("mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", _path)) Assert.Ignore("Mounting is not permitted here.");
        try
        {
            await using var store = new DiskBufferStore(new() { Path = _path, MaxTotalBytes = 1L << 30, MaxMemoryBytes = 16 * MiB, MaxShare = 1 });
            Assert.That(store.CapacityBytes, Is.InRange(16 * MiB, 24 * MiB), "it takes what is there");
            var other = Path.Combine(_path, "another program's");
            await File.WriteAllBytesAsync(other, new byte[12 * MiB]);
            var loop = new ManualLoop();
            var buffers = new List<IBuffer>();
            loop.Wait(async () =>
            {
                while (buffers.Count < 100 && store.TryCreate(loop, null) is { } buffer)
                {
                    buffers.Add(buffer);
                    if (!await FillAsync(buffer, MiB, buffers.Count)) break;
                }
            });
            Assert.That(buffers, Has.Count.InRange(8, 21));
            for (var i = 0; i < buffers.Count; i++) Verify(loop, buffers[i], i + 1);
            File.Delete(other);
            foreach (var buffer in buffers) loop.Wait(buffer.DisposeAsync);
            loop.Advance(TimeSpan.FromSeconds(2));
            var whole = Write(store, loop, 4 * MiB, 9);
            Verify(loop, whole, 9);
            loop.Wait(whole.DisposeAsync);
            DiskStores.AssertNothingIsLeft(store);
        }
        finally
        {
            await RunAsync("umount", _path);
        }
    }

    private static async void Live(DiskBufferStore store, ILoop loop, int seed, TaskCompletionSource done)
    {
        try
        {
            var random = new Random(seed);
            for (var round = 0; round < 60; round++)
            {
                if (store.TryCreate(loop, random.Next(2) == 0 ? random.Next(300_000) : null) is not { } buffer)
                {
                    await Task.Yield();
                    continue;
                }
                var released = 0L;
                for (var step = random.Next(1, 12); step > 0; step--)
                {
                    if (!await FillAsync(buffer, random.Next(1, 1 << random.Next(1, 19)), seed)) break;
                    if (random.Next(2) == 0) await CheckAsync(buffer, seed, random.NextInt64(released, buffer.Length));
                    if (random.Next(3) == 0) buffer.Release(released = random.NextInt64(released, buffer.Length + 1));
                }
                if (random.Next(4) > 0) buffer.Complete();
                if (random.Next(4) > 0) await CheckAsync(buffer, seed, released);
                Task<BufferSlice>? reading = released < buffer.Length && random.Next(3) == 0 ? buffer.ReadAsync(released, 50_000, CancellationToken.None).AsTask() : null;
                await buffer.DisposeAsync();                       // some while they are being written or read
                if (reading is { IsCompletedSuccessfully: true }) (await reading).Dispose();
                else if (reading is not null) Assert.That(reading.Exception?.InnerException, Is.InstanceOf<ObjectDisposedException>());
            }
            done.SetResult();
        }
        catch (Exception e)
        {
            done.SetException(e);
        }
    }

    /// <summary>Appends bytes of the pattern.</summary>
    /// <returns>Whether there was room for all of them.</returns>
    private static async ValueTask<bool> FillAsync(IBuffer buffer, long count, int salt)
    {
        for (var end = buffer.Length + count; buffer.Length < end;)
        {
            if (await buffer.WaitForRoomAsync(CancellationToken.None) is var room && room != Room.Ok)
            {
                Assert.That(room, Is.EqualTo(Room.Full));
                return false;
            }
            var memory = buffer.GetMemory(1);
            var piece = (int)Math.Min(memory.Length, end - buffer.Length);
            for (var i = 0; i < piece; i++) memory.Span[i] = StoreRig.ByteAt(buffer.Length + i, salt);
            buffer.Advance(piece);
        }
        return true;
    }

    private static async ValueTask CheckAsync(IBuffer buffer, int salt, long from)
    {
        for (var end = buffer.Length; from < end;)
        {
            using var slice = await buffer.ReadAsync(from, 64 * KiB, CancellationToken.None);
            if (slice.Length == 0) throw new InvalidDataException($"The content ended at {from}.");
            for (var i = 0; i < slice.Length; i++)
                if (slice.Memory.Span[i] != StoreRig.ByteAt(from + i, salt)) throw new InvalidDataException($"A wrong byte at {from + i}.");
            from += slice.Length;
        }
    }

    private static IBuffer Write(DiskBufferStore store, ManualLoop loop, long count, int salt) => loop.Wait(async () =>
    {
        var buffer = store.TryCreate(loop, count)!;
        if (!await FillAsync(buffer, count, salt)) throw new InvalidDataException("The store is full.");
        buffer.Complete();
        return buffer;
    });

    private static void Verify(ManualLoop loop, IBuffer buffer, int salt) => loop.Wait(() => CheckAsync(buffer, salt, 0));

    private static async Task<bool> RunAsync(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, UseShellExecute = false })!;
            await process.WaitForExitAsync();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;                                          // there is no such program
        }
    }
}
