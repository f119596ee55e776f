using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using Cmi.Tests.Wire;
using NUnit.Framework.Interfaces;

namespace Cmi.Tests.Docs;

/// <summary>Holds <c>docs/semantics.md</c> against the tests: every line that is ticked names tests that are there and are run, one of them in every plain run.</summary>
public sealed partial class SemanticsDocTests
{
    private const int Expectations = 24;

    /// <summary>The numbered expectations that are not held yet, or not tested. Keep it as short as the truth allows.</summary>
    private static readonly int[] NotYet = [];

    private static readonly ILookup<string, Type> Fixtures = typeof(SemanticsDocTests).Assembly.GetTypes().ToLookup(type => type.Name);

    private static readonly HashSet<string> Transcripts = ReadTranscripts();

    private sealed record Line(char Mark, string Text, string[] Tests)
    {
        public override string ToString() => Text.Length > 80 ? Text[..80] + "…" : Text;
    }

    private static IEnumerable<Line> Lines() => ItemPattern().Matches(Repository.Read("docs/semantics.md")).Select(item => new Line(
        item.Groups["mark"].Value[0], item.Groups["text"].Value, [.. TestPattern().Matches(item.Groups["tests"].Value).Select(test => test.Groups["name"].Value)]));

    private static IEnumerable<TestCaseData> Ticked() => Lines().Where(line => line.Mark == 'x').Select(line => new TestCaseData(line).SetArgDisplayNames(line.ToString()));

    [TestCaseSource(nameof(Ticked))]
    public void EachTickedLine_NamesTestsThatAreRun(object ticked)
    {
        var line = (Line)ticked;
        Assert.That(line.Tests, Is.Not.Empty.And.Unique);
        Assert.That(line.Tests.Where(test => Find(test) is null), Is.Empty, "no such test, or it is not run");
        Assert.That(line.Tests.Any(test => Find(test) == Speed.Fast), "none of its tests is run every time");
    }

    [Test]
    public void EachExpectation_IsThereOnce() => Assert.That(Numbers(Lines()), Is.EqualTo(Enumerable.Range(1, Expectations)));

    [Test]
    public void WhatIsNotHeldYet_IsKnown() => Assert.That(Numbers(Lines().Where(line => line.Mark == ' ')), Is.EqualTo(NotYet));

    [Test]
    public void WhatDoesNotApply_IsOfTls() => Assert.That(Lines().Where(line => line.Mark == '-').Select(line => line.Text), Has.All.Contains("TLS"));

    [Test]
    public void EachLine_IsOfTheForm()
    {
        var items = Repository.Read("docs/semantics.md").Split('\n').Count(line => line.StartsWith("- ", StringComparison.Ordinal));
        Assert.That(Lines().Count(), Is.EqualTo(items));
        Assert.That(items, Is.GreaterThan(80));
        Assert.That(Lines().Where(line => line.Mark != 'x').Select(line => line.Tests), Has.All.Empty);
    }

    private enum Speed { Fast, Slow }

    /// <summary>How fast a test is; <see langword="null"/>: there is none of this name, or it is not run.</summary>
    private static Speed? Find(string name)
    {
        if (name.Contains(".md: ", StringComparison.Ordinal)) return Transcripts.Contains(name) ? Speed.Fast : null;
        var (fixture, test) = name.Split('.') is [var first, var second] ? (first, second) : (name, null);
        foreach (var type in Fixtures[fixture])
        {
            if (IsLeftOut(type)) continue;
            var methods = type.GetMethods().Where(method => (test is null || method.Name == test) && method.GetCustomAttributes().Any(a => a is ITestBuilder or ISimpleTestBuilder) && !IsLeftOut(method)).ToArray();
            if (methods.Length > 0) return IsSlow(type) || methods.All(IsSlow) ? Speed.Slow : Speed.Fast;
        }
        return null;
    }

    private static bool IsLeftOut(MemberInfo member) => member.GetCustomAttributes().Any(a => a is ExplicitAttribute or IgnoreAttribute);

    private static bool IsSlow(MemberInfo member) => member.GetCustomAttributes<CategoryAttribute>().Any(category => category.Name == "Slow");

    private static int[] Numbers(IEnumerable<Line> lines) => [.. lines.Select(line => NumberPattern().Match(line.Text)).Where(number => number.Success).Select(number => int.Parse(number.Groups["number"].Value, CultureInfo.InvariantCulture))];

    private static HashSet<string> ReadTranscripts()
    {
        var folder = Path.Combine(Repository.Root, "Cmi.Tests", "Wire");
        return [.. Directory.GetFiles(folder, "*.md").Select(file => Path.GetFileName(file)).Where(TranscriptTests.IsPlayed)
            .SelectMany(file => HeadingPattern().Matches(File.ReadAllText(Path.Combine(folder, file))).Select(heading => $"{file}: {heading.Groups["title"].Value}"))];
    }

    [GeneratedRegex(@"^- \[(?<mark>.)\] (?<text>.+)\n(?<tests>(?:  .+\n)*)", RegexOptions.Multiline)]
    private static partial Regex ItemPattern();

    [GeneratedRegex("`(?<name>[^`]+)`")]
    private static partial Regex TestPattern();

    [GeneratedRegex(@"^\*\*(?<number>\d+)\*\* ")]
    private static partial Regex NumberPattern();

    // Without the sections that it is from.
    [GeneratedRegex(@"^## (?<title>.+?)(?: \((?:RFC|CVE)[^()]*\))?$", RegexOptions.Multiline)]
    private static partial Regex HeadingPattern();
}
