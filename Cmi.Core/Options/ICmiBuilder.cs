using Microsoft.Extensions.DependencyInjection;

namespace Cmi;

/// <summary>What <c>AddCmi()</c> returns: the packages of CMI extend it. <para>Threading: as the service collection, one thread.</para></summary>
public interface ICmiBuilder
{
    /// <summary>The services of the host.</summary>
    IServiceCollection Services { get; }
}
