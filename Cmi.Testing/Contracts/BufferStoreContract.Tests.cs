using NUnit.Framework;

#pragma warning disable CS1591 // The names of the tests say what they hold.
#pragma warning disable CA1707

namespace Cmi.Testing.Contracts;

public abstract partial class BufferStoreContract
{
    [Test]
    public void New_IsOpenAndEmpty()
    {
        var buffer = Create();
        Assert.That((buffer.Length, buffer.State), Is.EqualTo((0L, BufferState.Open)));
        Assert.That(WaitForRoom(buffer), Is.EqualTo(Room.Ok));
    }

    [Test]
    public void EmptyContent_EndsAtOnce()
    {
        var buffer = Create(0);
        On(buffer.Complete);
        Assert.That((buffer.Length, buffer.State), Is.EqualTo((0L, BufferState.Whole)));
        Assert.That(Read(buffer, 0, 10), Is.Empty);
    }

    [Test]
    public void Appended_IsReadFromAnyOffset([Values(1, 100, 4_096, 70_000, 300_001)] int count)
    {
        var buffer = Create();
        Append(buffer, count);
        AssertContent(buffer, 0, count);
        AssertContent(buffer, count / 2, count, maxBytes: 777);
        AssertContent(buffer, count - 1, count);
        On(buffer.Complete);
        AssertContent(buffer, 0, count);
        Assert.That(Read(buffer, count, 1), Is.Empty);
    }

    [Test]
    public void ExpectedLength_IsOnlyAHint([Values(0, 1, 100_000, 10_000_000)] long expected)
    {
        var buffer = Create(expected);
        Append(buffer, 200_000);
        On(buffer.Complete);
        AssertContent(buffer, 0, 200_000);
    }

    [Test]
    public void MemoryThatNothingWasPutInto_IsNoContent([Values(0, 100, 65_536, 131_072)] int before)
    {
        var buffer = Create();
        if (before > 0) Append(buffer, before);
        Assert.That(WaitForRoom(buffer), Is.EqualTo(Room.Ok));
        On(() =>
        {
            buffer.GetMemory(1);
            buffer.Advance(0);
            buffer.Complete();
        });
        if (buffer is IFlushableBuffer flushable) Loop.Wait(() => flushable.FlushAsync(CancellationToken.None));
        Assert.That((buffer.Length, buffer.State), Is.EqualTo(((long)before, BufferState.Whole)));
        AssertContent(buffer, 0, before);
        Assert.That(Read(buffer, before, 1), Is.Empty);
    }

    [Test]
    public void ContentLargerThanAnyPiece_IsWhole()
    {
        const long Count = (5 << 20) + 13;
        var buffer = Create(Count);
        Append(buffer, Count, atLeast: 1_000);
        On(buffer.Complete);
        Assert.That(buffer.Length, Is.EqualTo(Count));
        AssertContent(buffer, 0, Count);
    }

    [Test]
    public void SecondReader_ReadsTheSameFromZero()
    {
        var buffer = Create();
        Append(buffer, 150_000);
        AssertContent(buffer, 0, 150_000);
        Append(buffer, 10);
        AssertContent(buffer, 0, 150_010, maxBytes: 4_000);
    }

    [Test]
    public void LargestMemory_IsGivenAfterRoomIsOk([Values(1, 4_097, 65_536)] int atLeast)
    {
        var buffer = Create();
        for (var round = 0; round < 5; round++)
        {
            Append(buffer, 1);
            Append(buffer, atLeast, atLeast: atLeast);
        }
        AssertContent(buffer, 0, 5L * (atLeast + 1));
    }

    [Test]
    public void RoomIsOk_PiecesOfAnySizeFillIt()
    {
        var buffer = Create();
        Assert.That(WaitForRoom(buffer), Is.EqualTo(Room.Ok));
        On(() =>
        {
            while (buffer.Length < 65_536)                         // one answer, several pieces: as many as the memory asks for
            {
                var memory = buffer.GetMemory(1);
                var count = (int)Math.Min(memory.Length, 65_536 - buffer.Length);
                for (var i = 0; i < count; i++) memory.Span[i] = ByteAt(buffer.Length + i, 0);
                buffer.Advance(count);
            }
        });
        AssertContent(buffer, 0, 65_536);
    }

    [Test]
    public void GetMemoryAgainAndAdvanceByZero_AppendNothing()
    {
        var buffer = Create();
        Append(buffer, 5_000);
        WaitForRoom(buffer);
        On(() =>
        {
            buffer.GetMemory(1).Span[0] = 99;
            buffer.GetMemory(60_000).Span[0] = 99;
            buffer.Advance(0);
        });
        Assert.That(buffer.Length, Is.EqualTo(5_000));
        Append(buffer, 5_000);
        On(buffer.Complete);
        AssertContent(buffer, 0, 10_000);
    }

    [Test]
    public void ReadPastTheEnd_WaitsForAnAppend()
    {
        var buffer = Create();
        Append(buffer, 10);
        var reading = BeginRead(buffer, 10);
        Append(buffer, 3);
        Assert.That(Finish(reading), Is.EqualTo(new[] { ByteAt(10, 0), ByteAt(11, 0), ByteAt(12, 0) }));
        var again = BeginRead(buffer, 13);
        Append(buffer, 1);
        Assert.That(Finish(again), Is.EqualTo(new[] { ByteAt(13, 0) }));
    }

    [Test]
    public void ReadPastTheEnd_EndsWithComplete()
    {
        var buffer = Create();
        var reading = BeginRead(buffer, 0);
        On(buffer.Complete);
        Assert.That(Finish(reading), Is.Empty);
    }

    [Test]
    public void ReadPastTheEnd_FailsWithFail()
    {
        var buffer = Create();
        Append(buffer, 10);
        var reading = BeginRead(buffer, 10);
        On(() => buffer.Fail(new IOException("cut")));
        Assert.That(() => Finish(reading), Throws.InstanceOf<IOException>());
        Assert.That(buffer.State, Is.EqualTo(BufferState.Failed));
        AssertContent(buffer, 0, 10);
        Assert.That(() => Read(buffer, 10, 1), Throws.InstanceOf<IOException>());
    }

    [Test]
    public void ReadPastTheEnd_IsCancelled()
    {
        var buffer = Create();
        Append(buffer, 4);
        using var cancel = new CancellationTokenSource();
        var reading = BeginRead(buffer, 4, cancel.Token);
        On(cancel.Cancel);
        Assert.That(() => Finish(reading), Throws.InstanceOf<OperationCanceledException>());
        Append(buffer, 4);
        AssertContent(buffer, 0, 8);
        Assert.That(() => On(() => buffer.ReadAsync(8, 1, new CancellationToken(true)).AsTask()).GetAwaiter().GetResult(), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public void CancelledAfterTheReadHadEnded_ChangesNothing()
    {
        var buffer = Create();
        using var cancel = new CancellationTokenSource();
        var reading = BeginRead(buffer, 0, cancel.Token);
        Append(buffer, 4);
        Assert.That(Finish(reading), Has.Length.EqualTo(4));
        var next = BeginRead(buffer, 4);
        On(cancel.Cancel);
        Loop.RunUntilIdle();
        Append(buffer, 2);
        Assert.That(Finish(next), Has.Length.EqualTo(2));
    }

    [Test]
    public void DisposedWhileAReadWaits_TheReadFails()
    {
        var buffer = Create();
        var reading = BeginRead(buffer, 0);
        Dispose(buffer);
        Assert.That(() => Finish(reading), Throws.Exception);
    }

    [Test]
    public void Release_KeepsWhatIsBehind()
    {
        var buffer = Create();
        Append(buffer, 200_000);
        On(() => buffer.Release(70_001));
        On(() => buffer.Release(5));
        AssertContent(buffer, 70_001, 200_000);
        Assert.That(() => Read(buffer, 70_000, 1), Throws.InstanceOf<ArgumentOutOfRangeException>());
        On(() => buffer.Release(200_000));
        Append(buffer, 100_000);
        AssertContent(buffer, 200_000, 300_000);
        On(buffer.Complete);
        On(() => buffer.Release(300_000));
        Assert.That(Read(buffer, 300_000, 1), Is.Empty);
        Assert.That(buffer.Length, Is.EqualTo(300_000));
    }

    /// <summary>Streams far more than could be held at once.</summary>
    [Test]
    public void ReleasedBehindTheReader_GoesOnForEver()
    {
        const int Piece = 256 << 10;
        var buffer = Create();
        for (var offset = 0L; offset < 24L << 20; offset += Piece)
        {
            Append(buffer, Piece);
            AssertContent(buffer, offset, offset + 100);
            On(() => buffer.Release(offset + Piece));
        }
    }

    [Test]
    public void Slice_StaysValidAfterReleaseAndDisposal()
    {
        var buffer = Create();
        Append(buffer, 8_000, salt: 1);
        var first = Loop.Wait(() => buffer.ReadAsync(0, 4_000, CancellationToken.None));
        var second = Loop.Wait(() => buffer.ReadAsync(0, 4_000, CancellationToken.None));
        var expected = first.Memory.ToArray();
        On(buffer.Complete);
        On(() => buffer.Release(8_000));
        Dispose(buffer);
        for (var i = 0; i < 20; i++) Append(Create(), 20_000, salt: 2 + i);
        Assert.That(first.Memory.Span.SequenceEqual(expected), "a slice was written over");
        On(first.Dispose);
        On(first.Dispose);
        for (var i = 0; i < 20; i++) Append(Create(), 20_000, salt: 50 + i);
        Assert.That(second.Memory.Span.SequenceEqual(expected.AsSpan(0, second.Length)), "a slice was written over after another one was returned twice");
        On(second.Dispose);
    }

    [Test]
    public void Dispose_WorksInAnyState([Values] BufferState state, [Values] bool empty, [Values] bool withMemory)
    {
        var buffer = Create();
        if (!empty) Append(buffer, 10_000);
        if (withMemory)
        {
            WaitForRoom(buffer);
            On(() => buffer.GetMemory(1).Length);
        }
        if (state == BufferState.Whole) On(buffer.Complete);
        if (state == BufferState.Failed) On(() => buffer.Fail(new IOException("cut")));
        Dispose(buffer);
        Assert.That(() => Append(Create(), 100), Throws.Nothing);
    }

    [Test]
    public void Misuse_Throws()
    {
        var buffer = Create();
        Append(buffer, 10);
        Assert.That(() => On(() => buffer.GetMemory(0).Length), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => On(() => buffer.GetMemory(65_537).Length), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => On(() => buffer.Advance(-1)), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => On(() => buffer.Advance(buffer.GetMemory(1).Length + 1)), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => Read(buffer, 11, 1), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => Read(buffer, -1, 1), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => Read(buffer, 0, 0), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => On(() => buffer.Release(11)), Throws.InstanceOf<ArgumentOutOfRangeException>());
        AssertContent(buffer, 0, 10);
    }

    [Test]
    public void AppendToAWholeOrFailedBuffer_Throws([Values] bool whole)
    {
        var buffer = Create();
        Append(buffer, 10);
        if (whole) On(buffer.Complete);
        else On(() => buffer.Fail(new IOException("cut")));
        Assert.That(() => On(() => buffer.GetMemory(1).Length), Throws.InvalidOperationException);
        Assert.That(() => On(buffer.Complete), Throws.InvalidOperationException);
        On(() => buffer.Fail(new IOException("again")));
        Assert.That(buffer.State, Is.EqualTo(whole ? BufferState.Whole : BufferState.Failed));
        Assert.That(buffer.Length, Is.EqualTo(10));
    }
}
