using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace Cmi.Hosting;

/// <summary>
/// A configuration section that <c>AddCmi</c> was given. It sets what it can; what it cannot, <see cref="Faults"/> tells, so that the start can say
/// it together with all else that is wrong. <para>Threading: immutable.</para>
/// </summary>
internal sealed class CmiConfiguration(IConfiguration section) : IConfigureOptions<CmiOptions>
{
    private static readonly Dictionary<string, Setting> Settings = CmiSettings.All.ToDictionary(s => s.Key, StringComparer.OrdinalIgnoreCase);

    private static readonly ILookup<string, string> NamesByGroup = CmiSettings.All
        .SelectMany(s => s.Key.IndexOf(':', StringComparison.Ordinal) is var colon and >= 0
            ? new[] { (Group: s.Key[..colon], Name: s.Key[(colon + 1)..]), (Group: "", Name: s.Key[..colon]) }
            : [(Group: "", Name: s.Key)])
        .Distinct()
        .ToLookup(e => e.Group, e => e.Name, StringComparer.OrdinalIgnoreCase);

    private readonly IConfiguration _section = section is IConfigurationRoot root ? root.GetSection(Setting.Root) : section;

    public void Configure(CmiOptions options) => Bind(options, []);

    /// <summary>What the section has that is not a setting, or not a value that its setting could take.</summary>
    internal IReadOnlyList<string> Faults()
    {
        var faults = new List<string>();
        Bind(new(), faults);
        return faults;
    }

    private void Bind(CmiOptions options, List<string> faults) => BindGroup(options, _section, "", faults);

    private static void BindGroup(CmiOptions options, IConfiguration group, string groupKey, List<string> faults)
    {
        if (group is IConfigurationSection { Value.Length: > 0 } value) faults.Add($"{value.Path} is '{value.Value}'; it must be a section.");
        foreach (var child in group.GetChildren())
        {
            var key = groupKey.Length == 0 ? child.Key : $"{groupKey}:{child.Key}";
            if (Settings.TryGetValue(key, out var setting)) setting.Bind(options, child, faults);
            else if (NamesByGroup.Contains(key)) BindGroup(options, child, key, faults);
            else faults.Add($"{child.Path} is not a setting; it must be one of {string.Join(", ", NamesByGroup[groupKey])}.");
        }
    }
}
