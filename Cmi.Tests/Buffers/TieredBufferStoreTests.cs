using Cmi.Buffers;
using Cmi.Samples.CustomBufferStore;
using Cmi.Testing;
using Cmi.Testing.Contracts;
using Cmi.Tests.Harness;

#pragma warning disable CA2012 // Memory completes synchronously, which the test holds it to.

namespace Cmi.Tests.Buffers;

/// <summary>RAM that is far too small, over a store that knows nothing of tiers.</summary>
public sealed class TieredOverCustomContractTests : BufferStoreContract
{
    protected override IBufferStore CreateStore() =>
        new TieredBufferStore([new RamBufferStore(new() { MaxTotalBytes = 1 << 20 }), new ListBufferStore(512 << 20)], new() { HighMark = 0.5, LowMark = 0.3 });

    protected override IBufferStore CreateFullStore()
    {
        var ram = new RamBufferStore(new() { MaxTotalBytes = 256 << 10, MaxShare = 1 });
        RamBufferStoreTests.Fill(ram.TryCreate(Loop, null)!);
        return new TieredBufferStore([ram, new ListBufferStore(0)]);
    }

    protected override void AssertNothingIsLeft(IBufferStore store)
    {
        Assert.That(((TieredBufferStore)store).LiveBuffers, Is.Zero);
        Assert.That(((TieredBufferStore)store).GetUsage().Select(tier => (tier.UsedBytes, tier.Buffers)), Is.All.EqualTo((0L, 0L)));
    }
}

/// <summary>A single tier adds nothing and takes nothing away.</summary>
public sealed class TieredOfOneContractTests : BufferStoreContract
{
    protected override IBufferStore CreateStore() => new TieredBufferStore([new RamBufferStore(new() { MaxTotalBytes = 256 << 20 })]);
}

/// <summary>What moves between tiers, when, and what a failing tier takes with it.</summary>
public sealed class TieredBufferStoreTests
{
    private const int KiB = 1024;
    private ScriptedStore _middle = null!, _lowest = null!;
    private readonly List<IBuffer> _buffers = [];
    private ManualLoop _loop = null!;
    private RamBufferStore _ram = null!;
    private TieredBufferStore _store = null!;

    [SetUp]
    public void SetUp()
    {
        (_loop, _middle, _lowest) = (new(), new(), new());
        _ram = new(new() { MaxTotalBytes = 1024 * KiB, ReserveShare = 0 });
        _store = new([_ram, _middle, _lowest], new() { HighMark = 0.75, LowMark = 0.5, MaxShare = 1 });
    }

    [TearDown]
    public void NothingIsLeft()
    {
        foreach (var buffer in _buffers.ToArray()) Dispose(buffer);
        _middle.Defers = _lowest.Defers = false;
        _middle.AnswerDeferred();
        _lowest.AnswerDeferred();
        _loop.RunUntilIdle();
        Assert.That((_ram.UsedBytes, _ram.LiveBuffers, _middle.Live, _lowest.Live, _store.LiveBuffers, _loop.TimersSet), Is.EqualTo((0L, 0, 0, 0, 0, 0)));
    }

    [Test]
    public void Young_StaysInTheFirstTier()
    {
        var buffers = Enumerable.Range(0, 5).Select(i => Create(60 * KiB, i)).ToList();
        Wait();
        Assert.That((_middle.Made, _ram.LiveBuffers), Is.EqualTo((0, 5)));
        for (var i = 0; i < 5; i++) AssertContent(buffers[i], 0, 60 * KiB, i);
    }

    [Test]
    public void FirstTierAboveItsMark_TheOldestThatWaitsMovesUntilTheLowMark()
    {
        var buffers = Enumerable.Range(0, 13).Select(i => Create(64 * KiB, i)).ToList();
        Wait();
        Assert.That(_ram.UsedBytes, Is.InRange(400 * KiB, 512 * KiB), "down to the low mark and no further");
        Assert.That(Moved(1), Is.EqualTo(_middle.Held));
        for (var i = 0; i < 13; i++) AssertContent(buffers[i], 0, 64 * KiB, i);
        Dispose(buffers[12]);                                       // the youngest is still in memory
        Assert.That(_ram.UsedBytes, Is.LessThan(460 * KiB));
    }

    [Test]
    public void OfThoseThatWait_TheLargestMoves()
    {
        var small = Enumerable.Range(0, 20).Select(i => Create(4 * KiB, i)).ToList();
        var large = Enumerable.Range(0, 12).Select(i => Create(60 * KiB, i)).ToList();
        Wait();
        Assert.That((_middle.Live, _middle.Held % (60 * KiB)), Is.EqualTo((_middle.Made, 0L)));
        Assert.That(_middle.Live, Is.InRange(4, 8));
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
            _loop.Advance(TimeSpan.FromMilliseconds(50));
        }
        Assert.That(_middle.Live, Is.GreaterThan(0), "others moved");
        _middle.FailsReads = true;
        AssertContent(read, 0, 64 * KiB, 1);
        _middle.FailsReads = false;
    }

    [Test]
    public void ComesFasterThanMemoryFrees_GoesDownAtOnce()
    {
        var buffer = Create(10 * 1024 * KiB, 3);
        Assert.That(_ram.UsedBytes, Is.LessThanOrEqualTo(900 * KiB));
        Assert.That(_middle.Held, Is.GreaterThan(9 * 1024 * KiB));
        AssertContent(buffer, 0, 10 * 1024 * KiB, 3);
    }

    [Test]
    public void HugeContent_HoldsNoMoreOfATierThanItsShare()
    {
        var store = new TieredBufferStore([_ram, _middle], new() { MaxShare = 0.25 });
        var huge = Create(5 * 1024 * KiB, 1, store);
        Assert.That(_ram.UsedBytes, Is.LessThanOrEqualTo(256 * KiB));
        AssertContent(huge, 0, 5 * 1024 * KiB, 1);
    }

    [Test]
    public void MovedWhileASliceIsOut_TheSliceStaysValid()
    {
        var buffer = Create(64 * KiB, 7);
        var slice = _loop.Wait(() => buffer.ReadAsync(0, 50 * KiB, CancellationToken.None));
        var expected = slice.Memory.ToArray();
        FillMemory();
        Wait();
        Assert.That(_middle.Held, Is.GreaterThan(0));
        Create(64 * KiB, 99);
        Assert.That(slice.Memory.Span.SequenceEqual(expected));
        _loop.Run(slice.Dispose);
        AssertContent(buffer, 0, 64 * KiB, 7);
    }

    [Test]
    public void LowerTierTakesItsTime_TheUpperCopyStaysUntilItIsKept()
    {
        var buffers = FillMemory(() => _middle.Defers = true);
        const int before = 13 * 64 * KiB;
        Wait();
        Assert.That((_ram.UsedBytes, _middle.Live > 0), Is.EqualTo((before, true)), "nothing goes before it is kept below");
        for (var i = 0; i < buffers.Count; i++) AssertContent(buffers[i], 0, 64 * KiB, i);
        _middle.Defers = false;
        Answer();
        Assert.That(_ram.UsedBytes, Is.LessThan(before));
        for (var i = 0; i < buffers.Count; i++) AssertContent(buffers[i], 0, 64 * KiB, i);
    }

    [Test]
    public void ReleasedOrDisposedWhileItMoves_NothingIsLeftAndTheRestIsRight()
    {
        var buffers = FillMemory(() => _middle.Defers = true);
        Wait();
        for (var i = 0; i < buffers.Count; i += 2) Dispose(buffers[i]);
        for (var i = 1; i < buffers.Count; i += 2) On(() => buffers[i].Release(40 * KiB));
        _middle.Defers = false;
        Answer();
        for (var i = 1; i < buffers.Count; i += 2) AssertContent(buffers[i], 40 * KiB, 64 * KiB, i);
    }

    [TestCase("creation")]
    [TestCase("refusal")]
    [TestCase("room")]
    [TestCase("full")]
    [TestCase("write")]
    [TestCase("flush")]
    public void LowerTierDoesNotTakeIt_ItStaysAndTheNextTierIsTried(string fault)
    {
        var buffers = FillMemory(() =>
        {
            Break(_middle, fault);
            _lowest.RefusesBuffers = true;
        });
        Wait();
        for (var i = 0; i < buffers.Count; i++) AssertContent(buffers[i], 0, 64 * KiB, i);
        Assert.That(_middle.Live, Is.Zero);
        _lowest.RefusesBuffers = false;
        for (var i = 0; i < 8; i++) Wait();
        Assert.That((_ram.UsedBytes <= 512 * KiB, _lowest.Live > 0), Is.EqualTo((true, true)));
        for (var i = 0; i < buffers.Count; i++) AssertContent(buffers[i], 0, 64 * KiB, i);
    }

    [TestCase("creation")]
    [TestCase("refusal")]
    [TestCase("room")]
    [TestCase("full")]
    [TestCase("write")]
    public void TierFailsWhileContentComes_TheNextTierTakesIt(string fault)
    {
        FillMemory(() => Break(_middle, fault));
        var buffer = Create(500 * KiB, 50);
        Assert.That(_lowest.Held, Is.GreaterThan(0));
        AssertContent(buffer, 0, 500 * KiB, 50);
    }

    [Test]
    public void TierThatHasFailed_IsTriedAgainLater()
    {
        FillMemory(() => _middle.FailsCreation = true);
        Create(100 * KiB, 1);
        _middle.FailsCreation = false;
        Create(100 * KiB, 2);
        Assert.That(_middle.Made, Is.Zero, "passed over for a while");
        _loop.Advance(TimeSpan.FromSeconds(2));
        Create(500 * KiB, 3);
        Assert.That(_middle.Made, Is.GreaterThan(0));
    }

    [Test]
    public void TierLosesWhatItHolds_OnlyThatContentFails()
    {
        var kept = Create(30 * KiB, 1);                             // smaller than all that moves
        var lost = Create(4 * 1024 * KiB, 2);
        _middle.FailsReads = true;
        Assert.That(() => AssertContent(lost, 0, 4 * 1024 * KiB, 2), Throws.InstanceOf<IOException>());
        AssertContent(kept, 0, 30 * KiB, 1);
    }

    [Test]
    public void ReadWhileALowerTierIsReadForAMove_WaitsForItsTurn()
    {
        _middle.Capacity = 2_000 * KiB;
        var first = Create(1500 * KiB, 1);
        _lowest.RefusesBuffers = true;
        var other = On(() => _store.TryCreate(_loop, null))!;
        _buffers.Add(other);
        while (RoomOf(other) == Room.Ok) AppendPiece(other, 64 * KiB, 2);
        (_lowest.RefusesBuffers, _middle.Defers) = (false, true);
        _loop.Advance(TimeSpan.FromMilliseconds(100));
        Assert.That(_middle.Deferred, Is.GreaterThan(0), "the middle is read");
        Task reading = null!;
        _loop.Run(() => reading = ReadAll());
        _middle.Defers = false;
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
    public void AllTiersFull_SaysSoAndTakesMoreAfterARelease()
    {
        _middle.Capacity = _lowest.Capacity = 300 * KiB;
        var buffer = On(() => _store.TryCreate(_loop, null))!;
        _buffers.Add(buffer);
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
        var usage = _store.GetUsage();
        Assert.That(usage.Select(tier => tier.Tier), Is.EqualTo((string[])["ram", nameof(ScriptedStore), nameof(ScriptedStore)]));
        Assert.That((usage[0].UsedBytes, usage[0].CapacityBytes), Is.EqualTo((_ram.UsedBytes, _ram.MaxTotalBytes)));
        Assert.That((usage[1].UsedBytes, usage[1].Buffers, usage[1].MovedInBytes), Is.EqualTo((_middle.Held, (long)_middle.Live, _middle.Held)));
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
        var store = new TieredBufferStore([new RamBufferStore(new() { MaxTotalBytes = 64 << 20 }), _middle]);
        long allocated = 0;
        _loop.Run(() =>
        {
            for (var i = 0; i < 600; i++) Use();
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 1000; i++) Use();
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        });
        Assert.That(allocated, Is.LessThanOrEqualTo(1000 * PerContent));

        void Use()
        {
            var buffer = store.TryCreate(_loop, bytes.Length)!;
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

    /// <summary>Tiers fail and recover at random: every byte that is read is right, or the read says that it is lost.</summary>
    [Test]
    public void RandomFaults_NeverGiveAWrongByte([Range(1, 20)] int seed)
    {
        var random = new Random(seed);
        var lost = 0;
        var live = new List<(IBuffer Buffer, int Salt)>();
        _middle.Capacity = 3_000 * KiB;
        _lowest.Capacity = 5_000 * KiB;
        for (var step = 0; step < 300; step++)
        {
            foreach (var tier in (ScriptedStore[])[_middle, _lowest])
            {
                tier.FailsCreation = random.Next(10) == 0;
                tier.FailsFlushes = random.Next(5) == 0;
                tier.FailsWrites = random.Next(20) == 0;
                tier.FailsReads = random.Next(20) == 0;
                tier.FailsRoom = random.Next(20) == 0;
            }
            if (live.Count < 12 && _loop.Wait(() => new ValueTask<IBuffer?>(_store.TryCreate(_loop, random.Next(2) == 0 ? 100_000 : null))) is { } made)
            {
                live.Add((made, step));
                _buffers.Add(made);
            }
            if (live.Count == 0) continue;
            var (buffer, salt) = live[random.Next(live.Count)];
            try
            {
                switch (random.Next(5))
                {
                    case 0 or 1 when buffer.State == BufferState.Open && RoomOf(buffer) == Room.Ok:
                        AppendPiece(buffer, random.Next(1, 64 * KiB), salt);
                        break;
                    case 2:
                        AssertContent(buffer, random.NextInt64(buffer.Length + 1), buffer.Length, salt);
                        break;
                    case 3:
                        _loop.Advance(TimeSpan.FromMilliseconds(random.Next(400)));
                        break;
                    case 4 when random.Next(10) == 0 || buffer.State == BufferState.Failed:
                        live.Remove((buffer, salt));
                        Dispose(buffer);
                        break;
                }
            }
            catch (Exception e) when (e is IOException || (e is InvalidOperationException && buffer.State != BufferState.Whole))
            {
                lost++;
            }
        }
        foreach (var tier in (ScriptedStore[])[_middle, _lowest]) tier.FailsReads = false;
        foreach (var (buffer, salt) in live) AssertContent(buffer, 0, buffer.Length, salt);
        TestContext.Out.WriteLine($"{lost} times something was lost; {Moved(1)} and {Moved(2)} bytes moved");
    }

    private static byte ByteAt(long offset, int salt) => (byte)((offset * 31) ^ (offset >> 8) ^ (offset >> 16) ^ (salt * 7));

    private static void Break(ScriptedStore store, string fault)
    {
        switch (fault)
        {
            case "creation": store.FailsCreation = true; break;
            case "refusal": store.RefusesBuffers = true; break;
            case "room": store.FailsRoom = true; break;
            case "full": store.Capacity = 0; break;
            case "write": store.FailsWrites = true; break;
            case "flush": store.FailsFlushes = true; break;
        }
    }

    private long Moved(int tier) => _store.GetUsage()[tier].MovedInBytes;

    private T On<T>(Func<T> work) => _loop.Wait(() => new ValueTask<T>(work()));

    private void On(Action work) => On(() => { work(); return 0; });

    private void Wait() => _loop.Advance(TimeSpan.FromMilliseconds(400));

    private void Answer()
    {
        for (var i = 0; i < 10; i++)
        {
            _loop.Run(_middle.AnswerDeferred);
            _loop.Run(_lowest.AnswerDeferred);
        }
    }

    private void Dispose(IBuffer buffer)
    {
        _buffers.Remove(buffer);
        _loop.Wait(() => buffer.DisposeAsync());
    }

    private Room RoomOf(IBuffer buffer) => _loop.Wait(() => buffer.WaitForRoomAsync(CancellationToken.None));

    /// <summary>Contents of 64 KiB each: memory is at its mark, then <paramref name="prepare"/> is called, and one more makes it go above.</summary>
    private List<IBuffer> FillMemory(Action? prepare = null)
    {
        var buffers = Enumerable.Range(0, 12).Select(i => Create(64 * KiB, i)).ToList();
        prepare?.Invoke();
        buffers.Add(Create(64 * KiB, 12));
        return buffers;
    }

    private IBuffer Create(long bytes, int salt, IBufferStore? store = null)
    {
        var buffer = On(() => (store ?? _store).TryCreate(_loop, bytes))!;
        Assert.That(buffer, Is.Not.Null);
        _buffers.Add(buffer);
        Append(buffer, bytes, salt);
        On(buffer.Complete);
        return buffer;
    }

    private void Append(IBuffer buffer, long bytes, int salt)
    {
        for (var left = bytes; left > 0;)
        {
            Assert.That(RoomOf(buffer), Is.EqualTo(Room.Ok));
            left -= AppendPiece(buffer, left, salt);
        }
    }

    private int AppendPiece(IBuffer buffer, long most, int salt) => On(() =>
    {
        var memory = buffer.GetMemory((int)Math.Min(most, 20_000));
        var count = (int)Math.Min(memory.Length, most);
        for (var i = 0; i < count; i++) memory.Span[i] = ByteAt(buffer.Length + i, salt);
        buffer.Advance(count);
        return count;
    });

    private void AssertContent(IBuffer buffer, long from, long to, int salt)
    {
        while (from < to)
        {
            var read = _loop.Wait(async () =>
            {
                using var slice = await buffer.ReadAsync(from, (int)Math.Min(to - from, 60_000), CancellationToken.None);
                for (var i = 0; i < slice.Length; i++)
                    if (slice.Memory.Span[i] != ByteAt(from + i, salt)) throw new InvalidOperationException($"A wrong byte at {from + i}.");
                return slice.Length;
            });
            Assert.That(read, Is.GreaterThan(0));
            from += read;
        }
    }
}
