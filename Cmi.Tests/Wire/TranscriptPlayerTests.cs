namespace Cmi.Tests.Wire;

/// <summary>A player that sees no difference would let every transcript hold.</summary>
public sealed class TranscriptPlayerTests
{
    private const string Begin = "## A play\n- client asks GET /a\n- server 1 takes GET /a\n";

    [TestCase("- server 1 answers hello\n- client gets hello\n", null)]
    [TestCase("- server 1 answers hello\n", "nobody has expected this at client 1")]
    [TestCase("- server 1 answers hello\n- client gets hellO\n", "but it was")]
    [TestCase("- server 1 answers hello\n- client is told 502\n", "200 OK")]
    [TestCase("- server 1 takes GET /a\n", "It got")]
    [TestCase("- expect server 1 closed\n", "is open")]
    [TestCase("- expect connections to server 1: 2\n", "There were 1")]
    [TestCase("- server 2 ends\n", "server 2")]
    [TestCase("- client dances\n", "Not a step")]
    [TestCase("```client\n{x}\n```\n", "Not a placeholder")]
    [TestCase("```to client\nHTTP/1.1 200 OK\n```\n", "Expected")]
    public async Task EveryStep_SeesWhatIsNotSo(string rest, string? complaint)
    {
        var transcript = Transcript.ReadAll("a.md", Begin + rest).Single();
        string? said = null;
        using (new NUnit.Framework.Internal.TestExecutionContext.IsolatedContext())
        {
            try
            {
                await TranscriptPlayer.PlayAsync(transcript, Tearing.Bytes);
            }
            catch (Exception e) when (complaint is not null)
            {
                said = e.Message;
            }
        }
        Assert.That(said, complaint is null ? Is.Null : Does.Contain(complaint));
    }

    [TestCase("a\nb", "a\r\nb\r\n")]
    [TestCase("a\n\nb\\", "a\r\n\r\nb")]
    [TestCase("\\r\\n\\0\\t\\xfF\\\\\\", "\r\n\0\t\u00FF\\")]
    [TestCase("{repeat 3 a\\r}\\", "a\ra\ra\r")]
    [TestCase("a\\\nb\\", "ab")]
    public void Block_IsBytes(string block, string bytes) => Assert.That(WireText.OfBlock(block), Is.EqualTo(bytes));

    [Test]
    public void Rows_AreTranscripts()
    {
        var all = Transcript.ReadAll("a.md", "# About\n## T\n| x | y |\n|---|---|\n| `1` | 2 |\n| 3 | `4 ` |\n- client asks {x}\n```client\n{y}\n```\n").ToArray();
        Assert.That(all.Select(t => t.Title), Is.EqualTo(new[] { "T: 1, 2", "T: 3, 4 " }));
        Assert.That(all[1].Steps, Is.EqualTo(new[] { new Step(7, "client asks 3", null), new Step(8, "client", "4 ") }));
    }
}
