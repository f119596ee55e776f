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

/// <summary>A single tier adds nothing and takes nothing away.</summary>
public sealed class TieredOfOneContractTests : BufferStoreContract
{
    protected override IBufferStore CreateStore() => new TieredBufferStore([new RamBufferStore(new() { MaxTotalBytes = 256 << 20 })]);
}
