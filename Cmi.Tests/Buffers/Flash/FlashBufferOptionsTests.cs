using Cmi.Buffers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Moq;

namespace Cmi.Tests.Buffers.Flash;

public sealed class FlashBufferOptionsTests
{
    private static readonly string NoDirectory = Path.Combine(typeof(FlashBufferOptionsTests).Assembly.Location, "below-a-file");

    [Test]
    public void Options_NameAllFaults()
    {
        var options = new FlashBufferOptions { MaxTotalBytes = 5, MaxMemoryBytes = 6, LogMemoryBytes = 7, ReserveShare = double.NaN, MaxShare = 0, Workers = 65 };
        var fault = Assert.Throws<ArgumentException>(() => _ = new FlashBufferStore(options))!.Message;
        Assert.That(fault, Does.Contain("MaxTotalBytes is 5").And.Contain("MaxMemoryBytes is 6").And.Contain("LogMemoryBytes is 7")
            .And.Contain("ReserveShare is NaN").And.Contain("MaxShare is 0").And.Contain("Workers is 65"));
    }

    [Test]
    public async Task UseFlashBuffers_RegistersOneStoreAndTheLastCallWins()
    {
        var services = new ServiceCollection();
        var builder = Mock.Of<ICmiBuilder>(b => b.Services == services);
        services.AddSingleton(Mock.Of<IBufferStore>());
        Assert.That(builder.UseFlashBuffers(o => o.MaxTotalBytes = 1L << 40).UseFlashBuffers(o => o.MaxTotalBytes = 32 << 20), Is.SameAs(builder));
        await using var provider = services.BuildServiceProvider();
        Assert.That(provider.GetServices<IBufferStore>().Single(), Is.InstanceOf<FlashBufferStore>());
        Assert.That(((FlashBufferStore)provider.GetRequiredService<IBufferStore>()).CapacityBytes, Is.InRange(16 << 20, 32 << 20));
    }

    [Test]
    public async Task UseFlashBuffers_TellsAllThatCannotWork()
    {
        var services = new ServiceCollection();
        Mock.Of<ICmiBuilder>(b => b.Services == services).UseFlashBuffers(o => (o.Workers, o.Path) = (0, NoDirectory));
        await using var provider = services.BuildServiceProvider();
        Assert.That(() => provider.GetRequiredService<IBufferStore>(),
            Throws.TypeOf<OptionsValidationException>().With.Message.Contains("Workers is 0").And.Message.Contains(NoDirectory));
    }

    [Test]
    public async Task ThenFlash_BelowMemory_NeedsNoFlashToStart()
    {
        var services = new ServiceCollection();
        Mock.Of<ICmiBuilder>(b => b.Services == services).UseRamBuffers().ThenFlash(o => o.Path = NoDirectory);
        await using var provider = services.BuildServiceProvider();
        Assert.That(provider.GetRequiredService<IBufferStore>(), Is.InstanceOf<TieredBufferStore>());
    }

    [Test]
    public void DirectoryThatCannotBeUsed_StopsTheStoreMadeByHand() =>
        Assert.That(() => new FlashBufferStore(new() { Path = NoDirectory }), Throws.TypeOf<IOException>().With.Message.Contains(NoDirectory));

    [TestCase(16L << 20, 1L << 20)]
    [TestCase(100L << 20, 3L << 20)]
    [TestCase(1L << 30, 16L << 20)]
    [TestCase(1L << 40, 1L << 30)]
    public void Layout_FitsAnEntryIntoAPageAndManySegmentsIntoTheRoom(long capacity, long memory)
    {
        var layout = LogLayout.For(capacity, memory);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(new[] { layout.SegmentBytes, layout.PageBytes, layout.MemoryBytes }.Select(long.IsPow2), Is.All.True);
            Assert.That(layout.MaxEntryBytes, Is.GreaterThanOrEqualTo(Block.Largest));
            Assert.That(layout.SegmentBytes, Is.LessThanOrEqualTo(capacity / 16).And.GreaterThanOrEqualTo(layout.PageBytes));
            Assert.That(layout.MemoryBytes, Is.LessThanOrEqualTo(memory).And.GreaterThanOrEqualTo(layout.PageBytes * 4));
        }
    }
}
