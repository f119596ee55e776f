using Cmi.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Cmi;

/// <summary>
/// Stops a start that cannot work and says at once everything that is in its way: names and values of the configuration, values out of range, and
/// parts that nobody has registered. <para>Threading: any thread.</para>
/// </summary>
/// <param name="configurations">The sections that the options were read from.</param>
/// <param name="registered">What the container knows; a container that cannot say leaves a missing part to its own complaint.</param>
internal sealed class CmiOptionsValidator(IEnumerable<CmiConfiguration> configurations, IServiceProviderIsService? registered = null)
    : IValidateOptions<CmiOptions>
{
    public ValidateOptionsResult Validate(string? name, CmiOptions options)
    {
        var faults = configurations.SelectMany(c => c.Faults()).ToList();
        faults.AddRange(CmiSettings.Faults(options));
        if (Lacks(typeof(IConnectionManager))) faults.Add("No transport. Call UseSockets() or UseConnectionManager() after AddCmi().");
        if (Lacks(typeof(IBufferStore))) faults.Add("No buffer store. Call UseRamBuffers(), UseFlashBuffers() or UseDiskBuffers() after AddCmi().");
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private bool Lacks(Type service) => registered is not null && !registered.IsService(service);
}
