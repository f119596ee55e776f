using Cmi.Hosting;
using Cmi.Tests.Harness;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Cmi.Tests.Hosting;

public sealed class CmiHealthChecksTests
{
    [Test]
    public void AddCmi_AddsOneCheckForEachTag()
    {
        var services = new ServiceCollection();
        services.AddHealthChecks().AddCmi();
        var added = services.BuildServiceProvider().GetRequiredService<Microsoft.Extensions.Options.IOptions<HealthCheckServiceOptions>>().Value.Registrations;
        Assert.That(added.Select(one => (one.Name, one.Tags.Single())), Is.EqualTo((ValueTuple<string, string>[])[("cmi_live", "live"), ("cmi_ready", "ready")]));
    }

    [Test]
    public async Task LoopsThatTurn_AreLive()
    {
        await using var gateway = new TestGateway(transport: new() { LoopCount = 2 });
        var check = new CmiLiveCheck(gateway.Engine).CheckHealthAsync(Context());
        gateway.Run();
        Assert.That((await check).Status, Is.EqualTo(HealthStatus.Healthy));
    }

    [Test]
    public async Task LoopThatDoesNotTurn_IsNamed()
    {
        await using var gateway = new TestGateway(transport: new() { LoopCount = 2 });
        // Nobody turns the loops meanwhile: whatever the time, they cannot answer.
        Assert.That(await gateway.Engine.FindStuckLoopsAsync(TimeSpan.FromMilliseconds(1)), Is.EqualTo([0, 1]));
        gateway.Run();
    }

    [Test]
    public async Task Ready_OnlyWhileClientsAreWanted()
    {
        await using var gateway = new TestGateway(options => options.Timeouts.DrainDelay = TimeSpan.FromSeconds(5), servers: 1);
        var ready = new CmiReadyCheck(gateway.Engine);
        Assert.That((await ready.CheckHealthAsync(Context())).Status, Is.EqualTo(HealthStatus.Healthy));
        Task stopped = null!;
        gateway.Transport.Crank.All[0].Run(() => stopped = gateway.Engine.StopAsync());
        Assert.That((await ready.CheckHealthAsync(Context())).Status, Is.EqualTo(HealthStatus.Unhealthy), "though clients are still accepted");
        gateway.Advance(5);
        Assert.That(stopped.IsCompletedSuccessfully);
        Assert.That((await ready.CheckHealthAsync(Context())).Description, Does.Contain("Stopped"));
    }

    [Test]
    public async Task FullStore_IsDegraded()
    {
        await using var gateway = new TestGateway(servers: 1, store: new FullStore());
        Assert.That((await new CmiReadyCheck(gateway.Engine).CheckHealthAsync(Context())).Status, Is.EqualTo(HealthStatus.Degraded));
    }

    private static HealthCheckContext Context() => new() { Registration = new("test", _ => throw new InvalidOperationException(), HealthStatus.Unhealthy, []) };

    private sealed class FullStore : IBufferStore, IMeasuredBufferStore
    {
        public IBuffer? TryCreate(ILoop loop, long? expectedBytes) => null;

        public IReadOnlyList<BufferTierUsage> GetUsage() => [new() { Tier = "ram", UsedBytes = 10, CapacityBytes = 10 }];

        public ValueTask DisposeAsync() => default;
    }
}
