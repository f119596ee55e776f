using NUnit.Framework;

#pragma warning disable CS1591 // The names of the tests say what they hold.
#pragma warning disable CA1707

namespace Cmi.Testing.Contracts;

public abstract partial class BufferStoreContract
{
    [Test]
    public void FullStore_GivesNoBuffer()
    {
        if (CreateFullStore() is not { } full)
        {
            Assert.Ignore("This store cannot be made full.");
            return;
        }
        Assert.That(On(() => full.TryCreate(Loop, null)), Is.Null);
        Loop.Wait(() => full.DisposeAsync());
    }

    [Test]
    public void ManyBuffersAtOnce_KeepTheirOwnContents()
    {
        const int Count = 10_000;
        var buffers = new IBuffer[Count];
        for (var i = 0; i < Count; i++) Append(buffers[i] = Create(), 1 + (i % 100), salt: i);
        for (var i = 0; i < Count; i += 2) Append(buffers[i], 50, salt: i);
        for (var i = 0; i < Count; i++)
        {
            On(buffers[i].Complete);
            Assert.That(buffers[i].Length, Is.EqualTo(1 + (i % 100) + (i % 2 == 0 ? 50 : 0)));
            AssertContent(buffers[i], 0, buffers[i].Length, salt: i);
        }
    }

    [Test]
    public void Trim_TouchesNothingThatLives()
    {
        if (_store is not ITrimmableBufferStore trimmable)
        {
            Assert.Ignore("This store keeps nothing that it could let go of.");
            return;
        }
        for (var i = 0; i < 100; i++)
        {
            var gone = Create();
            Append(gone, 10_000, salt: i);
            Dispose(gone);
        }
        var (open, whole) = (Create(), Create());
        Append(open, 300_001, salt: 1);
        Append(whole, 300_001, salt: 2);
        On(whole.Complete);
        On(() => trimmable.Trim(Loop));
        Append(open, 300_001, salt: 1);
        AssertContent(open, 0, open.Length, salt: 1);
        AssertContent(whole, 0, whole.Length, salt: 2);
    }

    /// <summary>Any script of appends, reads, releases, ends and disposals agrees with a model that keeps all bytes.</summary>
    [Test]
    public void RandomScript_AgreesWithAModel([Range(1, 12)] int seed)
    {
        var random = new Random(seed);
        var live = new List<(IBuffer Buffer, int Salt, long[] Released)>();
        for (var step = 0; step < 400; step++)
        {
            if (live.Count == 0 || (live.Count < 8 && random.Next(10) == 0))
                live.Add((Create(random.Next(3) == 0 ? random.Next(200_000) : null), random.Next(256), [0]));
            var at = random.Next(live.Count);
            var (buffer, salt, released) = live[at];
            switch (random.Next(12))
            {
                case < 4 when buffer.State == BufferState.Open && buffer.Length < 1 << 20:
                    Append(buffer, random.Next(1, 1 << random.Next(1, 18)), salt, random.Next(1, 1 << random.Next(1, 17)));
                    break;
                case < 8 when buffer.Length > released[0]:
                    AssertContent(buffer, random.NextInt64(released[0], buffer.Length), buffer.Length, salt, random.Next(1_000, 100_000));
                    break;
                case 8:
                    released[0] = random.NextInt64(released[0], buffer.Length + 1);
                    On(() => buffer.Release(released[0]));
                    break;
                case 9 when buffer.State == BufferState.Open && random.Next(3) == 0:
                    On(buffer.Complete);
                    Assert.That(Read(buffer, buffer.Length, 1), Is.Empty);
                    break;
                case 10 when random.Next(6) == 0:
                    On(() => buffer.Fail(new IOException("cut")));
                    break;
                case 11 when random.Next(3) == 0:
                    live.RemoveAt(at);
                    Dispose(buffer);
                    break;
            }
        }
        foreach (var (buffer, salt, released) in live) AssertContent(buffer, released[0], buffer.Length, salt);
    }
}
