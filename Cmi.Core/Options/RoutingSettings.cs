using Cmi.Routing;
using Microsoft.Extensions.Configuration;

namespace Cmi;

/// <summary>What groups and routes have in common: sections with names that are free to choose. Immutable.</summary>
internal abstract class NamedSetting(string key) : Setting(key)
{
    private const int MaxNameLength = 64;

    internal sealed override void Bind(CmiOptions options, IConfigurationSection value, List<string> faults)
    {
        if (SettingTable.IsValue(value, out var fault)) faults.Add(fault);
        foreach (var item in value.GetChildren()) BindItem(options, item, faults);
    }

    private protected abstract void BindItem(CmiOptions options, IConfigurationSection item, List<string> faults);

    private protected static void CheckName(string name, string path, List<string> faults)
    {
        if (name.Length is 0 or > MaxNameLength || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))
            faults.Add($"{path} is a name of {name.Length} characters; it must be 1 to {MaxNameLength} letters, digits, '-', '_' or '.'.");
    }
}

/// <summary>The server groups beside the default one.</summary>
internal sealed class GroupsSetting() : NamedSetting("Groups")
{
    private protected override void BindItem(CmiOptions options, IConfigurationSection item, List<string> faults) =>
        CmiSettings.OfGroups.Bind(new(options.AddGroup(item.Key), inherited: null), item, faults);

    internal override void Check(CmiOptions options, List<string> faults, string name)
    {
        foreach (var (group, servers) in options.Groups)
        {
            CheckName(group, $"{name}:{group}", faults);
            foreach (var (key, setting) in CmiSettings.OfGroups.Settings) setting.Check(new(servers, inherited: null), faults, $"{name}:{group}:{key}");
        }
    }
}

/// <summary>The routes.</summary>
internal sealed class RoutesSetting() : NamedSetting("Routes")
{
    private protected override void BindItem(CmiOptions options, IConfigurationSection item, List<string> faults)
    {
        var route = options.AddRoute(item.Key);
        foreach (var part in item.GetChildren())
        {
            if (part.Key.Equals(nameof(route.Host), StringComparison.OrdinalIgnoreCase)) route.Host = Text(part, "a host", faults) ?? route.Host;
            else if (part.Key.Equals(nameof(route.PathPrefix), StringComparison.OrdinalIgnoreCase)) route.PathPrefix = Text(part, "the begin of a path", faults) ?? route.PathPrefix;
            else if (part.Key.Equals(nameof(route.Group), StringComparison.OrdinalIgnoreCase)) route.Group = Text(part, "the name of a group", faults) ?? route.Group;
        }
        CmiSettings.OfRoutes.Bind(route.Own, item, faults, nameof(route.Host), nameof(route.PathPrefix), nameof(route.Group));
    }

    internal override void Check(CmiOptions options, List<string> faults, string name)
    {
        var seen = new Dictionary<(HostPattern?, string?), string>();
        foreach (var route in options.Routes)
        {
            var path = $"{name}:{route.Name}";
            CheckName(route.Name, path, faults);
            HostPattern? host = null;
            var hostFits = route.Host is null || HostPattern.TryParse(route.Host, out host);
            if (!hostFits) faults.Add($"{path}:Host is '{route.Host}'; it must be {HostPattern.Rule}.");
            if (route.PathPrefix is { } prefix && !PathPrefix.IsValid(prefix)) faults.Add($"{path}:PathPrefix is '{prefix}'; it must be {PathPrefix.Rule}.");
            if (!IsGroup(options, route.Group))
                faults.Add($"{path}:Group is '{route.Group}'; it must be one of {string.Join(", ", [CmiOptions.DefaultName, .. options.Groups.Keys])}.");
            if (hostFits && !seen.TryAdd((host, route.PathPrefix), route.Name))
                faults.Add($"{path} takes the same requests as {name}:{seen[(host, route.PathPrefix)]}; its Host or its PathPrefix must be different.");
            if (route.Name.Equals(CmiOptions.DefaultName, StringComparison.OrdinalIgnoreCase) && !route.IsCatchAll)
                faults.Add($"{path} is the route of what no other takes; it must be without Host and PathPrefix.");
            CheckOwn(options, route, path, faults);
        }
    }

    // What is inherited is told once, under its own name.
    private static void CheckOwn(CmiOptions options, RouteOptions route, string path, List<string> faults)
    {
        foreach (var (key, setting) in CmiSettings.OfRoutes.Settings)
        {
            List<string> own = [], inherited = [];
            setting.Check(route.Own, own, $"{path}:{key}");
            setting.Check(options, inherited, $"{path}:{key}");
            faults.AddRange(own.Except(inherited));
        }
    }

    private static bool IsGroup(CmiOptions options, string name) =>
        options.Groups.ContainsKey(name) || name.Equals(CmiOptions.DefaultName, StringComparison.OrdinalIgnoreCase);

    private static string? Text(IConfigurationSection part, string what, List<string> faults)
    {
        if (part.GetChildren().Any()) faults.Add($"{part.Path} is a section; it must be {what}.");
        return part.Value;
    }
}
