using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace Cmi.Hosting;

/// <summary>
/// A configuration section that <c>AddCmi</c> was given. It sets what it can; what it cannot, <see cref="Faults"/> tells, so that the start can say
/// it together with all else that is wrong. <para>Threading: immutable.</para>
/// </summary>
internal sealed class CmiConfiguration(IConfiguration section) : IConfigureOptions<CmiOptions>
{
    private readonly IConfiguration _section = section is IConfigurationRoot root ? root.GetSection(Setting.Root) : section;

    public void Configure(CmiOptions options) => Bind(options, []);

    /// <summary>What the section has that is not a setting, or not a value that its setting could take.</summary>
    internal IReadOnlyList<string> Faults()
    {
        var faults = new List<string>();
        Bind(new(), faults);
        return faults;
    }

    /// <summary>The section changed since the token was asked for.</summary>
    internal Microsoft.Extensions.Primitives.IChangeToken GetReloadToken() => _section.GetReloadToken();

    private void Bind(CmiOptions options, List<string> faults) => CmiSettings.OfEngine.Bind(options, _section, faults);
}
