using Cmi.Buffers;
using Cmi.Samples.CustomBufferStore;
using Cmi.Testing.Contracts;

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

/// <summary>RAM that is far too small, over one that writes behind.</summary>
public sealed class TieredOverDiskContractTests : BufferStoreContract
{
    private string _path = "";

    protected override IBufferStore CreateStore()
    {
        _path = Directory.CreateTempSubdirectory("cmi-tests-").FullName;
        return new TieredBufferStore([new RamBufferStore(new() { MaxTotalBytes = 1 << 20 }), new DiskBufferStore(new() { Path = _path, MaxTotalBytes = 1L << 30, MaxMemoryBytes = 16 << 20 })]);
    }

    protected override void AssertNothingIsLeft(IBufferStore store)
    {
        var tiered = (TieredBufferStore)store;
        Assert.That(tiered.LiveBuffers, Is.Zero);

        // A worker may still have an entry of a buffer that is gone; then the lower buffer ends when it comes home.
        for (var round = 0; round < 200_000 && tiered.GetUsage().Any(tier => tier.Buffers > 0); round++) Loop.Wait(() => new ValueTask(Task.Run(Thread.Yield)));
        Assert.That(tiered.GetUsage().Select(tier => (tier.UsedBytes, tier.Buffers, tier.Failures)), Is.All.EqualTo((0L, 0L, 0L)));
        Directory.Delete(_path, recursive: true);
    }
}

/// <summary>A single tier adds nothing and takes nothing away.</summary>
public sealed class TieredOfOneContractTests : BufferStoreContract
{
    protected override IBufferStore CreateStore() => new TieredBufferStore([new RamBufferStore(new() { MaxTotalBytes = 256 << 20 })]);
}
