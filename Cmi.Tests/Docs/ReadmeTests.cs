using System.Text.RegularExpressions;

namespace Cmi.Tests.Docs;

public sealed partial class ReadmeTests
{
    private static IEnumerable<string> Pages() => Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs"), "*.md", SearchOption.AllDirectories)
        .Select(file => Path.GetRelativePath(Repository.Root, file)).Append("README.md").Order(StringComparer.Ordinal);

    /// <summary>The sample is built and run, so what the README tells to write works.</summary>
    [Test]
    public void FirstCode_IsTheMinimalProxy() =>
        Assert.That(Code().Match(Repository.Read("README.md")).Groups["code"].Value, Is.EqualTo(Repository.Read("samples/MinimalProxy/Program.cs")));

    [TestCase("samples/MinimalProxy/Program.cs", 20)]
    [TestCase("samples/CustomBufferStore/ListBufferStore.cs", 80)]
    [TestCase("samples/CustomJobQueue/FairJobQueue.cs", 100)]
    public void Sample_IsShort(string file, int lines) =>
        Assert.That(Repository.Read(file).Split('\n').Count(line => !NoCode().IsMatch(line)), Is.LessThan(lines), "lines of code");

    [TestCaseSource(nameof(Pages))]
    public void EachLink_LeadsToAFile(string page)
    {
        var folder = Path.GetDirectoryName(Path.Combine(Repository.Root, page))!;
        var broken = Link().Matches(Repository.Read(page)).Select(link => link.Groups["target"].Value)
            .Where(target => !target.Contains("://", StringComparison.Ordinal) && !Path.Exists(Path.Combine(folder, target)));
        Assert.That(broken, Is.Empty);
    }

    [GeneratedRegex("```csharp\n(?<code>.*?)```", RegexOptions.Singleline)]
    private static partial Regex Code();

    // Blank, a comment, or nothing but braces.
    [GeneratedRegex(@"^\s*($|//|[{}]+;?$)")]
    private static partial Regex NoCode();

    [GeneratedRegex(@"\]\((?<target>[^)#\s]+)(#[^)]*)?\)")]
    private static partial Regex Link();
}
