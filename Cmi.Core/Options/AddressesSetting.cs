using Microsoft.Extensions.Configuration;

namespace Cmi;

/// <summary>Addresses; at least one, unless there may be none.</summary>
/// <param name="key">Its name below <c>Cmi:</c>.</param>
/// <param name="get">The list.</param>
/// <param name="read">What is wrong with an address, or what tells whether it is there twice (<see langword="null"/>: it may be).</param>
/// <param name="mayBeEmpty">Whether there may be none; by default not.</param>
internal sealed class AddressesSetting(
    string key, Func<CmiOptions, IList<string>> get, Func<string?, (string? Fault, object? Identity)> read,
    Func<CmiOptions, bool>? mayBeEmpty = null)
    : Setting(key)
{
    internal override void Bind(CmiOptions options, IConfigurationSection value, List<string> faults)
    {
        if (value.Value is { Length: > 0 } text) faults.Add($"{value.Path} is '{text}'; it must be a list, such as {value.Path}:0.");
        foreach (var item in value.GetChildren())
        {
            if (item.GetChildren().Any()) faults.Add($"{item.Path} is a section; it must be an address.");
            else get(options).Add(item.Value ?? "");
        }
    }

    internal override void Check(CmiOptions options, List<string> faults, string name)
    {
        var addresses = get(options);
        if (addresses.Count == 0 && mayBeEmpty?.Invoke(options) != true) faults.Add($"{name} is empty; it must have at least one address.");
        var seen = new Dictionary<object, int>();
        for (var i = 0; i < addresses.Count; i++)
        {
            var (fault, identity) = read(addresses[i]);
            if (fault is not null) faults.Add($"{name}:{i} is '{addresses[i]}'; it {fault}.");
            else if (identity is not null && !seen.TryAdd(identity, i))
                faults.Add($"{name}:{i} is '{addresses[i]}'; it must not be the same as {name}:{seen[identity]}.");
        }
    }
}
