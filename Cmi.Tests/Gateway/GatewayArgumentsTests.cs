using Cmi.Samples.Gateway;
using NUnit.Framework;

namespace Cmi.Tests.Gateway;

public sealed class GatewayArgumentsTests
{
    [Test]
    public void EveryOption_IsTakenOver_InBothForms()
    {
        var arguments = Parse(
            "--listen", "http://127.0.0.1:0", "--listen=unix:/run/cmi", "--server", "http://a:1", "--server=http://b:2",
            "--buffer", "disk", "--buffer-path", "/no/such/dir", "--buffer-ram", "64M", "--buffer-flash=2g", "--buffer-disk=70000000",
            "--loops", "3", "--max-requests-per-server", "5", "--Cmi:Timeouts:Queue=00:00:01", "--cmi:Limits:MaxFields", "99", "--Logging:LogLevel:Cmi=Debug");

        Assert.Multiple(() =>
        {
            Assert.That(arguments.Faults, Is.Empty);
            Assert.That(arguments.Listen, Is.EqualTo(["http://127.0.0.1:0", "unix:/run/cmi"]));
            Assert.That(arguments.Servers, Is.EqualTo(["http://a:1", "http://b:2"]));
            Assert.That(arguments.Buffers, Is.EqualTo(new BufferArguments
            {
                Kind = "disk", Path = "/no/such/dir", RamBytes = 64L << 20, FlashBytes = 2L << 30, DiskBytes = 70_000_000,
            }));
            Assert.That(arguments.Loops, Is.EqualTo(3));
            Assert.That(arguments.Settings, Is.EquivalentTo(new Dictionary<string, string?>
            {
                ["Cmi:Servers:MaxRequests"] = "5", ["Cmi:Timeouts:Queue"] = "00:00:01", ["cmi:Limits:MaxFields"] = "99", ["Logging:LogLevel:Cmi"] = "Debug",
            }));
        });
    }

    [Test]
    public void Faults_AreAllListed() =>
        Assert.That(
            Parse("--listen", "http://example.com", "--server=https://a", "--loops", "0", "--buffer=tape", "--buffer-ram=1T", "--buffer-disk=1K",
                "--max-requests-per-server=-1", "--config=/no/such/file", "--frobnicate", "word", "--help=yes", "--admin=https://127.0.0.1:9", "--buffer-path").Faults,
            Is.EqualTo(
            [
                "--listen is 'http://example.com'; it must name an IP address, 'localhost' or '*'.",
                "--server is 'https://a'; it asks for TLS, which this transport does not have.",
                "--loops is '0'; it must be 1 to 1024.",
                "--buffer is 'tape'; it must be ram, flash, disk or tiered.",
                "--buffer-ram is '1T'; it must be a number of bytes, such as 67108864, 64M or 1G; at least 256K.",
                "--buffer-disk is '1K'; it must be a number of bytes, such as 67108864, 64M or 1G; at least 16M.",
                "--max-requests-per-server is '-1'; it must be 0 to 1000000.",
                "--config is '/no/such/file'; it must be a file that is there.",
                "--frobnicate is not an option; see --help.",
                "word is not an option; see --help.",
                "--help=yes is not an option; see --help.",
                "--admin is 'https://127.0.0.1:9'; it asks for TLS, which this transport does not have.",
                "--buffer-path needs a value.",
            ]));

    [Test]
    public void NextOption_IsNotAValue()
    {
        var arguments = Parse("--listen", "--server", "http://a:1");

        Assert.That(arguments.Faults, Is.EqualTo(["--listen needs a value."]));
        Assert.That(arguments.Servers, Is.EqualTo(["http://a:1"]));
    }

    [Test]
    public void SettingSaidTwice_LastCounts_WhicheverWayItIsSaid() =>
        Assert.That(
            Parse("--Cmi:Servers:MaxRequests=7", "--max-requests-per-server", "5").Settings,
            Is.EqualTo(new Dictionary<string, string?> { ["Cmi:Servers:MaxRequests"] = "5" }));

    [TestCase("--help")]
    [TestCase("--version")]
    public void Switch_NeedsNoValue(string name)
    {
        var arguments = Parse(name);

        Assert.That(arguments.Faults, Is.Empty);
        Assert.That((arguments.Help, arguments.Version), Is.EqualTo((name == "--help", name == "--version")));
    }

    [TestCase("", "tiered")]
    [TestCase("--buffer=ram", "ram")]
    public void StoreThatIsNotSaid_IsTiered(string arguments, string kind) =>
        Assert.That(Parse(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Buffers.EffectiveKind, Is.EqualTo(kind));

    private static GatewayArguments Parse(params string[] arguments) => GatewayArguments.Parse(arguments);
}
