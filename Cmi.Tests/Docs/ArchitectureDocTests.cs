using System.Text.RegularExpressions;

namespace Cmi.Tests.Docs;

public sealed partial class ArchitectureDocTests
{
    private static IEnumerable<TestCaseData> Steps() => StepRow().Matches(Repository.Read("docs/architecture.md"))
        .Select(row => new TestCaseData(row.Groups["step"].Value, row.Groups["type"].Value, row.Groups["file"].Value)
            .SetArgDisplayNames("step " + row.Groups["step"].Value));

    [TestCaseSource(nameof(Steps))]
    public void EachStep_NamesATypeInAFileThatExists(string step, string type, string file)
    {
        Assert.That(Repository.Read(file), Does.Match($@"\b(class|struct|interface) {type}\b"), $"step {step}");
    }

    [TestCaseSource(nameof(Steps))]
    public void EachStep_IsNamedInTheCode(string step, string type, string file)
    {
        Assert.That(
            Repository.Sources("Cmi.Core").Any(source => File.ReadAllText(source).Contains($"Step {step}:", StringComparison.Ordinal)),
            $"no comment says 'Step {step}:' ({type}, {file})");
    }

    [Test]
    public void Steps_AreNine() => Assert.That(Steps().Count(), Is.EqualTo(9));

    [GeneratedRegex(@"^\| (?<step>\d) \|[^|]*\| `(?<type>\w+)` \| `(?<file>[^`]+)` \|", RegexOptions.Multiline)]
    private static partial Regex StepRow();
}
