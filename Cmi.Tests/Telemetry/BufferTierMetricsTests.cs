using Cmi.Buffers;
using Cmi.Testing;
using Cmi.Tests.Buffers.Disk;
using Cmi.Tests.Buffers.Flash;
using Cmi.Tests.Harness;
using Microsoft.Win32.SafeHandles;

namespace Cmi.Tests.Telemetry;

/// <summary>What a listener hears of each tier is what has happened in it.</summary>
public sealed class BufferTierMetricsTests
{
    private const int KiB = 1024, MiB = 1024 * KiB;
    private const int Contents = 14, ContentBytes = 64 * KiB;      // one extent and one entry each

    [Test]
    public async Task RamAndDisk_TellOfEachByteReadWriteAndFailure()
    {
        var (disk, clock) = (new ScriptedDisk(), new StepClock());
        disk.WriteFault = _ => clock.Take(milliseconds: 5);        // what each access takes
        disk.ReadFault = () => clock.Take(milliseconds: 3);
        var options = new DiskBufferOptions { MaxTotalBytes = 64 * MiB, MaxMemoryBytes = 16 * MiB, Workers = 1 };
        var lower = new DiskBufferStore(options, null, disk.Open, time: clock);
        await using var rig = new Rig(lower, lower.Entries);

        var moved = rig.FillUntilMoved();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(rig.Of("used", "ram"), Is.EqualTo(((Contents * ContentBytes) - moved)));
            Assert.That(rig.Of("used", "disk"), Is.InRange(moved, moved + EntryLoop.RoomBytes), "with what the loop has drawn for what comes next");
            Assert.That((rig.Of("capacity", "ram"), rig.Of("capacity", "disk")), Is.EqualTo((1.0 * MiB, 64.0 * MiB)));
            Assert.That((rig.Of("count", "ram"), rig.Of("count", "disk")), Is.EqualTo((Contents - (moved / ContentBytes), moved / ContentBytes)));
            Assert.That((rig.Of("moved", "ram"), rig.Of("moved", "disk")), Is.EqualTo((0.0, moved)));
            Assert.That((rig.Of("written", "ram"), rig.Of("written", "disk")), Is.EqualTo((0.0, moved)));
            Assert.That((rig.Of("read", "ram"), rig.Of("read", "disk")), Is.EqualTo((0.0, 0.0)));
            Assert.That(rig.Of("io.time", "disk"), Is.EqualTo(moved / ContentBytes * 0.005).Within(1e-9));
            Assert.That((rig.Of("failures", "ram"), rig.Of("failures", "disk"), rig.Of("io.time", "ram")), Is.EqualTo((0.0, 0.0, 0.0)));
        }

        rig.ReadAll();
        var written = moved / ContentBytes * 0.005;
        Assert.That(rig.Of("read", "disk"), Is.EqualTo(moved));
        Assert.That(rig.Of("io.time", "disk"), Is.EqualTo(written + (moved / ContentBytes * 0.003)).Within(1e-9));

        disk.ReadFault = () => new IOException("cable");
        Assert.That(rig.ReadAll(), Is.EqualTo(moved / ContentBytes), "as many reads failed as contents are there");
        Assert.That((rig.Of("failures", "ram"), rig.Of("failures", "disk")), Is.EqualTo((0.0, moved / ContentBytes)));
        Assert.That(rig.Of("read", "disk"), Is.EqualTo(moved), "what failed was not read");
    }

    [Test]
    public async Task RamAndFlash_TellOfEachByteReadWriteAndFailure()
    {
        using var directory = new FlashDirectory();
        var (flips, begun) = (false, TimeProvider.System.GetTimestamp());
        var options = new FlashBufferOptions { Path = directory.Path, MaxTotalBytes = 64 * MiB, MaxMemoryBytes = 16 * MiB };
        var lower = new FlashBufferStore(options, null, settings => settings with { MakeFiles = (path, held) => new FlippingFiles(path, held, () => Volatile.Read(ref flips)) });
        await using var rig = new Rig(lower, lower.Entries);

        var moved = rig.FillUntilMoved();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(rig.Of("used", "ram"), Is.EqualTo(((Contents * ContentBytes) - moved)));
            Assert.That(rig.Of("used", "flash"), Is.InRange(moved, 64.0 * MiB));
            Assert.That((rig.Of("capacity", "ram"), rig.Of("capacity", "flash")), Is.EqualTo((1.0 * MiB, 64.0 * MiB)));
            Assert.That((rig.Of("moved", "ram"), rig.Of("moved", "flash")), Is.EqualTo((0.0, moved)));
            Assert.That((rig.Of("written", "flash"), rig.Of("read", "flash")), Is.EqualTo((moved, 0.0)));
            Assert.That(rig.Of("failures", "flash"), Is.Zero);
        }
        var afterWrites = rig.Of("io.time", "flash");
        Assert.That(afterWrites, Is.Positive.And.LessThan(moved / ContentBytes * TimeProvider.System.GetElapsedTime(begun).TotalSeconds));

        Assert.That(rig.ReadAll(), Is.Zero);
        Assert.That(rig.Of("read", "flash"), Is.EqualTo(moved));
        Assert.That(rig.Of("io.time", "flash"), Is.GreaterThan(afterWrites));

        Volatile.Write(ref flips, true);
        var more = rig.FillUntilMoved();
        Assert.That(rig.Of("moved", "flash"), Is.EqualTo(moved + more), "a counter goes on");
        var failed = rig.ReadAll();
        Assert.That(failed, Is.Positive);
        Assert.That(rig.Of("failures", "flash"), Is.EqualTo(failed), "each entry that came back wrong");
    }

    /// <summary>A clock that goes on only by what an access takes.</summary>
    private sealed class StepClock : TimeProvider
    {
        private long _milliseconds;

        public override long TimestampFrequency => 1_000;

        public override long GetTimestamp() => Volatile.Read(ref _milliseconds);

        public Exception? Take(int milliseconds)
        {
            Interlocked.Add(ref _milliseconds, milliseconds);
            return null;
        }
    }

    private sealed class FlippingFiles(string directory, HeldSpace held, Func<bool> flips) : SegmentFiles(directory, held)
    {
        protected override void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long offset)
        {
            var changed = bytes.ToArray();
            for (var at = 5_000; flips() && at < changed.Length; at += 50_000) changed[at] ^= 4;
            base.Write(file, changed, offset);
        }
    }

    /// <summary>An engine over 1 MiB of RAM and a store below it, and a listener to its meter.</summary>
    private sealed class Rig : IAsyncDisposable
    {
        private readonly Measurements _measured = new();
        private readonly TieredBufferStore _store;
        private readonly TestGateway _gateway;
        private readonly List<IBuffer> _buffers = [];

        private readonly EntryBufferStore _entries;

        public Rig(IBufferStore lower, EntryBufferStore entries)
        {
            _entries = entries;
            _store = new([new RamBufferStore(new() { MaxTotalBytes = MiB, ReserveShare = 0 }), lower], new() { HighMark = 0.75, LowMark = 0.5, MaxShare = 1 });
            _gateway = new(servers: 1, store: _store, meters: _measured);
        }

        private ManualLoop Loop => (ManualLoop)_gateway.Transport.Loops[0];

        public double Of(string what, string tier) => _measured.Of("cmi.buffer." + what).Single(one => (string?)one["cmi.buffer.tier"] == tier).Value;

        /// <summary>Puts contents into RAM, more than it keeps, in place of those that were there.</summary>
        /// <returns>The bytes that moved down.</returns>
        public double FillUntilMoved()
        {
            foreach (var buffer in _buffers) Loop.Wait(buffer.DisposeAsync);
            _buffers.Clear();
            var before = Of("moved", _entries.Device.Name);
            for (var i = 0; i < Contents; i++)
            {
                _buffers.Add(Loop.Wait(async () =>
                {
                    var buffer = _store.TryCreate(Loop, ContentBytes)!;
                    while (buffer.Length < ContentBytes)
                    {
                        Assert.That(await buffer.WaitForRoomAsync(CancellationToken.None), Is.EqualTo(Room.Ok));
                        var memory = buffer.GetMemory(1);
                        var count = (int)Math.Min(memory.Length, ContentBytes - buffer.Length);
                        memory.Span[..count].Fill((byte)i);
                        buffer.Advance(count);
                    }
                    buffer.Complete();
                    return buffer;
                }));
            }

            // Until RAM is at its low mark, and nothing is under way.
            var lower = _entries.Device.Name;
            for (var round = 0; Of("used", "ram") > 0.5 * MiB || _entries.Unwritten > 0 || Of("written", lower) > Of("moved", lower); round++)
            {
                if (round == 200_000) throw new TimeoutException("RAM stays above its mark.");
                _gateway.Advance(0.3);
                Loop.Wait(() => new ValueTask(Task.Run(Thread.Yield)));
            }
            return Of("moved", _entries.Device.Name) - before;
        }

        /// <summary>Reads all contents.</summary>
        /// <returns>How many could not be.</returns>
        public int ReadAll()
        {
            var failed = 0;
            foreach (var buffer in _buffers)
            {
                try
                {
                    Loop.Wait(async () =>
                    {
                        for (var at = 0L; at < ContentBytes;)
                        {
                            using var slice = await buffer.ReadAsync(at, ContentBytes, CancellationToken.None);
                            at += slice.Length;
                        }
                    });
                }
                catch (IOException)
                {
                    failed++;
                }
            }
            return failed;
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var buffer in _buffers) Loop.Wait(buffer.DisposeAsync);
            await _gateway.DisposeAsync();
            Loop.Wait(_store.DisposeAsync);
            _measured.Dispose();
        }
    }
}
