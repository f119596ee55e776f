using Cmi;
using Cmi.Buffers;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Chooses memory as the place where contents wait. <para>Threading: one thread, before the host is built.</para></summary>
public static class CmiRamBuilderExtensions
{
    /// <summary>Keeps the contents of requests and replies in memory; takes the place of a store that was chosen before.</summary>
    /// <param name="builder">What <c>AddCmi()</c> returned.</param>
    /// <param name="configure">Changes settings; the defaults work.</param>
    /// <returns>The same builder.</returns>
    public static ICmiBuilder UseRamBuffers(this ICmiBuilder builder, Action<RamBufferOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var options = builder.Services.AddOptionsWithValidateOnStart<RamBufferOptions, RamBufferOptionsValidator>();
        if (configure is not null) options.Configure(configure);
        builder.Services.Replace(ServiceDescriptor.Singleton<IBufferStore>(
            static services => new RamBufferStore(services.GetRequiredService<IOptions<RamBufferOptions>>().Value)));
        return builder;
    }
}
