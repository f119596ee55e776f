using Cmi;
using Cmi.Buffers;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Chooses a disk as the place where contents wait. <para>Threading: one thread, before the host is built.</para></summary>
public static class CmiDiskBuilderExtensions
{
    /// <summary>Keeps the contents of requests and replies on a disk; takes the place of a store that was chosen before.</summary>
    /// <param name="builder">What <c>AddCmi()</c> returned.</param>
    /// <param name="configure">Changes settings; the defaults work.</param>
    /// <returns>The same builder.</returns>
    public static ICmiBuilder UseDiskBuffers(this ICmiBuilder builder, Action<DiskBufferOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var options = builder.Services.AddOptionsWithValidateOnStart<DiskBufferOptions, DiskBufferOptionsValidator>();
        if (configure is not null) options.Configure(configure);
        builder.Services.Replace(ServiceDescriptor.Singleton<IBufferStore>(static services => new DiskBufferStore(
            services.GetRequiredService<IOptions<DiskBufferOptions>>().Value, services.GetService<ILogger<DiskBufferStore>>())));
        return builder;
    }
}
