using Cmi;
using Cmi.Sockets;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Makes TCP and Unix domain sockets the transport of CMI. <para>Threading: one thread, before the host is built.</para></summary>
public static class CmiSocketBuilderExtensions
{
    /// <summary>Carries connections over sockets. There is one transport: the last call of a <c>Use…</c> for one wins.</summary>
    /// <param name="builder">What <c>AddCmi()</c> returned.</param>
    /// <param name="configure">Changes settings; the defaults work.</param>
    /// <returns>The same builder.</returns>
    public static ICmiBuilder UseSockets(this ICmiBuilder builder, Action<SocketOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var options = builder.Services.AddOptionsWithValidateOnStart<SocketOptions, SocketOptionsValidator>();
        if (configure is not null) options.Configure(configure);
        builder.Services.Replace(ServiceDescriptor.Singleton<IConnectionManager>(static services => new SocketConnectionManager(
            services.GetRequiredService<IOptions<SocketOptions>>().Value, services.GetService<ILogger<SocketConnectionManager>>())));
        return builder;
    }
}
