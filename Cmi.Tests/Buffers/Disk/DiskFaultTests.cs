using Cmi.Buffers;

namespace Cmi.Tests.Buffers.Disk;

/// <summary>What becomes of contents when the disk fails, fills, stalls or lies.</summary>
public sealed class DiskFaultTests
{
    private const int KiB = 1024;

    [Test]
    public async Task WriteFailsOnce_AnotherFileTakesTheEntry()
    {
        await using var rig = new StoreRig();
        var failed = 0;
        rig.Disk.WriteFault = file => file == 1 && Interlocked.Exchange(ref failed, 1) == 0 ? new IOException("bad sector") : null;
        var buffer = rig.Whole(300 * KiB);
        rig.Settle();
        Assert.That(buffer.State, Is.EqualTo(BufferState.Whole));
        rig.AssertContent(buffer);
        Assert.That((rig.Disk.Files.Count, rig.Store.GetUsage()[0].Failures), Is.EqualTo((2, 1L)));
        Assert.That(rig.TryCreate(), Is.Not.Null);
        rig.End();
        rig.TurnUntil(() => rig.Disk.Files[0].IsClosed);           // nothing is in it any more
        Assert.That(rig.Disk.Files[1].IsClosed, Is.False);
    }

    [Test]
    public async Task WritesFail_ContentIsLostVisibly()
    {
        await using var rig = new StoreRig();
        var buffer = rig.Create();
        rig.Append(buffer, 64 * KiB);
        rig.Settle();
        rig.Disk.WriteFault = _ => new IOException("dead");
        rig.AppendWithoutWaiting(buffer, 100 * KiB, out _);
        rig.Settle();
        Assert.That(buffer.State, Is.EqualTo(BufferState.Failed));
        Assert.That(rig.Room(buffer), Is.EqualTo(Room.Failed));
        Assert.That(rig.Read(buffer, 0), Has.Length.EqualTo(64 * KiB), "what was written before can be read");
        Assert.That(() => rig.Read(buffer, 64 * KiB), Throws.InstanceOf<IOException>());
        Assert.That(() => rig.Read(buffer, buffer.Length), Throws.InstanceOf<IOException>());
        rig.End();
    }

    [Test]
    public async Task WaitsForRoomOfALostContent_AreToldSo()
    {
        await using var rig = new StoreRig(o => o.MaxMemoryBytes = 1 << 20);
        rig.Disk.Stall();
        var buffer = rig.Create();
        rig.AppendWithoutWaiting(buffer, 4 << 20, out var waiting);
        Assert.That(waiting!.IsCompleted, Is.False);
        rig.Disk.WriteFault = _ => new IOException("dead");
        rig.Disk.GoOn();
        Assert.That(rig.Loop.Wait(() => new ValueTask<Room>(waiting)), Is.EqualTo(Room.Failed));
        rig.End();
    }

    [Test]
    public async Task DeadDisk_IsLeftAloneForLongerAndLonger_AndUsedAgain()
    {
        await using var rig = new StoreRig();
        var tries = 0;
        rig.Disk.WriteFault = _ =>
        {
            Interlocked.Increment(ref tries);
            return new IOException("dead");
        };
        var buffer = rig.Whole(100);
        rig.Settle();
        Assert.That(buffer.State, Is.EqualTo(BufferState.Failed));
        Assert.That(rig.TryCreate(), Is.Null);
        Assert.That(tries, Is.EqualTo(2));
        foreach (var pause in new[] { 1, 2, 4, 8, 16, 32, 60, 60 })
        {
            var before = tries;
            rig.Loop.Advance(TimeSpan.FromSeconds(pause) - TimeSpan.FromMilliseconds(2));
            Assert.That(rig.TryCreate(), Is.Null);
            rig.Loop.RunUntilIdle();
            Assert.That(tries, Is.EqualTo(before), $"tried before {pause} s were over");
            rig.Loop.Advance(TimeSpan.FromMilliseconds(2));
            var failures = rig.Store.GetUsage()[0].Failures;
            for (var i = 0; i < 5; i++) Assert.That(rig.TryCreate(), Is.Null, "nobody's content tries the disk");
            rig.TurnUntil(() => rig.Log.Count(4000) > 0 && rig.Store.GetUsage()[0].Failures > failures);
            rig.Loop.RunUntilIdle();
            Assert.That(tries, Is.EqualTo(before + 1), $"after {pause} s");
        }
        Assert.That(rig.Log.Count(4000), Is.EqualTo(9), "one line for each try");
        rig.Disk.WriteFault = _ => null;
        rig.Loop.Advance(TimeSpan.FromSeconds(60));
        Assert.That(rig.TryCreate(), Is.Null);
        rig.TurnUntil(() => rig.Log.Count(4001) == 1);
        rig.AssertContent(rig.Whole(200 * KiB));
        rig.End();
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task DeadDiskIsTried_WhatItIsTriedWithIsFreed(bool cannotBeReadBack)
    {
        await using var rig = new StoreRig();
        rig.Disk.WriteFault = _ => new IOException("dead");
        rig.Whole(100);
        rig.Settle();
        Assert.That(rig.TryCreate(), Is.Null);
        rig.Disk.WriteFault = _ => null;
        if (cannotBeReadBack) rig.Disk.ReadFault = () => new IOException("dead still");
        var failures = rig.Store.GetUsage()[0].Failures;
        rig.Loop.Advance(TimeSpan.FromSeconds(1));
        Assert.That(rig.TryCreate(), Is.Null, "this asks for the try");
        rig.TurnUntil(() => rig.Log.Count(4001) == 1 || rig.Store.GetUsage()[0].Failures > failures);
        rig.Loop.RunUntilIdle();
        Assert.That(rig.Log.Count(4001), Is.EqualTo(cannotBeReadBack ? 0 : 1));
        Assert.That(rig.Store.Entries.Device.UsedBytes, Is.Zero);
        rig.End();
    }

    [Test]
    public async Task DirectoryThatCannotBeUsed_IsTriedAgainWhereItIsNotRequired()
    {
        IOException? fault = new("no such disk");
        Assert.That(() => new StoreRig(script: d => d.OpenFault = () => fault), Throws.InstanceOf<IOException>());
        await using var rig = new StoreRig(o => o.IsRequired = false, d => d.OpenFault = () => fault);
        Assert.That(rig.TryCreate(), Is.Null);
        rig.TurnUntil(() => rig.Log.Count(4000) == 2);
        fault = null;
        Assert.That(rig.TryCreate(), Is.Null);
        rig.Loop.Advance(TimeSpan.FromSeconds(1));
        Assert.That(rig.TryCreate(), Is.Null);
        rig.TurnUntil(() => rig.Log.Count(4001) == 1);
        rig.AssertContent(rig.Whole(100 * KiB));
        rig.End();
    }

    [Test]
    public async Task NoSpace_NothingIsLostAndRoomIsFull()
    {
        await using var rig = new StoreRig();
        var first = rig.Whole(640 * KiB, salt: 1);
        rig.Settle();
        rig.Disk.WriteFault = _ => ScriptedDisk.NoSpace();
        rig.Disk.FreeBytes = 0;
        var second = rig.Create();
        Assert.That(rig.AppendWithoutWaiting(second, 64 * KiB, out _, salt: 2), Is.Null);
        rig.Settle();
        Assert.That(rig.Room(second), Is.EqualTo(Room.Full));
        Assert.That(rig.TryCreate(), Is.Null);
        rig.AssertContent(second, salt: 2);
        Assert.That((second.State, rig.Store.GetUsage()[0].Failures), Is.EqualTo((BufferState.Open, 0L)), "full is no failure");

        // Whether others have made room is looked at now and then; what that found must not come after what is found below.
        rig.TurnUntil(() => !rig.Store.Entries.Health.IsProbing);
        rig.Disk.WriteFault = _ => null;
        rig.Dispose(first);
        rig.Settle();
        Assert.That(rig.Store.Entries.Memory.Writing, Is.LessThan(64 * KiB + EntryLoop.RoomBytes), "what waited for a place was written");
        rig.Append(second, 64 * KiB, salt: 2);
        rig.AssertContent(second, salt: 2);
        rig.End();
    }

    [Test]
    public async Task NoSpaceAndAllIsGivenUp_TheStoreWorksAgain()
    {
        await using var rig = new StoreRig();
        rig.Disk.WriteFault = _ => ScriptedDisk.NoSpace();
        var buffer = rig.Create();
        rig.AppendWithoutWaiting(buffer, 500 * KiB, out _);
        rig.Settle();
        rig.Dispose(buffer);
        Assert.That(rig.Store.Entries.Memory.Writing, Is.Zero);
        Assert.That(rig.TryCreate(), Is.Null);
        rig.Disk.WriteFault = _ => null;
        rig.Disk.FreeBytes = 1L << 30;
        rig.Loop.Advance(TimeSpan.FromSeconds(1));                 // it has a look from time to time, where somebody asks
        rig.TurnUntil(() => rig.TryCreate() is not null);
        rig.End();
    }

    [Test]
    public async Task OthersMakeRoom_WhatWaitedInMemoryIsWritten()
    {
        await using var rig = new StoreRig();
        rig.Disk.WriteFault = _ => ScriptedDisk.NoSpace();
        rig.Disk.FreeBytes = 0;
        var buffer = rig.Create();
        rig.AppendWithoutWaiting(buffer, 500 * KiB, out _);
        rig.Settle();
        Assert.That(rig.Room(buffer), Is.EqualTo(Room.Full));
        rig.Disk.WriteFault = _ => null;
        rig.Disk.FreeBytes = 1L << 30;
        rig.TurnUntil(() =>
        {
            rig.Loop.Advance(TimeSpan.FromSeconds(1));
            return rig.Room(buffer) == Room.Ok;
        });
        rig.Append(buffer, 100 * KiB);
        rig.Settle();
        Assert.That(rig.Store.Device.UsedBytes, Is.GreaterThanOrEqualTo(buffer.Length - (64 * KiB)), "all but what is not full yet");
        rig.AssertContent(buffer);
        rig.End();
    }

    [Test]
    public async Task ShortWritesAndReads_GoOnWhereTheyStopped([Values(1, 1_000, 65_535)] int count)
    {
        await using var rig = new StoreRig(script: d => d.MaxCount = count);
        var buffer = rig.Whole(count == 1 ? 3_000 : 300 * KiB);
        rig.Settle();
        rig.AssertContent(buffer);
        rig.End();
    }

    [Test]
    public async Task FlippedByte_IsNeverDelivered([Values] bool encrypt, [Values(0, 1, 32, 40_000, 65_535, 65_536, 65_540)] int at)
    {
        await using var rig = new StoreRig(o => o.Encrypt = encrypt);
        var buffer = rig.Whole(200 * KiB);
        rig.Settle();
        var second = rig.Whole(64 * KiB, salt: 3);
        rig.Settle();
        rig.Disk.Files[0].FlipBits(at);
        var before = rig.Store.GetUsage()[0].Failures;
        var refused = 0;
        for (var offset = 0L; offset < buffer.Length; offset += 64 * KiB)
        {
            try
            {
                var bytes = rig.Read(buffer, offset);
                for (var i = 0; i < bytes.Length; i++) Assert.That(bytes[i], Is.EqualTo(StoreRig.ByteAt(offset + i, 0)));
            }
            catch (IOException)
            {
                refused++;
            }
        }
        Assert.That(refused, Is.EqualTo(1));
        Assert.That(rig.Store.GetUsage()[0].Failures - before, Is.InRange(refused, 3 * refused), "counted, read ahead or not");
        rig.AssertContent(second, salt: 3);
        rig.End();
    }

    [Test]
    public async Task ReadFails_ThatReadFailsAndTheNextMayWork()
    {
        await using var rig = new StoreRig();
        var buffer = rig.Whole(100 * KiB);
        rig.Settle();
        rig.Disk.ReadFault = () => new IOException("cable");
        for (var i = 0; i < 20; i++) Assert.That(() => rig.Read(buffer, 0), Throws.InstanceOf<IOException>());
        Assert.That(rig.Log.Count(4002), Is.InRange(5, 8), "not one line for each");
        rig.Disk.ReadFault = () => null;
        rig.AssertContent(buffer);
        rig.End();
    }
}
