using NUnit.Framework;

namespace Cmi.Testing.Contracts;

/// <summary>
/// What every <see cref="IBufferStore"/> must do. A store's tests inherit it:
/// <code>
/// public sealed class MyStoreContract : BufferStoreContract
/// {
///     protected override IBufferStore CreateStore() =&gt; new MyStore();
/// }
/// </code>
/// <para>
/// The buffers live on a <see cref="ManualLoop"/> that the contract cranks. A store with real I/O is waited for, 10 s at most for each step, as long as it
/// comes back through <see cref="ILoop.Post"/>.
/// </para>
/// <para>Threading: that of the test framework; one test at a time for each instance.</para>
/// </summary>
public abstract partial class BufferStoreContract
{
    private readonly List<IBuffer> _buffers = [];
    private IBufferStore _store = null!;

    /// <summary>The loop that the buffers belong to; a new one for each test.</summary>
    protected ManualLoop Loop { get; private set; } = null!;

    /// <summary>Makes a store with room for at least 64 MiB; the contract disposes it.</summary>
    /// <returns>The store.</returns>
    protected abstract IBufferStore CreateStore();

    /// <summary>Makes a store that has no room for a buffer; <see langword="null"/> (the default) where there is no such thing.</summary>
    /// <returns>The store.</returns>
    protected virtual IBufferStore? CreateFullStore() => null;

    /// <summary>Called after each test when all buffers were disposed, before the store is: the place to look for what it has not let go of.</summary>
    /// <param name="store">The store.</param>
    protected virtual void AssertNothingIsLeft(IBufferStore store)
    {
    }

    /// <summary>Makes the loop and the store.</summary>
    [SetUp]
    public void SetUpStore()
    {
        Loop = new ManualLoop();
        _store = CreateStore();
        _buffers.Clear();
    }

    /// <summary>Disposes the buffers and the store.</summary>
    [TearDown]
    public void TearDownStore()
    {
        foreach (var buffer in _buffers.ToArray()) Dispose(buffer);
        Loop.RunUntilIdle();
        AssertNothingIsLeft(_store);
        Loop.Wait(() => _store.DisposeAsync());
    }

    // The content at any offset of any buffer: no period that a piece's size could hide, and different from buffer to buffer.
    private static byte ByteAt(long offset, int salt) => (byte)(((offset + salt) * 31) ^ (offset >> 8) ^ (offset >> 16) ^ (salt * 7));

    private IBuffer Create(long? expectedBytes = null)
    {
        var buffer = On(() => _store.TryCreate(Loop, expectedBytes));
        Assert.That(buffer, Is.Not.Null, "a store with room gave no buffer");
        _buffers.Add(buffer!);
        return buffer!;
    }

    private T On<T>(Func<T> work) => Loop.Wait(() => new ValueTask<T>(work()));

    private void On(Action work) => Loop.Wait(() =>
    {
        work();
        return default(ValueTask);
    });

    private void Dispose(IBuffer buffer)
    {
        _buffers.Remove(buffer);
        Loop.Wait(() => buffer.DisposeAsync());
    }

    private Room WaitForRoom(IBuffer buffer) => Loop.Wait(() => buffer.WaitForRoomAsync(CancellationToken.None));

    /// <summary>Appends bytes of the pattern, in as many pieces as the buffer's memory asks for.</summary>
    private void Append(IBuffer buffer, long count, int salt = 0, int atLeast = 1)
    {
        for (var left = count; left > 0;)
        {
            left -= Loop.Wait(async () =>
            {
                Assert.That(await buffer.WaitForRoomAsync(CancellationToken.None), Is.EqualTo(Room.Ok));
                var memory = buffer.GetMemory(atLeast);
                Assert.That(memory.Length, Is.GreaterThanOrEqualTo(atLeast));
                var piece = (int)Math.Min(memory.Length, left);
                var offset = buffer.Length;
                for (var i = 0; i < piece; i++) memory.Span[i] = ByteAt(offset + i, salt);
                buffer.Advance(piece);
                Assert.That(buffer.Length, Is.EqualTo(offset + piece));
                return piece;
            });
        }
    }

    private byte[] Read(IBuffer buffer, long offset, int maxBytes) => Loop.Wait(async () =>
    {
        using var slice = await buffer.ReadAsync(offset, maxBytes, CancellationToken.None);
        Assert.That(slice.Length, Is.LessThanOrEqualTo(maxBytes));
        return slice.Memory.ToArray();
    });

    /// <summary>Reads from an offset to another and checks every byte against the pattern.</summary>
    private void AssertContent(IBuffer buffer, long from, long to, int salt = 0, int maxBytes = 60_000)
    {
        while (from < to)
        {
            var bytes = Read(buffer, from, (int)Math.Min(maxBytes, to - from));
            if (bytes.Length == 0) Assert.Fail($"The content ended at {from}, before {to}.");
            for (var i = 0; i < bytes.Length; i++)
                if (bytes[i] != ByteAt(from + i, salt)) Assert.Fail($"A wrong byte at {from + i}.");
            from += bytes.Length;
        }
    }

    /// <summary>Begins a read that is to wait.</summary>
    private Task<byte[]> BeginRead(IBuffer buffer, long offset, CancellationToken cancellationToken = default)
    {
        var reading = On(() => Take(buffer.ReadAsync(offset, 100, cancellationToken)));
        Loop.RunUntilIdle();
        Assert.That(reading.IsCompleted, Is.False, "a read past the end did not wait");
        return reading;

        static async Task<byte[]> Take(ValueTask<BufferSlice> read)
        {
            using var slice = await read;
            return slice.Memory.ToArray();
        }
    }

    private T Finish<T>(Task<T> task) => Loop.Wait(() => new ValueTask<T>(task));
}
