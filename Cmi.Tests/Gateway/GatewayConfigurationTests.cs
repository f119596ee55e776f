using Cmi.Hosting;
using Cmi.Samples.Gateway;
using Microsoft.Extensions.Configuration;
using NUnit.Framework;

namespace Cmi.Tests.Gateway;

/// <summary>The environment is the process's own, so these tests do not run beside others.</summary>
[NonParallelizable]
public sealed class GatewayConfigurationTests
{
    private const string Variable = "CMI__Limits__MaxFields";

    private string _directory = "";

    [SetUp]
    public void MakeDirectory() => _directory = Directory.CreateTempSubdirectory("cmi-test-").FullName;

    [TearDown]
    public void Clean()
    {
        Environment.SetEnvironmentVariable(Variable, null);
        Directory.Delete(_directory, recursive: true);
    }

    [Test]
    public void CommandLine_GoesOverEnvironment_AndThatOverTheFile()
    {
        WriteFile("""{ "Cmi": { "Limits": { "MaxFields": 20 }, "Retry": { "Attempts": 5 } } }""");
        Assert.That(Options().Limits.MaxFields, Is.EqualTo(20));

        Environment.SetEnvironmentVariable(Variable, "30");
        Assert.That(Options().Limits.MaxFields, Is.EqualTo(30));

        var options = Options("--Cmi:Limits:MaxFields=40");
        Assert.That((options.Limits.MaxFields, options.Retry.Attempts), Is.EqualTo((40, 5)));
    }

    [Test]
    public void ListsOfTheCommandLine_ReplaceThoseOfTheFile()
    {
        WriteFile("""{ "Cmi": { "Endpoints": ["http://127.0.0.1:1", "http://127.0.0.1:2"], "Servers": { "Addresses": ["http://a", "http://b"] } } }""");

        var (file, line) = (Options(), Options("--listen", "http://127.0.0.1:3", "--server", "http://c"));

        Assert.That(file.Endpoints.Concat(file.Servers.Addresses), Is.EqualTo(["http://127.0.0.1:1", "http://127.0.0.1:2", "http://a", "http://b"]));
        Assert.That(line.Endpoints.Concat(line.Servers.Addresses), Is.EqualTo(["http://127.0.0.1:3", "http://c"]));
    }

    [Test]
    public void NothingConfigured_ListensAtTheDefault() => Assert.That(Options().Endpoints, Is.EqualTo(["http://127.0.0.1:8080"]));

    [Test]
    public void GivenFile_StandsInForTheOneBesideTheProgram()
    {
        WriteFile("""{ "Cmi": { "Retry": { "Attempts": 5 } } }""");
        var given = Path.Combine(_directory, "other.json");
        File.WriteAllText(given, """{ "Cmi": { "Limits": { "MaxFields": 20 } } }""");

        var options = Options("--config", given);

        Assert.That((options.Retry.Attempts, options.Limits.MaxFields), Is.EqualTo((3, 20)));
    }

    [Test]
    public void BrokenFile_AndBadLogLevel_AreFaults()
    {
        WriteFile("{ no json");
        var faults = new List<string>();

        GatewayConfiguration.Build(GatewayArguments.Parse(["--Logging:LogLevel:Default=Loud"]), _directory, faults);

        Assert.That(faults, Has.Count.EqualTo(2));
        Assert.That(faults[0], Does.StartWith(Path.Combine(_directory, "appsettings.json") + " cannot be read: "));
        Assert.That(faults[1], Does.StartWith("Logging:LogLevel:Default is 'Loud'; it must be Trace, Debug, "));
    }

    [Test]
    public void Servers_AreNamedByLineOrFile()
    {
        Assert.That(NamesServers(), Is.False);
        Assert.That(NamesServers("--server=http://a"), Is.True);
        Assert.That(NamesServers("--Cmi:Servers:Addresses:0=http://a"), Is.True);
    }

    [Test]
    public void Groups_NameServersToo_AndDemoServersGiveWay()
    {
        Assert.That(NamesServers("--Cmi:Groups:a:Addresses:0=http://a"), Is.True);
        var (none, named, grouped) = (new CmiOptions(), new CmiOptions(), new CmiOptions());
        named.AddServer("http://a");
        grouped.AddGroup("a");
        foreach (var options in new[] { none, named, grouped }) GatewayConfiguration.AddDemo(["http://demo"], options);

        Assert.That((none.Servers.Addresses.Count, named.Servers.Addresses.Count, grouped.Servers.Addresses.Count), Is.EqualTo((1, 1, 0)));
    }

    private bool NamesServers(params string[] line)
    {
        var arguments = GatewayArguments.Parse(line);
        return GatewayConfiguration.NamesServers(arguments, GatewayConfiguration.Build(arguments, _directory, []));
    }

    private CmiOptions Options(params string[] line)
    {
        var arguments = GatewayArguments.Parse(line);
        var faults = new List<string>(arguments.Faults);
        IConfigurationRoot configuration = GatewayConfiguration.Build(arguments, _directory, faults);
        var options = new CmiOptions();
        new CmiConfiguration(configuration).Configure(options);
        GatewayConfiguration.Apply(arguments, options);
        Assert.That(faults, Is.Empty);
        return options;
    }

    private void WriteFile(string json) => File.WriteAllText(Path.Combine(_directory, "appsettings.json"), json);
}
