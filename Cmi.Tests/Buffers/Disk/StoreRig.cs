using Cmi.Buffers;
using Cmi.Testing;
using Cmi.Tests.Harness;

namespace Cmi.Tests.Buffers.Disk;

/// <summary>A disk store on a scripted disk, one loop, and contents of a pattern.</summary>
internal sealed class StoreRig : IAsyncDisposable
{
    private readonly List<IBuffer> _buffers = [];

    public StoreRig(Action<DiskBufferOptions>? configure = null, Action<ScriptedDisk>? script = null)
    {
        var options = new DiskBufferOptions { MaxTotalBytes = 64 << 20, MaxMemoryBytes = 16 << 20, WriteBehindBytes = 0 };
        configure?.Invoke(options);
        script?.Invoke(Disk);
        Store = new(options, Log, Disk.Open);
    }

    public ManualLoop Loop { get; } = new();

    public ScriptedDisk Disk { get; } = new();

    public EngineTestLog Log { get; } = new();

    public DiskBufferStore Store { get; }

    public static byte ByteAt(long offset, int salt) => (byte)(((offset + salt) * 31) ^ (offset >> 8) ^ (offset >> 16) ^ (salt * 7));

    public IBuffer? TryCreate(long? expected = null)
    {
        var buffer = Loop.Wait(() => new ValueTask<IBuffer?>(Store.TryCreate(Loop, expected)));
        if (buffer is not null) _buffers.Add(buffer);
        return buffer;
    }

    public IBuffer Create(long? expected = null) => TryCreate(expected) ?? throw new InvalidOperationException("The store is full.");

    public Room Room(IBuffer buffer) => Loop.Wait(() => buffer.WaitForRoomAsync(CancellationToken.None));

    /// <summary>Appends while there is room, without waiting for any.</summary>
    /// <returns>What the store said at the end; <see langword="null"/>: to wait, or all was appended.</returns>
    public Room? AppendWithoutWaiting(IBuffer buffer, long count, out Task<Room>? waiting, int salt = 0)
    {
        Room? said = null;
        Task<Room>? wait = null;
        Loop.Run(() =>
        {
            for (var end = buffer.Length + count; buffer.Length < end;)
            {
                var asked = buffer.WaitForRoomAsync(CancellationToken.None);
                if (!asked.IsCompleted)
                {
                    wait = asked.AsTask();
                    return;
                }
                var room = asked.GetAwaiter().GetResult();
                if (room != Cmi.Room.Ok)
                {
                    said = room;
                    return;
                }
                Put(buffer, end - buffer.Length, salt);
            }
        });
        waiting = wait;
        return said;
    }

    public void Append(IBuffer buffer, long count, int salt = 0)
    {
        for (var end = buffer.Length + count; buffer.Length < end;)
        {
            Assert.That(Room(buffer), Is.EqualTo(Cmi.Room.Ok));
            Loop.Run(() => Put(buffer, end - buffer.Length, salt));
        }
    }

    public IBuffer Whole(long count, int salt = 0)
    {
        var buffer = Create(count);
        Append(buffer, count, salt);
        Loop.Run(buffer.Complete);
        return buffer;
    }

    public byte[] Read(IBuffer buffer, long offset, int maxBytes = 65_536) => Loop.Wait(async () =>
    {
        using var slice = await buffer.ReadAsync(offset, maxBytes, CancellationToken.None);
        return slice.Memory.ToArray();
    });

    public void AssertContent(IBuffer buffer, int salt = 0, long from = 0)
    {
        while (from < buffer.Length)
        {
            var bytes = Read(buffer, from);
            for (var i = 0; i < bytes.Length; i++)
                if (bytes[i] != ByteAt(from + i, salt)) Assert.Fail($"A wrong byte at {from + i}.");
            if (bytes.Length == 0) Assert.Fail($"The content ended at {from}.");
            from += bytes.Length;
        }
    }

    /// <summary>Turns the loop until the workers have nothing to write any more.</summary>
    public void Settle() => TurnUntil(() => Store.Entries.Unwritten == 0);

    /// <summary>Turns the loop, and lets other threads run in between, until something is so.</summary>
    public void TurnUntil(Func<bool> isSo)
    {
        for (var round = 0; !isSo(); round++)
        {
            if (round == 200_000) throw new TimeoutException("It did not come to be so.");
            Loop.Wait(() => new ValueTask(Task.Run(Thread.Yield)));
        }
    }

    /// <summary>Calls and waits for what needs time of the loop too, as a read does for memory that does not come back.</summary>
    public T WaitAsTimePasses<T>(Func<ValueTask<T>> work)
    {
        Task<T>? asked = null;
        Loop.Run(() => asked = work().AsTask());
        for (var round = 0; !asked!.IsCompleted; round++)
        {
            if (round == 200_000) throw new TimeoutException("It did not come to be so.");
            Loop.Wait(() => new ValueTask(Task.Run(Thread.Yield)));
            Loop.Advance(TimeSpan.FromMilliseconds(1));
        }
        return asked.Result;
    }

    public void Dispose(IBuffer buffer)
    {
        _buffers.Remove(buffer);
        Loop.Wait(() => buffer.DisposeAsync());
    }

    /// <summary>Disposes the buffers and sees that nothing is left.</summary>
    public void End()
    {
        Disk.GoOn();
        foreach (var buffer in _buffers.ToArray()) Dispose(buffer);
        TurnUntil(() => !Store.Entries.Health.IsProbing);
        DiskStores.AssertNothingIsLeft(Store, withFailures: true);
    }

    public async ValueTask DisposeAsync()
    {
        Disk.GoOn();
        await Store.DisposeAsync();
        Assert.That(Disk.Files.All(f => f.IsClosed), "files left open");
    }

    private static void Put(IBuffer buffer, long count, int salt)
    {
        var memory = buffer.GetMemory(1).Span;
        var (offset, piece) = (buffer.Length, (int)Math.Min(memory.Length, count));
        for (var i = 0; i < piece; i++) memory[i] = ByteAt(offset + i, salt);
        buffer.Advance(piece);
    }
}
