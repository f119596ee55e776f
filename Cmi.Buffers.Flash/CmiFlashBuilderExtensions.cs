using Cmi;
using Cmi.Buffers;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Chooses flash as the place where contents wait. <para>Threading: one thread, before the host is built.</para></summary>
public static class CmiFlashBuilderExtensions
{
    /// <summary>Keeps the contents of requests and replies on flash; takes the place of a store that was chosen before.</summary>
    /// <param name="builder">What <c>AddCmi()</c> returned.</param>
    /// <param name="configure">Changes settings; the defaults work.</param>
    /// <returns>The same builder.</returns>
    public static ICmiBuilder UseFlashBuffers(this ICmiBuilder builder, Action<FlashBufferOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        Configure(builder, configure);
        builder.Services.Replace(ServiceDescriptor.Singleton<IBufferStore>(Create));
        return builder;
    }

    /// <summary>
    /// Adds flash below the store that was chosen: what waits moves down to it when those above fill. Flash that cannot be used does not stop the start, unless
    /// <see cref="FlashBufferOptions.IsRequired"/> says so.
    /// </summary>
    /// <param name="builder">What <c>AddCmi()</c> returned.</param>
    /// <param name="configure">Changes settings; the defaults work.</param>
    /// <returns>The same builder.</returns>
    /// <exception cref="InvalidOperationException">No store was chosen before.</exception>
    public static ICmiBuilder ThenFlash(this ICmiBuilder builder, Action<FlashBufferOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        Configure(builder, static o => (o.IsRequired, o.MaxMemoryBytes) = (false, FlashBufferOptions.MemoryBytesOfATier));
        if (configure is not null) builder.Services.Configure(configure);
        return builder.ThenBufferStore(Create);
    }

    private static void Configure(ICmiBuilder builder, Action<FlashBufferOptions>? configure)
    {
        var options = builder.Services.AddOptionsWithValidateOnStart<FlashBufferOptions, FlashBufferOptionsValidator>();
        if (configure is not null) options.Configure(configure);
    }

    private static FlashBufferStore Create(IServiceProvider services) =>
        new(services.GetRequiredService<IOptions<FlashBufferOptions>>().Value, services.GetService<ILogger<FlashBufferStore>>());
}
