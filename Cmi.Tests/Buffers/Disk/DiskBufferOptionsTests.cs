using Cmi.Buffers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Moq;

namespace Cmi.Tests.Buffers.Disk;

public sealed class DiskBufferOptionsTests
{
    private static readonly string NoDirectory = Path.Combine(typeof(DiskBufferOptionsTests).Assembly.Location, "below-a-file");

    [Test]
    public void Options_NameAllFaults()
    {
        var options = new DiskBufferOptions { MaxTotalBytes = 5, MaxMemoryBytes = 6, ReserveShare = double.NaN, MaxShare = 0, Workers = 65 };
        var fault = Assert.Throws<ArgumentException>(() => _ = new DiskBufferStore(options))!.Message;
        Assert.That(fault, Does.Contain("MaxTotalBytes is 5").And.Contain("MaxMemoryBytes is 6").And.Contain("ReserveShare is NaN").And.Contain("MaxShare is 0").And.Contain("Workers is 65"));
    }

    [Test]
    public void ShareTooSmallForAnything_IsAFault() =>
        Assert.That(() => _ = new DiskBufferStore(new() { MaxTotalBytes = 256 << 10, MaxShare = 0.2 }), Throws.ArgumentException.With.Message.Contains("131072"));

    [Test]
    public async Task UseDiskBuffers_RegistersOneStoreAndTheLastCallWins()
    {
        var services = new ServiceCollection();
        var builder = Mock.Of<ICmiBuilder>(b => b.Services == services);
        services.AddSingleton(Mock.Of<IBufferStore>());
        Assert.That(builder.UseDiskBuffers(o => o.MaxTotalBytes = 1L << 40).UseDiskBuffers(o => o.MaxTotalBytes = 32 << 20), Is.SameAs(builder));
        await using var provider = services.BuildServiceProvider();
        Assert.That(provider.GetServices<IBufferStore>().Single(), Is.InstanceOf<DiskBufferStore>());
        Assert.That(((DiskBufferStore)provider.GetRequiredService<IBufferStore>()).CapacityBytes, Is.InRange(16 << 20, 32 << 20));
    }

    [Test]
    public async Task UseDiskBuffers_TellsAllThatCannotWork()
    {
        var services = new ServiceCollection();
        Mock.Of<ICmiBuilder>(b => b.Services == services).UseDiskBuffers(o => (o.Workers, o.Path) = (0, NoDirectory));
        await using var provider = services.BuildServiceProvider();
        Assert.That(() => provider.GetRequiredService<IBufferStore>(),
            Throws.TypeOf<OptionsValidationException>().With.Message.Contains("Workers is 0").And.Message.Contains(NoDirectory));
    }

    [Test]
    public async Task ThenDisk_BelowMemory_NeedsNoDiskToStart()
    {
        var services = new ServiceCollection();
        Mock.Of<ICmiBuilder>(b => b.Services == services).UseRamBuffers().ThenDisk(o => o.Path = NoDirectory);
        await using var provider = services.BuildServiceProvider();
        Assert.That(provider.GetRequiredService<IBufferStore>(), Is.InstanceOf<TieredBufferStore>());
    }

    [Test]
    public void DirectoryThatCannotBeUsed_StopsTheStoreMadeByHand() =>
        Assert.That(() => new DiskBufferStore(new() { Path = NoDirectory }), Throws.TypeOf<IOException>().With.Message.Contains(NoDirectory));
}
