using Cmi.Buffers;

namespace Cmi.Tests.Buffers.Disk;

/// <summary>What is only here to be read soon is not written; what must be is.</summary>
public sealed class DiskWriteBehindTests
{
    private const int KiB = 1024;
    private const int MiB = 1024 * KiB;

    private static StoreRig Rig() => new(o => (o.MaxMemoryBytes, o.WriteBehindBytes) = (16 * MiB, 2 * MiB));

    private static long Written(StoreRig rig) => rig.Store.GetUsage()[0].WrittenBytes;

    [Test]
    public async Task ContentThatIsReadBeforeThereIsMore_IsNeverWritten()
    {
        await using var rig = Rig();
        for (var i = 0; i < 50; i++)
        {
            var buffer = rig.Whole(1 * MiB, salt: i);
            rig.AssertContent(buffer, salt: i);
            if (i % 2 == 0) rig.Loop.Run(() => buffer.Release(buffer.Length));
            rig.Dispose(buffer);
            Assert.That(rig.Store.Entries.Unwritten, Is.Zero, "it waits for nothing any more");
        }
        Assert.That(Written(rig), Is.Zero);
        rig.End();
    }

    [Test]
    public async Task MoreThanMayWait_TheOldestIsWritten()
    {
        await using var rig = Rig();
        var buffers = Enumerable.Range(0, 6).Select(i => rig.Whole(1 * MiB, salt: i)).ToArray();
        rig.TurnUntil(() => Written(rig) == 4 * MiB);
        rig.TurnUntil(() => rig.Store.Entries.Memory.Writing <= 2 * MiB + EntryLoop.RoomBytes);
        rig.Disk.ReadFault = () => new IOException("must not be read");
        foreach (var salt in new[] { 4, 5 }) rig.AssertContent(buffers[salt], salt);
        rig.Disk.ReadFault = () => null;
        foreach (var salt in new[] { 0, 1, 2, 3 }) rig.AssertContent(buffers[salt], salt);
        Assert.That(Written(rig), Is.EqualTo(4 * MiB));
        rig.End();
    }

    [Test]
    public async Task Flushed_IsWrittenAtOnceAndNothingElseIs()
    {
        await using var rig = Rig();
        var (waiting, flushed) = (rig.Whole(500 * KiB, salt: 1), rig.Create());
        rig.Append(flushed, 300 * KiB, salt: 2);
        rig.Loop.Wait(() => ((IFlushableBuffer)flushed).FlushAsync(CancellationToken.None));
        Assert.That(Written(rig), Is.EqualTo(300 * KiB));
        rig.AssertContent(waiting, salt: 1);
        rig.AssertContent(flushed, salt: 2);
        rig.End();
    }

    [Test]
    public async Task SomebodyWaitsForMemory_WhatWaitsIsWritten()
    {
        await using var rig = new StoreRig(o => (o.MaxMemoryBytes, o.WriteBehindBytes) = (2 * MiB, 1 * MiB));
        var waits = new List<(IBuffer Buffer, Task<Room>? Waiting)>();
        rig.Disk.Stall();
        for (var i = 0; i < 6; i++)
        {
            var buffer = rig.Create();
            Assert.That(rig.AppendWithoutWaiting(buffer, 256 * KiB, out var waiting, i), Is.Null);
            waits.Add((buffer, waiting));
        }
        Assert.That(waits.Exists(w => w.Waiting is not null), "the memory is not enough for all");
        rig.Disk.GoOn();
        foreach (var (_, waiting) in waits)
            if (waiting is not null) Assert.That(rig.Loop.Wait(() => new ValueTask<Room>(waiting)), Is.EqualTo(Room.Ok));
        Assert.That(Written(rig), Is.Positive);
        for (var i = 0; i < 6; i++) rig.AssertContent(waits[i].Buffer, i);
        rig.End();
    }

    [Test]
    public async Task StoreEnds_WhatWaitsFails()
    {
        var rig = Rig();
        var buffer = rig.Whole(500 * KiB);
        await rig.Store.DisposeAsync();
        rig.Settle();
        Assert.That(buffer.State, Is.EqualTo(BufferState.Failed));
        Assert.That(Written(rig), Is.Zero);
        rig.End();
        await rig.DisposeAsync();
    }
}
