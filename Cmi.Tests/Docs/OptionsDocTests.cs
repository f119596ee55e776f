using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using Cmi.Buffers;
using Cmi.Hosting;
using Cmi.Sockets;
using Microsoft.Extensions.Configuration;

namespace Cmi.Tests.Docs;

/// <summary>Holds <c>docs/options.md</c> against the options and the rules that the start holds them to.</summary>
public sealed partial class OptionsDocTests
{
    private static readonly Dictionary<string, Match> Rows =
        Row().Matches(Repository.Read("docs/options.md")).ToDictionary(row => row.Groups["name"].Value);

    private static IEnumerable<string> Keys() => CmiSettings.All.Select(setting => setting.Key);

    [Test]
    public void EachSetting_HasItsRowInOrder() => Assert.That(Rows.Keys.Where(name => !name.Contains('.')), Is.EqualTo(Keys()));

    [Test]
    public void EachProperty_IsASetting() => Assert.That(Properties(typeof(CmiOptions), ""), Is.EquivalentTo(Keys()));

    [TestCaseSource(nameof(Keys))]
    public void Row_TellsTypeDefaultAndRange(string key)
    {
        var row = Rows[key];
        var (property, value) = Find(key);
        if (key is "Groups" or "Routes")
        {
            Assert.That(row.Groups["type"].Value, Is.EqualTo("sections"));
            return;
        }
        if (property.PropertyType == typeof(IList<string>))
        {
            Assert.That((row.Groups["type"].Value, row.Groups["range"].Value[..12]), Is.EqualTo(("list", key == "Forwarded:TrustedNetworks" ? "none or more" : "at least one")));
            return;
        }
        using (Assert.EnterMultipleScope())
        {
            Assert.That(row.Groups["type"].Value, Is.EqualTo(TypeName(property.PropertyType)));
            Assert.That(row.Groups["default"].Value, value is null ? Does.StartWith("as `").Or.EqualTo("none") : Is.EqualTo($"`{Text(value)}`"));
            Assert.That(row.Groups["range"].Value, Is.EqualTo(Range(key)));
        }
    }

    [TestCase(typeof(SocketOptions))]
    [TestCase(typeof(RamBufferOptions))]
    [TestCase(typeof(DiskBufferOptions))]
    [TestCase(typeof(FlashBufferOptions))]
    [TestCase(typeof(TieredBufferOptions))]
    public void EachPropertyOfAPackage_HasItsRow(Type options) =>
        Assert.That(options.GetProperties().Select(property => $"{options.Name}.{property.Name}"), Is.SubsetOf(Rows.Keys));

    // What is made in code has no form in the configuration.
    private static IEnumerable<string> Properties(Type type, string prefix) => type.GetProperties().SelectMany(property =>
        property.PropertyType == typeof(IList<IReplyCheck>) ? []
        : property.PropertyType.Namespace == "Cmi" && property.PropertyType.IsClass
            ? Properties(property.PropertyType, $"{prefix}{property.Name}:")
            : [prefix + property.Name]);

    private static (PropertyInfo Property, object? Default) Find(string key)
    {
        object? at = new CmiOptions();
        PropertyInfo property = null!;
        foreach (var name in key.Split(':'))
        {
            property = at!.GetType().GetProperty(name)!;
            at = property.GetValue(at);
        }
        return (property, at);
    }

    private static string TypeName(Type type) => Nullable.GetUnderlyingType(type) is { } value ? TypeName(value) + "?"
        : type == typeof(int) ? "int" : type == typeof(long) ? "long" : type == typeof(bool) ? "bool"
        : type == typeof(double) ? "double" : type == typeof(string) ? "string" : type.Name;

    private static string Text(object value) => value switch
    {
        bool flag => flag ? "true" : "false",
        TimeSpan time => time.ToString("c", CultureInfo.InvariantCulture),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    /// <summary>The rule as the start tells it to whoever breaks it, in the words of the table.</summary>
    private static string Range(string key)
    {
        if (CmiSettings.All.OfType<TextSetting>().FirstOrDefault(setting => setting.Key == key) is { } text) return text.Rule;
        var broken = new ConfigurationBuilder().AddInMemoryCollection([new($"Cmi:{key}", "?")]).Build();
        var rule = Rule().Match(new CmiConfiguration(broken).Faults().Single()).Groups["rule"].Value;
        if (key == "Limits:MaxRequestLineBytes") return "256 to `Limits:MaxRequestHeadBytes`";
        if (rule.StartsWith("hh:mm:ss", StringComparison.Ordinal))
            return rule.Contains("above", StringComparison.Ordinal) ? "above 0, at most 1 day" : "0 to 1 day";
        return Number().Replace(rule, number => long.Parse(number.Value, CultureInfo.InvariantCulture).ToString("N0", CultureInfo.InvariantCulture));
    }

    [GeneratedRegex(
        @"^\| `(?<name>[\w:.]+)` \| (?<type>[^|]*?) \| (?<default>[^|]*?) ?\| (?<range>[^|]*?) \| (?<meaning>[^|]+) \|$", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex("it must be (?<rule>.*)[.]$")]
    private static partial Regex Rule();

    [GeneratedRegex("[0-9]+")]
    private static partial Regex Number();
}
