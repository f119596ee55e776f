using Microsoft.Extensions.DependencyInjection;

namespace Cmi;

/// <summary>
/// What <c>AddCmi</c> returns and every package extends: <c>Use…</c> for one of a kind (the last call wins), <c>Add…</c> for one more of many.
/// <para>Threading: one thread, while the host is built.</para>
/// </summary>
public interface ICmiBuilder
{
    /// <summary>The services of the host.</summary>
    IServiceCollection Services { get; }
}
