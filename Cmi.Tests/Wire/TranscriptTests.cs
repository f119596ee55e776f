using System.Text;

namespace Cmi.Tests.Wire;

/// <summary>Plays every transcript of this folder, in one piece and torn.</summary>
public sealed class TranscriptTests
{
    private static readonly string[] NotPlayed = ["README.md", "open.md"];

    /// <summary>Whether the transcripts of a file of this folder are played.</summary>
    internal static bool IsPlayed(string file) => !NotPlayed.Contains(file);

    private static string Folder => Path.Combine(AppContext.BaseDirectory, "Wire");

    private static IEnumerable<TestCaseData> All()
    {
        foreach (var file in Directory.GetFiles(Folder, "*.md").Order(StringComparer.Ordinal))
        {
            if (!IsPlayed(Path.GetFileName(file))) continue;
            foreach (var transcript in Transcript.ReadAll(Path.GetFileName(file), File.ReadAllText(file, Encoding.UTF8)))
            {
                foreach (var tearing in Enum.GetValues<Tearing>())
                    yield return new TestCaseData(transcript, tearing).SetArgDisplayNames(transcript.ToString(), tearing.ToString());
            }
        }
    }

    [TestCaseSource(nameof(All))]
    public async Task Holds(object transcript, object tearing) => await TranscriptPlayer.PlayAsync((Transcript)transcript, (Tearing)tearing);

    [Test]
    public void EveryTranscriptIsThereOnce()
    {
        var names = All().Select(c => $"{c.Arguments[0]}, {c.Arguments[1]}").ToArray();
        Assert.That(names, Is.Unique.And.Length.GreaterThan(3 * 150));
    }

    [Test]
    public void OpenQuestions_CanBeRead() =>
        Assert.That(() => Transcript.ReadAll("open.md", File.ReadAllText(Path.Combine(Folder, "open.md"))).Count(), Throws.Nothing);
}
