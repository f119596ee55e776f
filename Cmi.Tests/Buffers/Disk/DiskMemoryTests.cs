using Cmi.Buffers;

namespace Cmi.Tests.Buffers.Disk;

/// <summary>What is bounded stays bounded, whoever is slow: the disk or a reader.</summary>
public sealed class DiskMemoryTests
{
    private const int KiB = 1024;
    private const int MiB = 1024 * KiB;

    [Test]
    public async Task StalledDisk_SendersWaitWithinTheMemory()
    {
        await using var rig = new StoreRig(o => o.MaxMemoryBytes = 4 * MiB);
        rig.Disk.Stall();
        var waits = new List<(IBuffer Buffer, Task<Room> Waiting, int Salt)>();
        for (var i = 0; i < 20; i++)
        {
            var buffer = rig.Create();
            Assert.That(rig.AppendWithoutWaiting(buffer, 2 * MiB, out var waiting, i), Is.Null);
            waits.Add((buffer, waiting!, i));
        }
        Assert.That(waits.All(w => w.Waiting is { IsCompleted: false }));
        Assert.That(rig.Store.Entries.Memory.Writing, Is.InRange(1 * MiB, 2 * MiB));
        Assert.That(waits.Select(w => w.Buffer.Length).Max(), Is.LessThan(MiB), "one sender does not take all");

        rig.Disk.GoOn();
        foreach (var (buffer, waiting, salt) in waits)
        {
            Assert.That(rig.Loop.Wait(() => new ValueTask<Room>(waiting)), Is.EqualTo(Room.Ok));
            rig.AssertContent(buffer, salt);
        }
        rig.End();
    }

    [Test]
    public async Task WhatIsInMemory_IsReadAtOnceWhileTheDiskStalls()
    {
        await using var rig = new StoreRig();
        rig.Disk.Stall();
        var buffer = rig.Whole(500 * KiB);
        rig.AssertContent(buffer);
        rig.Dispose(rig.Whole(100));                               // it was never begun with
        Assert.That(rig.Store.Entries.Memory.Writing, Is.LessThan(700 * KiB));
        rig.End();
    }

    [Test]
    public async Task SlowReaders_KeepNobodyFromWritingOrReading()
    {
        await using var rig = new StoreRig(o => o.MaxMemoryBytes = 2 * MiB);
        var slices = new List<BufferSlice>();
        for (var i = 0; i < 60; i++)
        {
            var (stored, fresh) = (rig.Whole(64 * KiB, salt: i), rig.Create());
            rig.Append(fresh, 20 * KiB, salt: i);
            slices.Add(rig.WaitAsTimePasses(() => stored.ReadAsync(0, 64 * KiB, CancellationToken.None)));
            if (i < 30) slices.Add(rig.WaitAsTimePasses(() => fresh.ReadAsync(0, 64 * KiB, CancellationToken.None)));
        }
        Assert.That(slices[^1].Length, Is.LessThanOrEqualTo(4 * KiB), "lent in small copies where memory is scarce");
        var quick = rig.Whole(400 * KiB, salt: 7);
        for (var at = 0L; at < quick.Length;)
        {
            using var slice = rig.WaitAsTimePasses(() => quick.ReadAsync(at, 64 * KiB, CancellationToken.None));
            for (var i = 0; i < slice.Length; i++) Assert.That(slice.Memory.Span[i], Is.EqualTo(StoreRig.ByteAt(at + i, 7)));
            at += slice.Length;
        }
        Assert.That(rig.Store.Entries.Memory.Writing + rig.Store.Entries.Memory.Reading, Is.LessThanOrEqualTo(2 * MiB));
        rig.Loop.Run(() => slices.ForEach(s => s.Dispose()));
        rig.End();
    }

    [Test]
    public async Task ReadersBeyondTheMemory_WaitForThoseBeforeThem()
    {
        await using var rig = new StoreRig(o => o.MaxMemoryBytes = 1 * MiB);
        var buffers = Enumerable.Range(0, 200).Select(i => rig.Whole(8 * KiB, salt: i)).ToArray();
        rig.Settle();
        var reads = new List<Task<BufferSlice>>();
        rig.Loop.Run(() => reads.AddRange(buffers.Select(b => b.ReadAsync(0, 8 * KiB, CancellationToken.None).AsTask())));
        rig.TurnUntil(() => reads.Count(r => r.IsCompleted) >= 20);
        rig.Loop.Advance(TimeSpan.FromMilliseconds(20));           // nothing comes back: others get small pieces
        rig.TurnUntil(() => reads.Count(r => r.IsCompleted) >= 50);
        Assert.That(rig.Store.Entries.Memory.Reading, Is.LessThanOrEqualTo(512 * KiB));
        var waiting = Enumerable.Range(0, reads.Count).ToList();
        while (waiting.Count > 0)
        {
            var done = rig.WaitAsTimePasses(() => new ValueTask<Task<BufferSlice>>(Task.WhenAny(waiting.Select(i => reads[i]))));
            var salt = reads.IndexOf(done);
            waiting.Remove(salt);
            Assert.That(done.Result.Memory.Span[0], Is.EqualTo(StoreRig.ByteAt(0, salt)));
            rig.Loop.Run(done.Result.Dispose);
        }
        rig.End();
    }

    [Test]
    public async Task ManyQuickReaders_ReadEachEntryOnce()
    {
        const int each = 512 * KiB;
        await using var rig = new StoreRig(o => o.MaxMemoryBytes = 1 * MiB);
        var buffers = Enumerable.Range(0, 60).Select(i => rig.Whole(each, salt: i)).ToArray();
        rig.Settle();
        var reading = new List<Task>();
        rig.Loop.Run(() => reading.AddRange(buffers.Select((buffer, salt) => ReadAsync(buffer, salt))));
        rig.TurnUntil(() => reading.TrueForAll(r => r.IsCompleted));
        Assert.That(reading.Select(r => r.Exception), Is.All.Null);
        Assert.That(rig.Store.GetUsage()[0].ReadBytes, Is.LessThan(1.1 * buffers.Length * each), "whole entries were read for a small part of them");
        rig.End();

        static async Task ReadAsync(IBuffer buffer, int salt)
        {
            for (var at = 0L; at < buffer.Length;)
            {
                using var slice = await buffer.ReadAsync(at, 64 * KiB, CancellationToken.None);
                Assert.That(slice.Memory.Span[^1], Is.EqualTo(StoreRig.ByteAt(at + slice.Length - 1, salt)));
                at += slice.Length;
            }
        }
    }

    [Test]
    public async Task SmallContents_TakeSmallPlaces()
    {
        await using var rig = new StoreRig();
        for (var i = 0; i < 1_000; i++) rig.Whole(100, salt: i);
        rig.Settle();
        Assert.That(rig.Store.Device.UsedBytes, Is.EqualTo(1_000 * KiB));
        rig.End();
    }

    [Test]
    public async Task OneContent_TakesNoMoreThanItsShare()
    {
        await using var rig = new StoreRig(o => (o.MaxTotalBytes, o.MaxShare) = (32 * MiB, 0.25));
        var buffer = rig.Create();
        while (rig.Room(buffer) == Room.Ok) rig.Append(buffer, 64 * KiB);
        Assert.That(buffer.Length, Is.InRange(7 * MiB, 8 * MiB));
        Assert.That(rig.TryCreate(), Is.Not.Null);
        rig.Loop.Run(() => buffer.Release(64 * KiB));
        Assert.That(rig.Room(buffer), Is.EqualTo(Room.Ok));
        rig.End();
    }

    [Test]
    public async Task FullStore_GivesNoBufferUntilSomethingIsFreed()
    {
        await using var rig = new StoreRig(o => (o.MaxTotalBytes, o.MaxShare, o.ReserveShare) = (16 * MiB, 1, 0.25));
        var buffers = new List<IBuffer>();
        while (rig.TryCreate() is { } buffer)
        {
            buffers.Add(buffer);
            rig.Append(buffer, 1 * MiB);
            rig.Settle();
        }
        Assert.That(buffers, Has.Count.InRange(9, 12));
        rig.Append(buffers[0], 1 * MiB);                           // the reserve is for those that live
        rig.Dispose(buffers[0]);
        Assert.That(rig.TryCreate(), Is.Not.Null);
        rig.End();
    }

    [Test]
    public async Task IdleDisk_GivesItsPlaceBack()
    {
        await using var rig = new StoreRig(o => o.MaxTotalBytes = 200 * MiB);
        var large = rig.Whole(60 * MiB);
        rig.Settle();
        Assert.That(rig.Disk.Files[0].Length, Is.GreaterThanOrEqualTo(60 * MiB));
        rig.Dispose(large);
        rig.TurnUntil(() => rig.Disk.Files[0].Length < 10 * MiB);
        rig.AssertContent(rig.Whole(30 * MiB, salt: 2), salt: 2);
        rig.End();
    }

    [Test]
    public async Task StoreEndsWhileAllIsUnderWay_EverythingAnswers()
    {
        var rig = new StoreRig(o => o.MaxMemoryBytes = 1 * MiB);
        var stored = rig.Whole(200 * KiB);
        rig.Settle();
        rig.Disk.Stall();
        var buffer = rig.Create();
        rig.AppendWithoutWaiting(buffer, 4 * MiB, out var waiting);
        Task<BufferSlice> reading = null!;
        rig.Loop.Run(() => reading = stored.ReadAsync(0, 1, CancellationToken.None).AsTask());
        var ending = rig.Store.DisposeAsync().AsTask();
        rig.Disk.GoOn();
        rig.Loop.Wait(() => new ValueTask(ending));
        Assert.That(rig.Loop.Wait(() => new ValueTask<Room>(waiting!)), Is.EqualTo(Room.Failed));
        rig.TurnUntil(() => reading.IsCompleted);
        if (reading.IsCompletedSuccessfully) rig.Loop.Run(() => reading.Result.Dispose());
        Assert.That(() => rig.TryCreate(), Throws.InstanceOf<ObjectDisposedException>());
        Assert.That(() => rig.Read(stored, 100 * KiB), Throws.InstanceOf<IOException>());
        rig.End();
        await rig.DisposeAsync();
    }
}
