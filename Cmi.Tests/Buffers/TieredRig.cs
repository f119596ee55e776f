using Cmi.Buffers;
using Cmi.Testing;
using Cmi.Tests.Harness;

namespace Cmi.Tests.Buffers;

/// <summary>RAM of 1 MiB over two scripted stores, on one loop in virtual time. At the end of each test nothing may be left.</summary>
public abstract class TieredRig
{
    protected const int KiB = 1024;
    private protected readonly List<IBuffer> Made = [];
    private protected ScriptedStore Middle = null!, Lowest = null!;
    private protected ManualLoop Loop = null!;
    private protected RamBufferStore Ram = null!;
    private protected TieredBufferStore Store = null!;

    [SetUp]
    public void SetUp()
    {
        (Loop, Middle, Lowest) = (new(), new(), new());
        Ram = new(new() { MaxTotalBytes = 1024 * KiB, ReserveShare = 0 });
        Store = new([Ram, Middle, Lowest], new() { HighMark = 0.75, LowMark = 0.5, MaxShare = 1 });
    }

    [TearDown]
    public void NothingIsLeft()
    {
        foreach (var buffer in Made.ToArray()) Dispose(buffer);
        Middle.Defers = Lowest.Defers = false;
        Middle.AnswerDeferred();
        Lowest.AnswerDeferred();
        Loop.RunUntilIdle();
        Assert.That((Ram.UsedBytes, Ram.LiveBuffers, Middle.Live, Lowest.Live, Store.LiveBuffers, Loop.TimersSet), Is.EqualTo((0L, 0, 0, 0, 0, 0)));
    }

    private protected static byte ByteAt(long offset, int salt) => (byte)((offset * 31) ^ (offset >> 8) ^ (offset >> 16) ^ (salt * 7));

    private protected static void Break(ScriptedStore store, string fault)
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

    private protected long Moved(int tier) => Store.GetUsage()[tier].MovedInBytes;

    private protected T On<T>(Func<T> work) => Loop.Wait(() => new ValueTask<T>(work()));

    private protected void On(Action work) => On(() => { work(); return 0; });

    private protected void Wait() => Loop.Advance(TimeSpan.FromMilliseconds(400));

    private protected void Answer()
    {
        for (var i = 0; i < 10; i++)
        {
            Loop.Run(Middle.AnswerDeferred);
            Loop.Run(Lowest.AnswerDeferred);
        }
    }

    private protected void Dispose(IBuffer buffer)
    {
        Made.Remove(buffer);
        Loop.Wait(() => buffer.DisposeAsync());
    }

    private protected Room RoomOf(IBuffer buffer) => Loop.Wait(() => buffer.WaitForRoomAsync(CancellationToken.None));

    /// <summary>Contents of 64 KiB each: memory is at its mark, then <paramref name="prepare"/> is called, and one more makes it go above.</summary>
    private protected List<IBuffer> FillMemory(Action? prepare = null)
    {
        var buffers = Enumerable.Range(0, 12).Select(i => Create(64 * KiB, i)).ToList();
        prepare?.Invoke();
        buffers.Add(Create(64 * KiB, 12));
        return buffers;
    }

    private protected IBuffer Create(long bytes, int salt, IBufferStore? store = null)
    {
        var buffer = On(() => (store ?? Store).TryCreate(Loop, bytes))!;
        Assert.That(buffer, Is.Not.Null);
        Made.Add(buffer);
        Append(buffer, bytes, salt);
        On(buffer.Complete);
        return buffer;
    }

    private protected void Append(IBuffer buffer, long bytes, int salt)
    {
        for (var left = bytes; left > 0;)
        {
            Assert.That(RoomOf(buffer), Is.EqualTo(Room.Ok));
            left -= AppendPiece(buffer, left, salt);
        }
    }

    private protected int AppendPiece(IBuffer buffer, long most, int salt) => On(() =>
    {
        var memory = buffer.GetMemory((int)Math.Min(most, 20_000));
        var count = (int)Math.Min(memory.Length, most);
        for (var i = 0; i < count; i++) memory.Span[i] = ByteAt(buffer.Length + i, salt);
        buffer.Advance(count);
        return count;
    });

    private protected void AssertContent(IBuffer buffer, long from, long to, int salt)
    {
        while (from < to)
        {
            var read = Loop.Wait(async () =>
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
