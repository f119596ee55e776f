using System.Text.RegularExpressions;

namespace Cmi.Tests.Docs;

public sealed partial class ClaimsDocTests
{
    private static readonly string Text = Repository.Read("docs/claims.md");

    [Test]
    public void EachOfThe25Claims_IsListedOnce()
    {
        var listed = Row().Matches(Text).SelectMany(row => row.Groups["claims"].Value.Split(", ")).Select(int.Parse).Order();
        Assert.That(listed, Is.EqualTo(Enumerable.Range(1, 25)));
    }

    [Test]
    public void EachFile_Exists() => Assert.That(Quoted().Matches(Text).Select(match => match.Groups["text"].Value)
        .Where(text => text.StartsWith("Cmi.", StringComparison.Ordinal) && !File.Exists(Path.Combine(Repository.Root, text))), Is.Empty);

    [Test]
    public void EachTest_Exists()
    {
        var fixtures = typeof(ClaimsDocTests).Assembly.GetTypes().ToLookup(type => type.Name);
        var named = Quoted().Matches(Text).Select(match => TestName().Match(match.Groups["text"].Value)).Where(match => match.Success).ToArray();
        Assert.That(named, Is.Not.Empty);
        using (Assert.EnterMultipleScope())
        {
            foreach (var name in named)
            {
                var (fixture, test) = (name.Groups["fixture"].Value, name.Groups["test"].Value);
                Assert.That(fixtures[fixture].Any(type => test.Length == 0 || type.GetMethod(test) is not null), name.Value);
            }
        }
    }

    [GeneratedRegex(@"^\| (?<claims>[\d, ]+) \|", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex("`(?<text>[^`]+)`")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"^(?<fixture>\w+Tests)(?:\.(?<test>\w+))?$")]
    private static partial Regex TestName();
}
