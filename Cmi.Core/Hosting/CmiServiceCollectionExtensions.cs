using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;
using Cmi;
using Cmi.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>
/// Registers CMI with a host, which then starts it, and drains it when it stops. A transport and a buffer store must be chosen too:
/// <c>services.AddCmi(…).UseSockets().UseRamBuffers()</c>. Each <c>Use…</c> is for a part of which there is one; the last call wins.
/// <para>Threading: one thread, before the host is built.</para>
/// </summary>
public static class CmiServiceCollectionExtensions
{
    /// <summary>
    /// Adds the engine (<see cref="CmiEngine"/>, a singleton) and a hosted service that starts and drains it. Called again it adds settings, not
    /// another engine.
    /// </summary>
    /// <remarks>
    /// Settings that cannot work, and a transport or store that is missing, stop the start with an <see cref="OptionsValidationException"/> that
    /// lists all of them. The host's own shutdown timeout (30 s by default) cuts a drain short that <see cref="TimeoutOptions.Drain"/> would let last
    /// longer.
    /// </remarks>
    /// <param name="services">The host's services.</param>
    /// <param name="configure">Changes the settings; called at the start, and again when a configuration has changed, after those of earlier calls.</param>
    /// <returns>Where the transport, the store and other parts are chosen.</returns>
    public static ICmiBuilder AddCmi(this IServiceCollection services, Action<CmiOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        if (configure is not null) services.Configure(configure);
        services.AddOptionsWithValidateOnStart<CmiOptions>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<CmiOptions>, CmiOptionsValidator>());
        services.TryAddSingleton(CreateEngine);
        services.AddHostedService<CmiHostedService>();
        return new CmiBuilder(services);
    }

    /// <summary>As <see cref="AddCmi(IServiceCollection, Action{CmiOptions}?)"/>, with settings from the configuration.</summary>
    /// <remarks>
    /// The names are those of <see cref="CmiOptions"/>, times are <c>hh:mm:ss.fff</c>, sizes bytes. A name that is no setting is a fault like a bad
    /// value: a typing error must not become a default in silence. When the configuration changes while the engine runs, the settings are made anew and
    /// applied (<see cref="CmiEngine.Apply"/>) if they have no faults; else the log says what is wrong, and those of before stay in force.
    /// </remarks>
    /// <param name="services">The host's services.</param>
    /// <param name="section">The section, usually <c>Cmi</c>; of a whole configuration, its section <c>Cmi</c> is taken.</param>
    /// <returns>Where the transport, the store and other parts are chosen.</returns>
    public static ICmiBuilder AddCmi(this IServiceCollection services, IConfiguration section)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(section);
        var configuration = new CmiConfiguration(section);
        services.AddSingleton(configuration);
        services.AddSingleton<IConfigureOptions<CmiOptions>>(configuration);
        return services.AddCmi();
    }

    /// <summary>Replaces the transport.</summary>
    /// <typeparam name="T">The transport; made by the container and disposed by it.</typeparam>
    /// <param name="builder">What <c>AddCmi</c> returned.</param>
    /// <returns>The same builder.</returns>
    public static ICmiBuilder UseConnectionManager<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] T>(
        this ICmiBuilder builder)
        where T : class, IConnectionManager => builder.Use(ServiceDescriptor.Singleton<IConnectionManager, T>());

    /// <summary>Replaces the transport.</summary>
    /// <param name="builder">What <c>AddCmi</c> returned.</param>
    /// <param name="create">Makes the transport; the container disposes it.</param>
    /// <returns>The same builder.</returns>
    public static ICmiBuilder UseConnectionManager(this ICmiBuilder builder, Func<IServiceProvider, IConnectionManager> create) =>
        builder.Use(ServiceDescriptor.Singleton(create));

    /// <summary>Replaces the store that holds the content of requests and replies.</summary>
    /// <typeparam name="T">The store; made by the container and disposed by it.</typeparam>
    /// <param name="builder">What <c>AddCmi</c> returned.</param>
    /// <returns>The same builder.</returns>
    public static ICmiBuilder UseBufferStore<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] T>(
        this ICmiBuilder builder)
        where T : class, IBufferStore => builder.Use(ServiceDescriptor.Singleton<IBufferStore, T>());

    /// <summary>Replaces the store that holds the content of requests and replies.</summary>
    /// <param name="builder">What <c>AddCmi</c> returned.</param>
    /// <param name="create">Makes the store; the container disposes it.</param>
    /// <returns>The same builder.</returns>
    public static ICmiBuilder UseBufferStore(this ICmiBuilder builder, Func<IServiceProvider, IBufferStore> create) =>
        builder.Use(ServiceDescriptor.Singleton(create));

    /// <summary>Replaces the queue in which requests wait for a server, by default a bounded <see cref="Cmi.Queues.JobQueue"/>.</summary>
    /// <param name="builder">What <c>AddCmi</c> returned.</param>
    /// <param name="create">Makes the queue of a server group; the engine disposes it.</param>
    /// <returns>The same builder.</returns>
    public static ICmiBuilder UseJobQueue(this ICmiBuilder builder, Func<ServerGroup, IJobQueue> create)
    {
        ArgumentNullException.ThrowIfNull(create);
        return builder.Use(ServiceDescriptor.Singleton(new JobQueueFactory(create)));
    }

    /// <summary>As <see cref="UseJobQueue(ICmiBuilder, Func{ServerGroup, IJobQueue})"/>, for a queue that needs services of the host.</summary>
    /// <param name="builder">What <c>AddCmi</c> returned.</param>
    /// <param name="create">Makes the queue of a server group; the engine disposes it.</param>
    /// <returns>The same builder.</returns>
    public static ICmiBuilder UseJobQueue(this ICmiBuilder builder, Func<IServiceProvider, ServerGroup, IJobQueue> create)
    {
        ArgumentNullException.ThrowIfNull(create);
        return builder.Use(ServiceDescriptor.Singleton(services => new JobQueueFactory(group => create(services, group))));
    }

    /// <summary>Has one record for each exchange handed to the host's own log, in the place of <see cref="CmiOptions.AccessLog"/>.</summary>
    /// <param name="builder">What <c>AddCmi</c> returned.</param>
    /// <param name="create">Makes the log; the container disposes it.</param>
    /// <returns>The same builder.</returns>
    public static ICmiBuilder UseAccessLog(this ICmiBuilder builder, Func<IServiceProvider, IAccessLog> create) =>
        builder.Use(ServiceDescriptor.Singleton(create));

    private static ICmiBuilder Use(this ICmiBuilder builder, ServiceDescriptor part)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.Replace(part);
        return builder;
    }

    // The settings come first: their faults say more than the container could about a part that is missing.
    private static CmiEngine CreateEngine(IServiceProvider services) => new(
        services.GetRequiredService<IOptions<CmiOptions>>().Value,
        services.GetRequiredService<IConnectionManager>(),
        services.GetRequiredService<IBufferStore>(),
        services.GetService<JobQueueFactory>()?.Create,
        services.GetService<ILogger<CmiEngine>>(),
        services.GetService<IMeterFactory>(),
        services.GetService<IAccessLog>());

    private sealed record JobQueueFactory(Func<ServerGroup, IJobQueue> Create);

    private sealed class CmiBuilder(IServiceCollection services) : ICmiBuilder
    {
        public IServiceCollection Services => services;
    }
}
