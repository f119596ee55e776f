using Microsoft.Extensions.DependencyInjection;

namespace Cmi;

/// <summary>What <c>AddCmi</c> returns and the packages of CMI extend. <para>Threading: one thread, before the host is built.</para></summary>
public interface ICmiBuilder
{
    /// <summary>Where the services are registered.</summary>
    IServiceCollection Services { get; }
}
