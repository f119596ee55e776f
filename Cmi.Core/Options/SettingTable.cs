using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Configuration;

namespace Cmi;

/// <summary>Settings by their names in a section, and what a configuration says of them. <para>Threading: immutable.</para></summary>
internal sealed class SettingTable
{
    private readonly Dictionary<string, Setting> _settings;
    private readonly ILookup<string, string> _names;                // of each section, what it may have

    /// <summary>Makes a table.</summary>
    /// <param name="settings">The settings, each with its name in the section, such as <c>Retry:Attempts</c>.</param>
    internal SettingTable(IEnumerable<(string Name, Setting Setting)> settings)
    {
        _settings = settings.ToDictionary(s => s.Name, s => s.Setting, StringComparer.OrdinalIgnoreCase);
        _names = _settings.Keys
            .SelectMany(name => name.IndexOf(':', StringComparison.Ordinal) is var colon and >= 0
                ? new[] { (Section: name[..colon], Name: name[(colon + 1)..]), (Section: "", Name: name[..colon]) }
                : [(Section: "", Name: name)])
            .Distinct()
            .ToLookup(e => e.Section, e => e.Name, StringComparer.OrdinalIgnoreCase);
    }

    internal IEnumerable<KeyValuePair<string, Setting>> Settings => _settings;

    /// <summary>Takes a section over, and says what in it is not a setting, or not a value that its setting could take.</summary>
    /// <param name="options">What is set.</param>
    /// <param name="section">The section.</param>
    /// <param name="faults">Gets what is wrong.</param>
    /// <param name="more">Names that the caller reads itself.</param>
    internal void Bind(CmiOptions options, IConfiguration section, List<string> faults, params ReadOnlySpan<string> more) => Bind(options, section, "", faults, more);

    private void Bind(CmiOptions options, IConfiguration section, string sectionName, List<string> faults, ReadOnlySpan<string> more)
    {
        if (IsValue(section, out var fault)) faults.Add(fault);
        foreach (var child in section.GetChildren())
        {
            var name = sectionName.Length == 0 ? child.Key : $"{sectionName}:{child.Key}";
            if (Has(more, name)) continue;
            if (_settings.TryGetValue(name, out var setting)) setting.Bind(options, child, faults);
            else if (_names.Contains(name)) Bind(options, child, name, faults, more);
            else faults.Add($"{child.Path} is not a setting; it must be one of {string.Join(", ", sectionName.Length > 0 ? _names[sectionName] : [.. more, .. _names[""]])}.");
        }
    }

    /// <summary>Whether something is a value that must be a section.</summary>
    internal static bool IsValue(IConfiguration section, [NotNullWhen(true)] out string? fault)
    {
        fault = section is IConfigurationSection { Value.Length: > 0 } value ? $"{value.Path} is '{value.Value}'; it must be a section." : null;
        return fault is not null;
    }

    private static bool Has(ReadOnlySpan<string> names, string name)
    {
        foreach (var known in names)
        {
            if (known.Equals(name, StringComparison.OrdinalIgnoreCase)) return true;
        }
        return false;
    }
}
