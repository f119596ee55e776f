using Cmi.Buffers;
using Cmi.Testing;
using Cmi.Tests.Harness;
using Microsoft.Win32.SafeHandles;

namespace Cmi.Tests.Buffers.Flash;

/// <summary>The store over a medium that lies, fails or fills: what comes back is right or does not come back.</summary>
public sealed class FlashBufferStoreTests
{
    private const int Piece = 64 << 10;

    [TestCase(true)]
    [TestCase(false)]
    public async Task MediumFlipsABit_ReadFailsAndIsLogged(bool encrypt)
    {
        using var directory = new FlashDirectory();
        var (loop, log) = (new ManualLoop(), new EngineTestLog());
        await using var store = Make(directory, log, encrypt, files: (path, held) => new FlippingFiles(path, held));
        var buffer = Write(loop, store, 4 << 20);
        var failure = Assert.Catch(() => Read(loop, buffer, 4 << 20));
        Assert.That(failure, Is.InstanceOf<IOException>().Or.InstanceOf<InvalidDataException>());
        Assert.That(log.Count(4002), Is.Positive, log.ToString());
        Assert.That(store.GetUsage()[0].Failures, Is.Positive);
        loop.Wait(() => buffer.DisposeAsync());
    }

    [Test]
    public async Task LogFailsOnce_NothingIsLostThatTheStoreStillHas()
    {
        using var directory = new FlashDirectory();
        var (loop, log, failures) = (new ManualLoop(), new EngineTestLog(), 0);
        await using var store = Make(directory, log, encrypt: true, files: (path, held) => new FailingFiles(path, held, () => Interlocked.Exchange(ref failures, 0) > 0));
        var before = Write(loop, store, 2 << 20);
        Volatile.Write(ref failures, 1);
        var after = Write(loop, store, 2 << 20);
        Read(loop, before, 2 << 20);
        Read(loop, after, 2 << 20);
        Assert.That(store.Device.Logs.Failed, Is.EqualTo(1));
        Assert.That(log.Count(4003), Is.EqualTo(1), log.ToString());
        loop.Wait(() => before.DisposeAsync());
        loop.Wait(() => after.DisposeAsync());
    }

    [Test, Category("Slow"), CancelAfter(120_000)]
    public async Task FileSystemFills_StoreIsFullAndGoesOnWhenThereIsRoom(CancellationToken test)
    {
        using var files = SmallFileSystem.Mount(mebibytes: 48);
        var (loop, log) = (new ManualLoop(), new EngineTestLog());
        var store = new FlashBufferStore(new() { Path = files.Path, MaxTotalBytes = 40 << 20, MaxShare = 1, MaxMemoryBytes = 16 << 20, LogMemoryBytes = 4 << 20 }, log, change: null);

        // Others take what the store was promised.
        var other = Path.Combine(files.Path, "other");
        await File.WriteAllBytesAsync(other, new byte[30 << 20], test);
        var buffer = loop.Wait(() => new ValueTask<IBuffer?>(store.TryCreate(loop, null)))!;
        var length = Fill(loop, buffer);
        Assert.That(length, Is.InRange(4 << 20, 20 << 20));
        Read(loop, buffer, length);
        loop.Wait(() => buffer.DisposeAsync());

        File.Delete(other);
        IBuffer? again = null;
        while (again is null)
        {
            test.ThrowIfCancellationRequested();
            again = loop.Wait(async () =>
            {
                await Task.Yield();
                return store.TryCreate(loop, null);
            });
        }
        length = Fill(loop, again);
        Assert.That(length, Is.GreaterThan(20 << 20));
        Read(loop, again, length);
        loop.Wait(() => again.DisposeAsync());
        loop.Wait(() => store.DisposeAsync());
        Assert.That(Directory.EnumerateFileSystemEntries(files.Path), Is.Empty);
    }

    private static FlashBufferStore Make(FlashDirectory directory, EngineTestLog log, bool encrypt, Func<string, HeldSpace, SegmentFiles> files) =>
        new(new() { Path = directory.Path, MaxTotalBytes = 64 << 20, Encrypt = encrypt, MaxMemoryBytes = 1 << 20 }, log, settings => settings with { MakeFiles = files });

    private static IBuffer Write(ManualLoop loop, FlashBufferStore store, long length)
    {
        var buffer = loop.Wait(() => new ValueTask<IBuffer?>(store.TryCreate(loop, length)))!;
        while (buffer.Length < length)
        {
            Assert.That(loop.Wait(() => buffer.WaitForRoomAsync(CancellationToken.None)), Is.EqualTo(Room.Ok));
            loop.Run(() => Append(buffer, length - buffer.Length));
        }
        loop.Run(buffer.Complete);
        return buffer;
    }

    private static long Fill(ManualLoop loop, IBuffer buffer)
    {
        while (loop.Wait(() => buffer.WaitForRoomAsync(CancellationToken.None)) == Room.Ok) loop.Run(() => Append(buffer, Piece));
        loop.Run(buffer.Complete);
        return buffer.Length;
    }

    private static void Append(IBuffer buffer, long atMost)
    {
        var memory = buffer.GetMemory(1).Span;
        var count = (int)Math.Min(memory.Length, atMost);
        for (var i = 0; i < count; i++) memory[i] = ByteAt(buffer.Length + i);
        buffer.Advance(count);
    }

    private static void Read(ManualLoop loop, IBuffer buffer, long length)
    {
        for (var offset = 0L; offset < length;)
        {
            var from = offset;
            offset += loop.Wait(async () =>
            {
                using var slice = await buffer.ReadAsync(from, Piece, CancellationToken.None);
                Check(slice.Memory.Span, from);
                return slice.Memory.Length;
            });
        }
    }

    private static void Check(ReadOnlySpan<byte> bytes, long from)
    {
        Assert.That(bytes.Length, Is.Positive);
        for (var i = 0; i < bytes.Length; i++)
            if (bytes[i] != ByteAt(from + i)) Assert.Fail($"A wrong byte at {from + i}.");
    }

    private static byte ByteAt(long offset) => (byte)((offset * 31) ^ (offset >> 8) ^ (offset >> 16));

    private sealed class FlippingFiles(string directory, HeldSpace held) : SegmentFiles(directory, held)
    {
        protected override void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long offset)
        {
            var changed = bytes.ToArray();
            for (var at = 5_000; at < changed.Length; at += 50_000) changed[at] ^= 4;
            base.Write(file, changed, offset);
        }
    }
}
