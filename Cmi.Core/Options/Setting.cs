using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace Cmi;

/// <summary>One setting: how it is read from the configuration, and the rule that its value must keep. Immutable.</summary>
/// <param name="key">Its name below <c>Cmi:</c>, such as <c>Limits:MaxFields</c>.</param>
internal abstract class Setting(string key)
{
    /// <summary>What the configuration section and the names of faults begin with.</summary>
    internal const string Root = "Cmi";

    internal string Key => key;

    private protected string Name => $"{Root}:{key}";

    /// <summary>Takes the value over, or says why it is none. Ranges are <see cref="Check(CmiOptions, List{string})"/>'s business: code may still change the value.</summary>
    internal abstract void Bind(CmiOptions options, IConfigurationSection value, List<string> faults);

    /// <summary>Holds the value that is in force against its rule.</summary>
    internal void Check(CmiOptions options, List<string> faults) => Check(options, faults, Name);

    /// <summary>Holds the value that is in force against its rule, and calls it by another name: that of a group or route.</summary>
    internal abstract void Check(CmiOptions options, List<string> faults, string name);
}

/// <summary>A setting that is one value.</summary>
internal abstract class ValueSetting(string key) : Setting(key)
{
    internal sealed override void Bind(CmiOptions options, IConfigurationSection value, List<string> faults)
    {
        if (value.GetChildren().Any()) faults.Add($"{value.Path} is a section; it must be {Rule(options)}.");
        else if (value.Value is { } text && !TrySet(options, text)) faults.Add($"{value.Path} is '{text}'; it must be {Rule(options)}.");
    }

    internal sealed override void Check(CmiOptions options, List<string> faults, string name)
    {
        if (Offence(options) is { } value) faults.Add($"{name} is {value}; it must be {Rule(options)}.");
    }

    private protected abstract bool TrySet(CmiOptions options, string text);

    /// <summary>The value if it breaks the rule.</summary>
    private protected abstract string? Offence(CmiOptions options);

    /// <summary>What follows "it must be".</summary>
    private protected abstract string Rule(CmiOptions options);
}

/// <summary>A count or a size in bytes.</summary>
internal sealed class NumberSetting : ValueSetting
{
    private readonly long _lowest;
    private readonly long _largestOfType;
    private readonly Func<CmiOptions, long> _highest;
    private readonly Func<CmiOptions, long?> _get;
    private readonly Action<CmiOptions, long> _set;

    /// <summary>A number whose highest value may depend on another setting.</summary>
    internal NumberSetting(string key, long lowest, Func<CmiOptions, int> highest, Func<CmiOptions, int?> get, Action<CmiOptions, int> set)
        : base(key)
    {
        (_lowest, _largestOfType) = (lowest, int.MaxValue);
        (_highest, _get, _set) = (o => highest(o), o => get(o), (o, value) => set(o, (int)value));
    }

    internal NumberSetting(string key, long lowest, int highest, Func<CmiOptions, int?> get, Action<CmiOptions, int> set)
        : this(key, lowest, _ => highest, get, set) { }

    /// <summary>A number of bytes, 0 or more.</summary>
    internal NumberSetting(string key, Func<CmiOptions, long> get, Action<CmiOptions, long> set) : base(key)
    {
        (_lowest, _largestOfType) = (0, long.MaxValue);
        (_highest, _get, _set) = (_ => long.MaxValue, o => get(o), set);
    }

    private protected override bool TrySet(CmiOptions options, string text)
    {
        if (!long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)) return false;
        if (value > _largestOfType || value < -_largestOfType) return false;
        _set(options, value);
        return true;
    }

    private protected override string? Offence(CmiOptions options) =>
        _get(options) is { } value && (value < _lowest || value > _highest(options)) ? value.ToString(CultureInfo.InvariantCulture) : null;

    private protected override string Rule(CmiOptions options) => _highest(options) is var highest && highest == long.MaxValue
        ? string.Create(CultureInfo.InvariantCulture, $"{_lowest} or more")
        : string.Create(CultureInfo.InvariantCulture, $"{_lowest} to {highest}");
}

/// <summary>A number that need not be whole.</summary>
internal sealed class ShareSetting(string key, double highest, Func<CmiOptions, double> get, Action<CmiOptions, double> set) : ValueSetting(key)
{
    private protected override bool TrySet(CmiOptions options, string text)
    {
        if (!double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value)) return false;
        set(options, value);
        return true;
    }

    private protected override string? Offence(CmiOptions options) =>
        get(options) is var value && !(value >= 0 && value <= highest) ? value.ToString(CultureInfo.InvariantCulture) : null;

    private protected override string Rule(CmiOptions options) => string.Create(CultureInfo.InvariantCulture, $"0 to {highest}");
}

/// <summary>A time, at most one day.</summary>
internal sealed class TimeSetting(string key, Func<CmiOptions, TimeSpan> get, Action<CmiOptions, TimeSpan> set, bool zeroAllowed = false)
    : ValueSetting(key)
{
    private static readonly TimeSpan Highest = TimeSpan.FromDays(1);

    // A bare "30" would be 30 days and "00:30" half an hour, where seconds are far more likely to be meant: so all three parts are asked for.
    private protected override bool TrySet(CmiOptions options, string text)
    {
        if (text.AsSpan().Count(':') != 2 || !TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var value)) return false;
        set(options, value);
        return true;
    }

    private protected override string? Offence(CmiOptions options) =>
        get(options) is var value && (value < TimeSpan.Zero || value > Highest || (value == TimeSpan.Zero && !zeroAllowed)) ? $"{value:c}" : null;

    private protected override string Rule(CmiOptions options) =>
        zeroAllowed ? $"hh:mm:ss.fff, {TimeSpan.Zero:c} to {Highest:c}" : $"hh:mm:ss.fff, above {TimeSpan.Zero:c} and at most {Highest:c}";
}

/// <summary>One of a few names.</summary>
internal sealed class ChoiceSetting<T>(string key, Func<CmiOptions, T> get, Action<CmiOptions, T> set) : ValueSetting(key) where T : struct, Enum
{
    private static readonly string[] Names = Enum.GetNames<T>();

    private protected override bool TrySet(CmiOptions options, string text)
    {
        // Not Enum.TryParse alone: it takes numbers and lists of names too.
        var known = Array.FindIndex(Names, name => name.Equals(text, StringComparison.OrdinalIgnoreCase));
        if (known < 0) return false;
        set(options, Enum.Parse<T>(Names[known]));
        return true;
    }

    private protected override string? Offence(CmiOptions options) => Enum.IsDefined(get(options)) ? null : get(options).ToString();

    private protected override string Rule(CmiOptions options) => string.Join(", ", Names[..^1]) + " or " + Names[^1];
}

/// <summary>Yes or no.</summary>
internal sealed class FlagSetting(string key, Action<CmiOptions, bool> set) : ValueSetting(key)
{
    private protected override bool TrySet(CmiOptions options, string text)
    {
        if (!bool.TryParse(text, out var value)) return false;
        set(options, value);
        return true;
    }

    private protected override string? Offence(CmiOptions options) => null;

    private protected override string Rule(CmiOptions options) => "true or false";
}

/// <summary>A text; an empty one is as good as none.</summary>
/// <param name="key">Its name below <c>Cmi:</c>.</param>
/// <param name="get">Its value.</param>
/// <param name="set">Changes it.</param>
/// <param name="rule">What it must be.</param>
/// <param name="fault">What is wrong with a text, as the end of a sentence that began with it.</param>
internal sealed class TextSetting(string key, Func<CmiOptions, string?> get, Action<CmiOptions, string?> set, string rule, Func<string, string?> fault)
    : Setting(key)
{
    internal string Rule => rule;

    internal override void Bind(CmiOptions options, IConfigurationSection value, List<string> faults)
    {
        if (value.GetChildren().Any()) faults.Add($"{value.Path} is a section; it must be {rule}.");
        else set(options, string.IsNullOrEmpty(value.Value) ? null : value.Value);
    }

    internal override void Check(CmiOptions options, List<string> faults, string name)
    {
        if (get(options) is { Length: > 0 } text && fault(text) is { } offence) faults.Add($"{name} is '{text}'; it {offence}.");
    }
}
