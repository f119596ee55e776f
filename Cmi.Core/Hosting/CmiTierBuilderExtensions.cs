using Cmi;
using Cmi.Buffers;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>
/// Puts stores below each other: <c>.UseRamBuffers().ThenBufferStore(_ => new MyStore())</c>. The last <c>Use…</c> begins a new list, every <c>Then…</c> adds a
/// tier to it. <para>Threading: one thread, before the host is built.</para>
/// </summary>
public static class CmiTierBuilderExtensions
{
    /// <summary>Adds a tier below the store that was chosen: what waits moves down to it when those above fill.</summary>
    /// <param name="builder">What <c>AddCmi</c> returned.</param>
    /// <param name="create">Makes the store; it is disposed with the others.</param>
    /// <returns>The same builder.</returns>
    /// <exception cref="InvalidOperationException">No store was chosen before.</exception>
    public static ICmiBuilder ThenBufferStore(this ICmiBuilder builder, Func<IServiceProvider, IBufferStore> create)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(create);
        var chosen = builder.Services.LastOrDefault(service => service.ServiceType == typeof(IBufferStore) && !service.IsKeyedService)
            ?? throw new InvalidOperationException("There is no store to add a tier to. Call UseRamBuffers() or another Use… for a store before.");
        builder.Services.AddOptionsWithValidateOnStart<TieredBufferOptions, TieredBufferOptionsValidator>();
        var above = chosen.ImplementationFactory?.Target as Tiers ?? new Tiers([services => Create(services, chosen)]);
        builder.Services.Replace(ServiceDescriptor.Singleton<IBufferStore>(new Tiers([.. above.Makers, create]).Create));
        return builder;
    }

    private static IBufferStore Create(IServiceProvider services, ServiceDescriptor chosen) => (IBufferStore)(
        chosen.ImplementationInstance
        ?? chosen.ImplementationFactory?.Invoke(services)
        ?? ActivatorUtilities.CreateInstance(services, chosen.ImplementationType!));

    private sealed class Tiers(Func<IServiceProvider, IBufferStore>[] makers)
    {
        public Func<IServiceProvider, IBufferStore>[] Makers => makers;

        public TieredBufferStore Create(IServiceProvider services) => new(
            [.. makers.Select(make => make(services))],
            services.GetRequiredService<IOptions<TieredBufferOptions>>().Value,
            services.GetService<ILogger<TieredBufferStore>>());
    }
}
