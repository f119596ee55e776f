using Cmi.Buffers;
using Cmi.Testing;
using Cmi.Tests.Harness;

#pragma warning disable CA2012 // Memory completes synchronously, which the test holds it to.

namespace Cmi.Tests.Buffers;

/// <summary>What moves between tiers, and when.</summary>
public sealed class TieredBufferStoreTests : TieredRig
{
    [Test]
    public void Young_StaysInTheFirstTier()
    {
        var buffers = Enumerable.Range(0, 5).Select(i => Create(60 * KiB, i)).ToList();
        Wait();
        Assert.That((Middle.Made, Ram.LiveBuffers), Is.EqualTo((0, 5)));
        for (var i = 0; i < 5; i++) AssertContent(buffers[i], 0, 60 * KiB, i);
    }

    [Test]
    public void FirstTierAboveItsMark_TheOldestThatWaitsMovesUntilTheLowMark()
    {
        var buffers = Enumerable.Range(0, 13).Select(i => Create(64 * KiB, i)).ToList();
        Wait();
        Assert.That(Ram.UsedBytes, Is.InRange(400 * KiB, 512 * KiB), "down to the low mark and no further");
        Assert.That(Moved(1), Is.EqualTo(Middle.Held));
        for (var i = 0; i < 13; i++) AssertContent(buffers[i], 0, 64 * KiB, i);
        Dispose(buffers[12]);                                       // the youngest is still in memory
        Assert.That(Ram.UsedBytes, Is.LessThan(460 * KiB));
    }

    [Test]
    public void OfThoseThatWait_TheLargestMoves()
    {
        var small = Enumerable.Range(0, 20).Select(i => Create(4 * KiB, i)).ToList();
        var large = Enumerable.Range(0, 12).Select(i => Create(60 * KiB, i)).ToList();
        Wait();
        Assert.That((Middle.Live, Middle.Held % (60 * KiB)), Is.EqualTo((Middle.Made, 0L)));
        Assert.That(Middle.Live, Is.InRange(4, 8));
        for (var i = 0; i < 20; i++) AssertContent(small[i], 0, 4 * KiB, i);
        for (var i = 0; i < 12; i++) AssertContent(large[i], 0, 60 * KiB, i);
    }

    [Test]
    public void ReadByAFastClient_Stays()
    {
        var read = Create(128 * KiB, 1);
        for (var i = 0; i < 10; i++) Create(64 * KiB, 2 + i);
        AssertContent(read, 0, 100, 1);
        Create(64 * KiB, 12);                                       // now memory is above its mark
        for (var round = 0; round < 20; round++)
        {
            AssertContent(read, 0, 100, 1);                         // and no further: its client takes a little at a time, again and again
            Loop.Advance(TimeSpan.FromMilliseconds(50));
        }
        Assert.That(Middle.Live, Is.GreaterThan(0), "others moved");
        Middle.FailsReads = true;
        AssertContent(read, 0, 64 * KiB, 1);
        Middle.FailsReads = false;
    }

    [Test]
    public void LargeContentOfAFastClient_OnlyWhatComesNextStays()
    {
        var read = Create(512 * KiB, 1);
        AssertContent(read, 0, 100, 1);
        for (var i = 0; i < 6; i++) Create(64 * KiB, 2 + i);        // now memory is above its mark
        AssertContent(read, 0, 100, 1);
        Loop.Advance(TimeSpan.FromMilliseconds(1));
        Assert.That(Middle.Held, Is.GreaterThan(0), "its end waits, however quick its client is");
        Middle.FailsReads = true;
        AssertContent(read, 0, 128 * KiB, 1);
        Middle.FailsReads = false;
        AssertContent(read, 0, 512 * KiB, 1);
    }

    [Test]
    public void ComesFasterThanMemoryFrees_GoesDownAtOnce()
    {
        var buffer = Create(10 * 1024 * KiB, 3);
        Assert.That(Ram.UsedBytes, Is.LessThanOrEqualTo(900 * KiB));
        Assert.That(Middle.Held, Is.GreaterThan(9 * 1024 * KiB));
        AssertContent(buffer, 0, 10 * 1024 * KiB, 3);
    }

    [Test]
    public void HugeContent_HoldsNoMoreOfATierThanItsShare()
    {
        var store = new TieredBufferStore([Ram, Middle], new() { MaxShare = 0.25 });
        var huge = Create(5 * 1024 * KiB, 1, store);
        Assert.That(Ram.UsedBytes, Is.LessThanOrEqualTo(256 * KiB));
        AssertContent(huge, 0, 5 * 1024 * KiB, 1);
    }

    [Test]
    public void MovedWhileASliceIsOut_TheSliceStaysValid()
    {
        var buffer = Create(64 * KiB, 7);
        var slice = Loop.Wait(() => buffer.ReadAsync(0, 50 * KiB, CancellationToken.None));
        var expected = slice.Memory.ToArray();
        FillMemory();
        Wait();
        Assert.That(Middle.Held, Is.GreaterThan(0));
        Create(64 * KiB, 99);
        Assert.That(slice.Memory.Span.SequenceEqual(expected));
        Loop.Run(slice.Dispose);
        AssertContent(buffer, 0, 64 * KiB, 7);
    }

    [Test]
    public void LowerTierTakesItsTime_TheUpperCopyStaysUntilItIsKept()
    {
        var buffers = FillMemory(() => Middle.Defers = true);
        const int before = 13 * 64 * KiB;
        Wait();
        Assert.That((Ram.UsedBytes, Middle.Live > 0), Is.EqualTo((before, true)), "nothing goes before it is kept below");
        for (var i = 0; i < buffers.Count; i++) AssertContent(buffers[i], 0, 64 * KiB, i);
        Middle.Defers = false;
        Answer();
        Assert.That(Ram.UsedBytes, Is.LessThan(before));
        for (var i = 0; i < buffers.Count; i++) AssertContent(buffers[i], 0, 64 * KiB, i);
    }

    [Test]
    public void ReleasedOrDisposedWhileItMoves_NothingIsLeftAndTheRestIsRight()
    {
        var buffers = FillMemory(() => Middle.Defers = true);
        Wait();
        for (var i = 0; i < buffers.Count; i += 2) Dispose(buffers[i]);
        for (var i = 1; i < buffers.Count; i += 2) On(() => buffers[i].Release(40 * KiB));
        Middle.Defers = false;
        Answer();
        for (var i = 1; i < buffers.Count; i += 2) AssertContent(buffers[i], 40 * KiB, 64 * KiB, i);
    }

    [Test]
    public void ReadWhileALowerTierIsReadForAMove_WaitsForItsTurn()
    {
        Middle.Capacity = 2_000 * KiB;
        var first = Create(1500 * KiB, 1);
        Lowest.RefusesBuffers = true;
        var other = On(() => Store.TryCreate(Loop, null))!;
        Made.Add(other);
        while (RoomOf(other) == Room.Ok) AppendPiece(other, 64 * KiB, 2);
        (Lowest.RefusesBuffers, Middle.Defers) = (false, true);
        Loop.Advance(TimeSpan.FromMilliseconds(100));
        Assert.That(Middle.Deferred, Is.GreaterThan(0), "the middle is read");
        Task reading = null!;
        Loop.Run(() => reading = ReadAll());
        Middle.Defers = false;
        Answer();
        Assert.That(reading.IsCompletedSuccessfully, $"{reading.Status} {reading.Exception}");

        async Task ReadAll()
        {
            for (var at = 0L; at < first.Length;)
            {
                using var slice = await first.ReadAsync(at, 64 * KiB, CancellationToken.None);
                for (var i = 0; i < slice.Length; i++, at++)
                    if (slice.Memory.Span[i] != ByteAt(at, 1)) throw new InvalidOperationException($"A wrong byte at {at}.");
            }
        }
    }

    [Test]
    public void ReadWhenTheMoveHasItsBytesAndHasNotGoneOn_IsReadAtOnce()
    {
        var (store, content) = BeginToMove();
        Middle.Defers = false;
        ValueTask<BufferSlice> reading = default;
        Loop.Post(_ => reading = content.ReadAsync(0, 1000, CancellationToken.None), null);
        Middle.AnswerDeferred();                                    // from elsewhere: the move goes on in its own turn, behind the read
        Loop.RunUntilIdle();
        Assert.That(reading.IsCompletedSuccessfully);
        Loop.Run(reading.Result.Dispose);
        FinishMove(store, content);
    }

    [Test]
    public void ReadWhileAMoveWaitsForRoomBelow_TheMoveGivesWay()
    {
        var (store, content) = BeginToMove();
        Loop.Run(Middle.AnswerDeferred);
        Assert.That((Middle.Deferred, Lowest.Deferred), Is.EqualTo((0, 2)), "the move has read a piece and waits for room below");
        Task reading = null!;
        Loop.Run(() => reading = content.ReadAsync(0, 1000, CancellationToken.None).AsTask());
        Loop.Run(Lowest.AnswerDeferred);
        Assert.That((reading.IsCompleted, Middle.Deferred, store.GetUsage()[0].Failures), Is.EqualTo((false, 1, 0L)), "no second read beside the first, which would have looked like a fault of the tier");
        FinishMove(store, content);
        Assert.That(reading.IsCompletedSuccessfully);
    }

    [Test]
    public void DisposedOfWhileALowerTierIsAskedForRoom_OthersKeepWhatIsTheirs()
    {
        var store = new TieredBufferStore([Middle, Lowest]);
        IBuffer Begin() => On(() => store.TryCreate(Loop, null))!;
        var left = Begin();
        Assert.That(RoomOf(left), Is.EqualTo(Room.Ok));
        var capacity = Middle.Capacity;
        (Middle.Capacity, Lowest.Defers) = (0, true);
        Task asking = null!;
        On(() => { asking = left.WaitForRoomAsync(CancellationToken.None).AsTask(); });
        Assert.That(Lowest.Deferred, Is.EqualTo(1), "the first has no room any more, the second is asked");
        Dispose(left);
        (Middle.Capacity, Lowest.RefusesBuffers) = (capacity, true);
        IBuffer[] others = [Begin(), Begin()];
        Assert.That(others.Select(RoomOf), Is.All.EqualTo(Room.Ok));
        Loop.Run(Lowest.AnswerDeferred);
        Assert.That(() => asking, Throws.InstanceOf<ObjectDisposedException>());
        for (var i = 0; i < others.Length; i++) Append(others[i], 100, i);
        for (var i = 0; i < others.Length; i++) AssertContent(others[i], 0, 100, i);
        foreach (var other in others) Dispose(other);
        Assert.That((store.LiveBuffers, Middle.Live, Lowest.Live), Is.EqualTo((0, 0, 0)));
        Loop.Wait(store.DisposeAsync);
    }

    [TestCase(100, "it waits below")]
    [TestCase(100, "it is gone")]
    [TestCase(100, "it is another's")]
    [TestCase(256 * KiB, "it waits below")]                         // so large that other places are looked for first
    public void MovedWhileItsTierIsAskedForRoom_ItGoesOnAndNoTierIsBlamed(int length, string and)
    {
        var store = new TieredBufferStore([Middle, Lowest]);
        IBuffer Begin() => On(() => store.TryCreate(Loop, null))!;
        var content = Begin();
        Append(content, length, 1);
        (Middle.Defers, Middle.RefusesBuffers, Lowest.RefusesBuffers) = (true, true, true);
        Task<Room> asking = null!;
        On(() => { asking = content.WaitForRoomAsync(CancellationToken.None).AsTask(); });
        (Middle.Defers, Lowest.RefusesBuffers) = (false, false);
        Wait();
        List<IBuffer> others = [Begin()];
        Assert.That((Middle.Deferred, Middle.Live, Lowest.Live), Is.EqualTo((1, 0, 2)), "the first had no place for the other, so what waited in it has moved");
        if (and != "it waits below") On(() => content.Release(length));
        if (and == "it is another's") others.Add(Begin());
        for (var i = 0; i < others.Count; i++) Append(others[i], 100, 2 + i);
        Loop.Run(Middle.AnswerDeferred);
        Assert.That((asking.IsCompletedSuccessfully, content.State, store.GetUsage().Sum(tier => tier.Failures)), Is.EqualTo((true, BufferState.Open, 0L)));
        Assert.That(asking.Result, Is.EqualTo(Room.Ok));
        var places = Lowest.Made;
        AppendPiece(content, 100, 1);
        Assert.That(Lowest.Made, Is.EqualTo(places), "the room that was told is there");
        AssertContent(content, and == "it waits below" ? 0 : length, length + 100, 1);
        for (var i = 0; i < others.Count; i++) AssertContent(others[i], 0, 100, 2 + i);
        foreach (var buffer in others.Append(content)) Dispose(buffer);
        Assert.That((store.LiveBuffers, Middle.Live, Lowest.Live), Is.EqualTo((0, 0, 0)));
        Loop.Wait(store.DisposeAsync);
    }

    // Of two scripted tiers, a content of several pieces is about to move from the first to the second, whose answers wait.
    private (TieredBufferStore Store, IBuffer Content) BeginToMove()
    {
        var store = new TieredBufferStore([Middle, Lowest]);
        var content = Create(200 * KiB, 1, store);
        Lowest.Defers = true;
        On(() =>
        {
            var other = store.TryCreate(Loop, null)!;
            Made.Add(other);
            Middle.Capacity = Middle.Held;
            _ = other.WaitForRoomAsync(CancellationToken.None).AsTask();        // the first has none, so what waits in it moves down
            Middle.Defers = true;
        });
        Assert.That((Middle.Deferred, Lowest.Deferred), Is.EqualTo((1, 1)), "the first is read for the move, the second is asked for the other's room");
        return (store, content);
    }

    private void FinishMove(TieredBufferStore store, IBuffer content)
    {
        Middle.Defers = Lowest.Defers = false;
        Answer();
        AssertContent(content, 0, 200 * KiB, 1);
        foreach (var buffer in Made.ToArray()) Dispose(buffer);
        Assert.That(store.LiveBuffers, Is.Zero);
        Loop.Wait(store.DisposeAsync);
    }

    [Test]
    public void AllTiersFull_SaysSoAndTakesMoreAfterARelease()
    {
        Middle.Capacity = Lowest.Capacity = 300 * KiB;
        var buffer = On(() => Store.TryCreate(Loop, null))!;
        Made.Add(buffer);
        while (RoomOf(buffer) == Room.Ok) Append(buffer, 64 * KiB, 5);
        Assert.That(buffer.Length, Is.GreaterThanOrEqualTo(1500 * KiB), "all three");
        AssertContent(buffer, 0, buffer.Length, 5);
        On(() => buffer.Release(700 * KiB));
        Assert.That(RoomOf(buffer), Is.EqualTo(Room.Ok));
        AssertContent(buffer, 700 * KiB, buffer.Length, 5);
    }

    [Test]
    public void Usage_IsThatOfEachTier()
    {
        FillMemory();
        Wait();
        var usage = Store.GetUsage();
        Assert.That(usage.Select(tier => tier.Tier), Is.EqualTo((string[])["ram", nameof(ScriptedStore), nameof(ScriptedStore)]));
        Assert.That((usage[0].UsedBytes, usage[0].CapacityBytes), Is.EqualTo((Ram.UsedBytes, Ram.MaxTotalBytes)));
        Assert.That((usage[1].UsedBytes, usage[1].Buffers, usage[1].MovedInBytes), Is.EqualTo((Middle.Held, (long)Middle.Live, Middle.Held)));
    }

    [Test]
    public void SmallContentInTheSteadyState_AllocatesNothing()
    {
#if DEBUG
        const int PerContent = 256;                                 // unoptimized, the state of an async method is an object even if nothing is awaited
#else
        const int PerContent = 0;
#endif
        var bytes = new byte[20 * KiB];
        var store = new TieredBufferStore([new RamBufferStore(new() { MaxTotalBytes = 64 << 20 }), Middle]);
        // The leanest of a few parts, since the runtime allocates for itself at times, as when it compiles anew what has become hot.
        var allocated = long.MaxValue;
        Loop.Run(() =>
        {
            for (var i = 0; i < 600; i++) Use();
            for (var part = 0; part < 5; part++)
            {
                var before = GC.GetAllocatedBytesForCurrentThread();
                for (var i = 0; i < 200; i++) Use();
                allocated = Math.Min(allocated, GC.GetAllocatedBytesForCurrentThread() - before);
            }
        });
        Assert.That(allocated, Is.LessThanOrEqualTo(200 * PerContent));

        void Use()
        {
            var buffer = store.TryCreate(Loop, bytes.Length)!;
            var room = buffer.WaitForRoomAsync(CancellationToken.None);
            if (!room.IsCompletedSuccessfully || room.Result != Room.Ok) throw new InvalidOperationException("no room");
            bytes.CopyTo(buffer.GetMemory(bytes.Length));
            buffer.Advance(bytes.Length);
            buffer.Complete();
            var read = buffer.ReadAsync(0, bytes.Length, CancellationToken.None);
            if (!read.IsCompletedSuccessfully) throw new InvalidOperationException("not in memory");
            read.Result.Dispose();
            buffer.Release(bytes.Length);
            if (!buffer.DisposeAsync().IsCompletedSuccessfully) throw new InvalidOperationException("freeing had to wait");
        }
    }
}
