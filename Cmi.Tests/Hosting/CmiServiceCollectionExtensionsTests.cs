using Cmi.Hosting;
using Cmi.Testing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Moq;
using NUnit.Framework;

namespace Cmi.Tests.Hosting;

public sealed class CmiServiceCollectionExtensionsTests
{
    [Test]
    public void CalledTwice_ComposesTheOptions_AndRegistersOneEngine()
    {
        var services = new ServiceCollection();
        services.AddCmi(o => o.Listen("http://127.0.0.1:1"));
        services.AddCmi(o => o.AddServer("http://a:1"))
            .UseConnectionManager(_ => Mock.Of<IConnectionManager>()).UseBufferStore(_ => Mock.Of<IBufferStore>());
        using var provider = services.BuildServiceProvider();

        var options = provider.GetRequiredService<IOptions<CmiOptions>>().Value;

        Assert.That(options.Endpoints, Has.Count.EqualTo(1));
        Assert.That(options.Servers.Addresses, Has.Count.EqualTo(1));
        Assert.That(services.Count(s => s.ServiceType == typeof(CmiEngine)), Is.EqualTo(1));
        Assert.That(provider.GetServices<IHostedService>().OfType<CmiHostedService>().Count(), Is.EqualTo(1));
        Assert.That(provider.GetServices<IValidateOptions<CmiOptions>>().Count(), Is.EqualTo(1));
    }

    [Test]
    public void ConfigurationAndCode_ApplyInTheOrderOfTheCalls()
    {
        var configuration = Configuration(("Cmi:Retry:Attempts", "5"), ("Cmi:Limits:MaxFields", "50"));
        var services = new ServiceCollection();
        services.AddCmi(o => o.Retry.Attempts = 2);
        services.AddCmi(configuration);
        services.AddCmi(o => o.Limits.MaxFields = 60);
        services.AddCmi(o => o.Listen("http://127.0.0.1:1")).UseConnectionManager(_ => Mock.Of<IConnectionManager>())
            .UseBufferStore(_ => Mock.Of<IBufferStore>()).Services.AddCmi(o => o.AddServer("http://a:1"));
        using var provider = services.BuildServiceProvider();

        var options = provider.GetRequiredService<IOptions<CmiOptions>>().Value;

        Assert.That((options.Retry.Attempts, options.Limits.MaxFields), Is.EqualTo((5, 60)));
    }

    [Test]
    public async Task HostWithFaults_DoesNotStart_AndSaysAllOfThem()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddCmi(
            Configuration(("Cmi:Endpoints:0", "http://127.0.0.1:0"), ("Cmi:Retry:Attempts", "x"), ("Cmi:Typo", "1")).GetSection("Cmi"));
        using var host = builder.Build();

        var exception = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());

        Assert.That(exception.Failures, Is.EqualTo(
        [
            "Cmi:Retry:Attempts is 'x'; it must be 1 to 10.",
            "Cmi:Typo is not a setting; it must be one of Endpoints, Servers, Groups, Routes, Timeouts, Limits, Retry, Health, Reply, Request, Pipelining, Forwarded, Buffers, SelfExercise, AccessLog.",
            "Cmi:Servers:Addresses is empty; it must have at least one address.",
            "No transport. Call UseSockets() or UseConnectionManager() after AddCmi().",
            "No buffer store. Call UseRamBuffers(), UseFlashBuffers() or UseDiskBuffers() after AddCmi().",
        ]));
    }

    [Test]
    public void UseJobQueue_MayAskForServices()
    {
        var services = new ServiceCollection().AddSingleton("a service");
        services.AddCmi(o => o.Servers.MaxRequests = 7).UseConnectionManager(_ => new InMemoryTransport())
            .UseBufferStore(_ => Mock.Of<IBufferStore>())
            .UseJobQueue((provider, group) =>
                Mock.Of<IJobQueue>(q => q.Waiting == provider.GetRequiredService<string>().Length + group.MaxRequestsPerServer))
            .Services.AddCmi(Configuration(("Cmi:Endpoints:0", "http://127.0.0.1:1"), ("Cmi:Servers:Addresses:0", "http://a:1")));

        var engine = services.BuildServiceProvider().GetRequiredService<CmiEngine>();

        Assert.That(engine.Configuration.Groups[0].Queue.Waiting, Is.EqualTo("a service".Length + 7));
    }

    [Test]
    public async Task Use_LastCallWins()
    {
        var (first, last) = (Mock.Of<IBufferStore>(), Mock.Of<IBufferStore>());
        var services = new ServiceCollection();
        services.AddCmi().UseBufferStore(_ => first).UseBufferStore(_ => last);
        await using var provider = services.BuildServiceProvider();

        Assert.That(provider.GetServices<IBufferStore>(), Is.EqualTo([last]));
    }

    [Test]
    public async Task HostedServiceThatNeverStarted_StopsWithoutAnEngine()
    {
        using var provider = new ServiceCollection().BuildServiceProvider();

        await new CmiHostedService(provider).StopAsync(CancellationToken.None);
    }

    private static IConfigurationRoot Configuration(params (string Key, string? Value)[] values) =>
        new ConfigurationBuilder().AddInMemoryCollection(values.ToDictionary(v => v.Key, v => v.Value)).Build();
}
