using System.Reflection;
using Cmi.Hosting;
using Microsoft.Extensions.Configuration;
using NUnit.Framework;

namespace Cmi.Tests.Hosting;

public sealed class CmiConfigurationTests
{
    [Test]
    public void EveryKindOfSetting_IsTakenOver()
    {
        var (options, faults) = Bind(
            ("Cmi:Endpoints:0", "http://127.0.0.1:1"),
            ("Cmi:Servers:Addresses:0", "http://a:1"),
            ("Cmi:Servers:Addresses:1", "http://b:1"),
            ("Cmi:Servers:MaxConnections", "7"),
            ("cmi:LIMITS:maxrequestcontentbytes", "5000000000"),
            ("Cmi:Timeouts:ClientHead", "00:00:00.250"),
            ("Cmi:Timeouts:ServerHead", "01:00:00"),
            ("Cmi:Reply:TrustClose", "never"),
            ("Cmi:Buffers:Always", "true"));

        Assert.Multiple(() =>
        {
            Assert.That(faults, Is.Empty);
            Assert.That(options.Endpoints, Is.EqualTo(["http://127.0.0.1:1"]));
            Assert.That(options.Servers.Addresses, Is.EqualTo(["http://a:1", "http://b:1"]));
            Assert.That(options.Servers.MaxConnections, Is.EqualTo(7));
            Assert.That(options.Limits.MaxRequestContentBytes, Is.EqualTo(5_000_000_000));
            Assert.That(options.Timeouts.ClientHead, Is.EqualTo(TimeSpan.FromMilliseconds(250)));
            Assert.That(options.Timeouts.ServerHead, Is.EqualTo(TimeSpan.FromHours(1)));
            Assert.That(options.Reply.TrustClose, Is.EqualTo(CloseTrust.Never));
            Assert.That(options.Buffers.Always, Is.True);
        });
    }

    [TestCase("Cmi:Limits:MaxFields", "many", "it must be 16 to 10000.")]
    [TestCase("Cmi:Limits:MaxFields", "99999999999", "it must be 16 to 10000.")]
    [TestCase("Cmi:Limits:MaxFields", "", "it must be 16 to 10000.")]
    [TestCase("Cmi:Reply:HoldBytes", "16M", "it must be 0 or more.")]
    [TestCase("Cmi:Timeouts:Queue", "abc", "it must be hh:mm:ss.fff, above 00:00:00 and at most 1.00:00:00.")]
    [TestCase("Cmi:Timeouts:Queue", "30", "it must be hh:mm:ss.fff, above 00:00:00 and at most 1.00:00:00.", Description = "Would be 30 days.")]
    [TestCase("Cmi:Timeouts:Queue", "00:30", "it must be hh:mm:ss.fff, above 00:00:00 and at most 1.00:00:00.", Description = "Would be 30 minutes.")]
    [TestCase("Cmi:Pipelining:Distribute", "1", "it must be Safe or Off.")]
    [TestCase("Cmi:Pipelining:Distribute", "Safe,Off", "it must be Safe or Off.")]
    [TestCase("Cmi:Buffers:Always", "yes", "it must be true or false.")]
    [TestCase("Cmi:Servers:Addresses", "http://a", "it must be a list, such as Cmi:Servers:Addresses:0.")]
    [TestCase("Cmi:Limits", "12", "it must be a section.")]
    [TestCase("Cmi", "12", "it must be a section.")]
    public void BadValue_IsAFaultWithItsKey(string key, string value, string rule) =>
        Assert.That(Bind((key, value)).Faults, Is.EqualTo([$"{key} is '{value}'; {rule}"]));

    [TestCase("Cmi:Timeuots:Queue",
        "Cmi:Timeuots is not a setting; it must be one of Endpoints, Servers, Groups, Routes, Timeouts, Limits, Retry, Health, Reply, Request, Pipelining, Forwarded, Buffers, SelfExercise, AccessLog.")]
    [TestCase("Cmi:Retry:Atempts", "Cmi:Retry:Atempts is not a setting; it must be one of Attempts, Statuses, MaxRetryAfter, HedgeAfter, BudgetShare, BudgetMinimumPerSecond, IdempotencyKeyField.")]
    [TestCase("Cmi:Retry:Attempts:Max", "Cmi:Retry:Attempts is a section; it must be 1 to 10.")]
    [TestCase("Cmi:Endpoints:0:Url", "Cmi:Endpoints:0 is a section; it must be an address.")]
    public void UnknownName_IsAFaultThatSaysWhatThereIs(string key, string fault) => Assert.That(Bind((key, "1")).Faults, Is.EqualTo([fault]));

    [Test]
    public void BadValue_LeavesTheDefault_AndTheRestIsTaken()
    {
        var (options, faults) = Bind(("Cmi:Retry:Attempts", "x"), ("Cmi:Retri", "x"), ("Cmi:Limits:MaxFields", "20"));

        Assert.That(faults, Has.Count.EqualTo(2));
        Assert.That((options.Retry.Attempts, options.Limits.MaxFields), Is.EqualTo((3, 20)));
    }

    [Test]
    public void JsonNull_AndEmptyLists_AreNotSet()
    {
        using var json = new MemoryStream("""{"Cmi":{"Endpoints":[],"Limits":{},"Servers":{"MaxConnections":null}}}"""u8.ToArray());
        var configuration = new CmiConfiguration(new ConfigurationBuilder().AddJsonStream(json).Build());

        Assert.That(configuration.Faults(), Is.Empty);
    }

    /// <summary>The table stands beside the options: a property that it lacks could not be configured and would never be checked.</summary>
    [Test]
    public void Table_HasEveryPropertyOfTheOptions()
    {
        var properties = Leaves(typeof(CmiOptions), "").Where(name => name != "Reply:Checks");      // objects, in code only

        Assert.That(CmiSettings.All.Select(s => s.Key), Is.EquivalentTo(properties));
    }

    /// <summary>Each row writes and reads the same property: a value out of range that came by its key is found under its key.</summary>
    [Test]
    public void Table_EachNumberAndTime_WritesWhatItChecks()
    {
        foreach (var setting in CmiSettings.All.Where(s => s is NumberSetting or TimeSetting))
        {
            var value = setting is TimeSetting ? "-00:00:01" : "-1";
            var (options, faults) = Bind(($"Cmi:{setting.Key}", value));
            setting.Check(options, (List<string>)faults);

            Assert.That(faults, Has.Count.EqualTo(1));
            Assert.That(faults[0], Does.StartWith($"Cmi:{setting.Key} is {value}; it must be "));
        }
    }

    private static IEnumerable<string> Leaves(Type type, string prefix) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance).SelectMany(p =>
            p.PropertyType.Namespace == "Cmi" && p.PropertyType.IsClass ? Leaves(p.PropertyType, $"{prefix}{p.Name}:") : [prefix + p.Name]);

    private static (CmiOptions Options, IReadOnlyList<string> Faults) Bind(params (string Key, string? Value)[] values)
    {
        var configuration = new CmiConfiguration(
            new ConfigurationBuilder().AddInMemoryCollection(values.ToDictionary(v => v.Key, v => v.Value)).Build());
        var options = new CmiOptions();
        configuration.Configure(options);
        return (options, configuration.Faults());
    }
}
