using Cmi.Buffers;
using Cmi.Testing.Contracts;
using Cmi.Testing;
using Cmi.Tests.Harness;
using NUnit.Framework;

#pragma warning disable CA2012 // This store completes synchronously, which the tests hold it to.

namespace Cmi.Tests.Buffers;

public sealed class RamBufferStoreContractTests : BufferStoreContract
{
    protected override IBufferStore CreateStore() => new RamBufferStore(new() { MaxTotalBytes = 128 << 20 });

    protected override IBufferStore CreateFullStore()
    {
        var store = new RamBufferStore(new() { MaxTotalBytes = 256 << 10, MaxShare = 1 });
        RamBufferStoreTests.Fill(store.TryCreate(Loop, null)!);
        return store;
    }

    protected override void AssertNothingIsLeft(IBufferStore store)
    {
        var ram = (RamBufferStore)store;
        Assert.That((ram.UsedBytes, ram.LiveBuffers), Is.EqualTo((0L, 0)));
        Assert.That(ram.DrawnBytes, Is.LessThanOrEqualTo(ram.MaxTotalBytes / 256), "an idle loop keeps too much");
        Assert.That(ram.KeptBytes, Is.LessThanOrEqualTo(ram.MaxTotalBytes / 16), "an idle store keeps too much");
    }
}

public sealed class RamBufferStoreTests
{
    private const int KiB = 1024;
    private readonly ManualLoop _loop = new();

    /// <summary>Appends until there is no room.</summary>
    internal static long Fill(IBuffer buffer)
    {
        while (RoomOf(buffer) == Room.Ok) buffer.Advance(buffer.GetMemory(65_536).Length);
        return buffer.Length;
    }

    private static Room RoomOf(IBuffer buffer)
    {
        var room = buffer.WaitForRoomAsync(CancellationToken.None);
        Assert.That(room.IsCompletedSuccessfully, "asking for room had to wait");
        return room.GetAwaiter().GetResult();
    }

    private static void Dispose(IBuffer buffer) => Assert.That(buffer.DisposeAsync().IsCompletedSuccessfully);

    private static RamBufferStore Store(long kib, double reserve = 0, double share = 1) => new(new() { MaxTotalBytes = kib * KiB, ReserveShare = reserve, MaxShare = share });

    [Test]
    public void Budget_IsUsedToTheLastSegmentAndNeverExceeded([Values(256, 300, 1_024, 5_000, 40_000)] int kib)
    {
        var store = Store(kib);
        var filled = Fill(store.TryCreate(_loop, null)!);
        Assert.That(filled, Is.EqualTo(kib / 64 * 64 * KiB));
        Assert.That(store.UsedBytes, Is.EqualTo(filled));
        Assert.That(store.DrawnBytes, Is.InRange(filled, store.MaxTotalBytes));
    }

    [Test]
    public void Trim_LeavesNothingDrawn()
    {
        var store = Store(40_000);
        var buffer = store.TryCreate(_loop, null)!;
        Fill(buffer);
        Dispose(buffer);
        Assert.That(store.DrawnBytes, Is.GreaterThan(0), "nothing is kept for the next use");
        store.Trim(_loop);
        Assert.That((store.DrawnBytes, store.KeptBytes), Is.EqualTo((0, 0)));
    }

    [Test]
    public void SmallContents_UseTheBudgetToTheLastSegment()
    {
        var store = Store(256);
        var made = 0;
        for (; made < 1_000; made++)
        {
            var buffer = store.TryCreate(_loop, 100)!;
            if (RoomOf(buffer) == Room.Full) break;
            buffer.Advance(Math.Min(100, buffer.GetMemory(100).Length));
        }
        Assert.That(made, Is.EqualTo(64));
    }

    [Test]
    public void Full_IsRoomAgainAfterARelease()
    {
        var store = Store(256);
        var buffer = store.TryCreate(_loop, null)!;
        var length = Fill(buffer);
        Assert.That(() => buffer.GetMemory(1), Throws.InvalidOperationException);
        buffer.Release(65_536);
        Assert.That(RoomOf(buffer), Is.EqualTo(Room.Ok));
        buffer.Release(length);
        Assert.That(Fill(buffer) - length, Is.EqualTo(256 * KiB));
    }

    [Test]
    public void IdleSegmentsOfAnotherSize_DoNotMakeItFull()
    {
        var store = Store(256);
        var keeper = store.TryCreate(_loop, 10)!;
        var small = Enumerable.Range(0, 48).Select(_ => store.TryCreate(_loop, 10)!).ToArray();
        foreach (var buffer in small) buffer.GetMemory(1);
        foreach (var buffer in small) Dispose(buffer);
        Assert.That(Fill(store.TryCreate(_loop, null)!), Is.EqualTo(256 * KiB));
        Dispose(keeper);
    }

    [Test]
    public void Reserve_RefusesNewBuffersWhileOldOnesGrow()
    {
        var store = Store(1_024, reserve: 0.25);
        var buffer = store.TryCreate(_loop, null)!;
        while (store.UsedBytes <= 768 * KiB) buffer.Advance(buffer.GetMemory(65_536).Length);
        Assert.That(store.TryCreate(_loop, null), Is.Null);
        Assert.That(RoomOf(buffer), Is.EqualTo(Room.Ok));
        buffer.Release(buffer.Length);
        Assert.That(store.TryCreate(_loop, null), Is.Not.Null);
    }

    [Test]
    public void OneBuffer_HoldsItsShareAtMost()
    {
        var store = Store(1_024, share: 0.5);
        Assert.That(Fill(store.TryCreate(_loop, null)!), Is.EqualTo(512 * KiB));
        Assert.That(Fill(store.TryCreate(_loop, null)!), Is.EqualTo(512 * KiB));
        Assert.That(store.DrawnBytes, Is.EqualTo(1_024 * KiB));
    }

    [Test]
    public void SmallContent_HoldsOneSmallSegment()
    {
        var store = Store(1_024);
        var buffer = store.TryCreate(_loop, null)!;
        Assert.That(RoomOf(buffer), Is.EqualTo(Room.Ok));
        Assert.That(store.UsedBytes, Is.Zero, "an empty buffer holds memory");
        buffer.GetMemory(1);
        Assert.That(store.UsedBytes, Is.EqualTo(4 * KiB));
        buffer.GetMemory(5_000);
        Assert.That(store.UsedBytes, Is.EqualTo(16 * KiB), "an unused segment was kept");
        buffer.Complete();
        Assert.That(store.UsedBytes, Is.Zero);
    }

    [Test]
    public void SliceThatIsOut_KeepsItsSegment()
    {
        var store = Store(1_024);
        var buffer = store.TryCreate(_loop, 10)!;
        buffer.GetMemory(10);
        buffer.Advance(10);
        var slice = _loop.Wait(() => buffer.ReadAsync(0, 10, CancellationToken.None));
        Dispose(buffer);
        Assert.That((store.UsedBytes, store.LiveBuffers), Is.EqualTo((4L * KiB, 0)));
        slice.Dispose();
        slice.Dispose();
        Assert.That(store.UsedBytes, Is.Zero);
    }

    [Test]
    public void UseAfterDispose_Throws()
    {
        var buffer = Store(1_024).TryCreate(_loop, null)!;
        Dispose(buffer);
        Dispose(buffer);
        Assert.That(() => buffer.GetMemory(1), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => buffer.Advance(0), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => buffer.ReadAsync(0, 1, CancellationToken.None).AsTask().GetAwaiter().GetResult(), Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public void SecondWaitingRead_IsRefused()
    {
        var buffer = Store(1_024).TryCreate(_loop, null)!;
        var first = buffer.ReadAsync(0, 1, CancellationToken.None).AsTask();
        Assert.That(() => buffer.ReadAsync(0, 1, CancellationToken.None).AsTask().GetAwaiter().GetResult(), Throws.InvalidOperationException);
        buffer.Complete();
        Assert.That(first.IsCompletedSuccessfully);
    }

    [Test]
    public void SteadyState_AllocatesNothing()
    {
        var store = Store(64 << 10);
        var loop = new ManualLoop();
        for (var i = 0; i < 1_000; i++) OneContent();
        Assert.That(Allocations.Least(() =>
        {
            for (var i = 0; i < 1_000; i++) OneContent();
        }), Is.Zero);

        void OneContent()
        {
            var buffer = store.TryCreate(loop, null)!;
            for (var piece = 0; piece < 3; piece++)
            {
                if (buffer.WaitForRoomAsync(CancellationToken.None).Result != Room.Ok) throw new InvalidOperationException();
                buffer.Advance(Math.Min(3_000, buffer.GetMemory(3_000).Length));
            }
            buffer.Complete();
            for (var offset = 0L; offset < buffer.Length;)
            {
                var read = buffer.ReadAsync(offset, 65_536, CancellationToken.None);
                using var slice = read.Result;
                offset += slice.Length;
            }
            var disposed = buffer.DisposeAsync();
            if (!disposed.IsCompletedSuccessfully) throw new InvalidOperationException();
        }
    }

    [Test]
    public void Idle_KeepsOnePieceAtMost()
    {
        var store = Store(64 << 10);
        var buffers = Enumerable.Range(0, 100).Select(_ => store.TryCreate(_loop, null)!).ToArray();
        foreach (var buffer in buffers)
            for (var i = 0; i < 5; i++) buffer.Advance(buffer.GetMemory(65_536).Length);
        Assert.That(store.DrawnBytes, Is.GreaterThanOrEqualTo(500 * 64 * KiB));
        foreach (var buffer in buffers) Dispose(buffer);
        Assert.That((store.UsedBytes, store.LiveBuffers), Is.EqualTo((0L, 0)));
        Assert.That(store.DrawnBytes, Is.LessThanOrEqualTo((64 << 20) / 256));
    }

    [Test]
    public void Loops_ShareOneBudget()
    {
        var store = Store(4_096);
        var loops = new ManualLoops(4);
        var buffers = loops.All.Select(loop => store.TryCreate(loop, null)!).ToArray();
        for (var busy = true; busy;)
        {
            busy = false;
            foreach (var buffer in buffers)
            {
                if (RoomOf(buffer) != Room.Ok) continue;
                buffer.Advance(buffer.GetMemory(65_536).Length);
                busy = true;
                Assert.That(store.DrawnBytes, Is.LessThanOrEqualTo(store.MaxTotalBytes));
            }
        }
        Assert.That(store.UsedBytes, Is.GreaterThanOrEqualTo((4_096 - (4 * 64)) * KiB), "what loops draw ahead makes the store full early");
        Dispose(buffers[0]);
        Assert.That(RoomOf(buffers[3]), Is.EqualTo(Room.Ok), "memory that one loop has freed is not there for another");
        foreach (var buffer in buffers[1..]) Dispose(buffer);
        Assert.That(store.UsedBytes, Is.Zero);
    }

    [Test]
    public void BurstAfterBurst_UsesTheMemoryOfTheFirst()
    {
        var store = Store(8_192);
        var other = store.TryCreate(_loop, null)!;                  // the store is in use all the while
        other.Advance(other.GetMemory(65_536).Length);
        Dispose(FilledBuffer(store, _loop));
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var burst = 0; burst < 10; burst++) Dispose(FilledBuffer(store, _loop));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(512 * KiB), "memory was left to the garbage collector and made anew");
        Dispose(other);
        Assert.That(store.KeptBytes, Is.LessThanOrEqualTo(store.MaxTotalBytes / 16), "and is left to it when the store rests");

        static IBuffer FilledBuffer(RamBufferStore store, ManualLoop loop)
        {
            var buffer = store.TryCreate(loop, null)!;
            Fill(buffer);
            return buffer;
        }
    }

    [Test]
    public void LoopsOnThreads_NeverExceedTheBudget()
    {
        var store = Store(2_048);
        var (exceeded, faults) = (0, 0);
        var threads = Enumerable.Range(0, 4).Select(n => new Thread(() =>
        {
            var loop = new ManualLoop(n);
            var live = new Queue<IBuffer>();
            for (var i = 0; i < 3_000; i++)
            {
                var made = store.TryCreate(loop, loop.Random.Next(100_000));
                if (made is not null) live.Enqueue(made);
                if (live.TryPeek(out var oldest) && (live.Count > 6 || made is null))
                {
                    live.Dequeue();
                    if (!oldest.DisposeAsync().IsCompletedSuccessfully) Interlocked.Increment(ref faults);
                }
                foreach (var buffer in live)
                    if (buffer.WaitForRoomAsync(CancellationToken.None).GetAwaiter().GetResult() == Room.Ok) buffer.Advance(Math.Min(20_000, buffer.GetMemory(1).Length));
                if (store.DrawnBytes > store.MaxTotalBytes || store.UsedBytes > store.MaxTotalBytes) Interlocked.Increment(ref exceeded);
            }
            foreach (var buffer in live)
                if (!buffer.DisposeAsync().IsCompletedSuccessfully) Interlocked.Increment(ref faults);
        })).ToArray();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        Assert.That((exceeded, faults, store.UsedBytes, store.LiveBuffers), Is.EqualTo((0, 0, 0L, 0)));
    }
}
