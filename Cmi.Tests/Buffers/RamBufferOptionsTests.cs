using Cmi.Buffers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Moq;
using NUnit.Framework;

namespace Cmi.Tests.Buffers;

public sealed class RamBufferOptionsTests
{
    private const int KiB = 1024;

    [Test]
    public void Options_NameAllFaults()
    {
        var fault = Assert.Throws<ArgumentException>(() => _ = new RamBufferStore(new() { MaxTotalBytes = 5, ReserveShare = double.NaN, MaxShare = 0 }))!.Message;
        Assert.That(fault, Does.Contain("MaxTotalBytes is 5").And.Contain("ReserveShare is NaN").And.Contain("MaxShare is 0"));
        Assert.That(() => _ = new RamBufferStore(new() { MaxTotalBytes = 256 * KiB, MaxShare = 0.2 }), Throws.ArgumentException.With.Message.Contains("65536"));
    }

    [Test]
    public void DefaultBudget_IsAQuarterOfASmallMachine()
    {
        Assert.That(RamBufferOptions.DefaultFor(64L << 30), Is.EqualTo(256L << 20));
        Assert.That(RamBufferOptions.DefaultFor(400L << 20), Is.EqualTo(100L << 20));
        Assert.That(RamBufferOptions.DefaultFor(0), Is.EqualTo(256L << 20));
    }

    [Test]
    public async Task UseRamBuffers_RegistersOneStoreAndTheLastCallWins()
    {
        var services = new ServiceCollection();
        var builder = Mock.Of<ICmiBuilder>(b => b.Services == services);
        services.AddSingleton(Mock.Of<IBufferStore>());
        Assert.That(builder.UseRamBuffers(o => o.MaxTotalBytes = 1 << 20).UseRamBuffers(o => o.MaxTotalBytes = 2 << 20), Is.SameAs(builder));
        await using var provider = services.BuildServiceProvider();
        Assert.That(provider.GetServices<IBufferStore>().Single(), Is.InstanceOf<RamBufferStore>());
        Assert.That(((RamBufferStore)provider.GetRequiredService<IBufferStore>()).MaxTotalBytes, Is.EqualTo(2 << 20));
    }

    [Test]
    public async Task UseRamBuffers_RefusesOptionsThatCannotWork()
    {
        var services = new ServiceCollection();
        Mock.Of<ICmiBuilder>(b => b.Services == services).UseRamBuffers(o => (o.MaxTotalBytes, o.MaxShare) = (1, 2));
        await using var provider = services.BuildServiceProvider();
        Assert.That(() => provider.GetRequiredService<IBufferStore>(),
            Throws.TypeOf<OptionsValidationException>().With.Message.Contains("MaxTotalBytes is 1").And.Message.Contains("MaxShare is 2"));
    }
}
