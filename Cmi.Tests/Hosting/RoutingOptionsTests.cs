using System.Reflection;
using Cmi.Hosting;
using Microsoft.Extensions.Configuration;
using NUnit.Framework;

namespace Cmi.Tests.Hosting;

/// <summary>Groups and routes in code and configuration, and what is wrong with them.</summary>
public sealed class RoutingOptionsTests
{
    [Test]
    public void GroupsAndRoutes_AreTakenOver_WhateverTheCaseOfTheirNames()
    {
        var (options, faults) = Bind(
            ("Cmi:Groups:images:Addresses:0", "http://i:1"),
            ("Cmi:Groups:IMAGES:MaxRequests", "7"),
            ("Cmi:Groups:images:Selection", "RoundRobin"),
            ("Cmi:Routes:pics:Host", "*.example.org"),
            ("Cmi:Routes:Pics:PathPrefix", "/images"),
            ("cmi:routes:pics:group", "Images"),
            ("Cmi:Routes:pics:Timeouts:ServerHead", "00:00:05"),
            ("Cmi:Routes:pics:Limits:MaxRequestContentBytes", "10"),
            ("Cmi:Routes:pics:Reply:Commit", "Stream"));

        var (group, route) = (options.Groups["images"], options.Routes[0]);
        Assert.Multiple(() =>
        {
            Assert.That(faults, Is.Empty);
            Assert.That((options.Groups.Count, options.Routes.Count), Is.EqualTo((1, 1)));
            Assert.That((group.Addresses[0], group.MaxRequests, group.Selection), Is.EqualTo(("http://i:1", 7, ServerSelection.RoundRobin)));
            Assert.That((route.Name, route.Host, route.PathPrefix, route.Group), Is.EqualTo(("pics", "*.example.org", "/images", "Images")));
            Assert.That((route.Timeouts.ServerHead, route.Limits.MaxRequestContentBytes, route.Reply.Commit), Is.EqualTo((TimeSpan.FromSeconds(5), 10L, CommitMode.Stream)));
            Assert.That(CmiSettings.Faults(Complete(options)), Is.Empty);
        });
    }

    [Test]
    public void SettingsThatARouteHasNotOfItsOwn_AreThoseOfTheEngine_AlsoWhenTheyAreSetLater()
    {
        var options = new CmiOptions();
        var route = options.AddRoute("a", r => r.Retry.Attempts = 5);
        options.Retry.Attempts = 2;
        options.Timeouts.Queue = TimeSpan.FromSeconds(1);

        Assert.That((route.Retry.Attempts, route.Timeouts.Queue), Is.EqualTo((5, TimeSpan.FromSeconds(1))));
    }

    /// <summary>Each setting that a route may have is inherited, and set for the route alone.</summary>
    [Test]
    public void EverySettingOfARoute_IsInheritedUntilItIsSet()
    {
        foreach (var (name, setting) in CmiSettings.OfRoutes.Settings)
        {
            var options = new CmiOptions();
            var route = options.AddRoute("a");
            var (other, third) = Others(setting);

            setting.Bind(options, Value(other), []);
            Assert.That(Get(route.Own, name), Is.EqualTo(Get(options, name)).And.Not.EqualTo(Get(new CmiOptions(), name)), name);

            var before = Get(options, name);
            setting.Bind(route.Own, Value(third), []);
            Assert.That(Get(route.Own, name), Is.Not.EqualTo(before), name);
            Assert.That(Get(options, name), Is.EqualTo(before), name);
        }
    }

    /// <summary>What a route shows in code is what it may have in the configuration.</summary>
    [Test]
    public void PropertiesOfARoute_AreItsSettings() =>
        Assert.That(
            typeof(RouteOptions).GetProperties().Where(p => p.PropertyType.IsClass && p.PropertyType.Namespace == "Cmi")
                .SelectMany(p => p.PropertyType.GetProperties().Select(leaf => $"{p.Name}:{leaf.Name}")).Where(name => name != "Reply:Checks"),      // objects, in code only
            Is.EquivalentTo(CmiSettings.OfRoutes.Settings.Select(s => s.Key)));

    [TestCase("Cmi:Routes:a:Hots", "Cmi:Routes:a:Hots is not a setting; it must be one of Host, PathPrefix, Group, Timeouts, Limits, Retry, Reply, Request, Pipelining, Buffers.")]
    [TestCase("Cmi:Routes:a:Timeouts:ClientIdle",
        "Cmi:Routes:a:Timeouts:ClientIdle is not a setting; it must be one of ClientContent, ServerConnect, ServerHead, ServerContent, Queue, Exchange, Tunnel.")]
    [TestCase("Cmi:Routes:a", "Cmi:Routes:a is '1'; it must be a section.")]
    [TestCase("Cmi:Routes", "Cmi:Routes is '1'; it must be a section.")]
    [TestCase("Cmi:Routes:a:Host:0", "Cmi:Routes:a:Host is a section; it must be a host.")]
    [TestCase("Cmi:Routes:a:Retry:Attempts", null)]
    [TestCase("Cmi:Groups:a:Adresses:0", "Cmi:Groups:a:Adresses is not a setting; it must be one of Addresses, MaxRequests, MaxConnections, MaxIdleConnections, Selection.")]
    [TestCase("Cmi:Groups:a:MaxRequests:0", "Cmi:Groups:a:MaxRequests is a section; it must be 0 to 1000000.")]
    public void UnknownNames_AreFaultsThatSayWhatThereIs(string key, string? fault) => Assert.That(Bind((key, "1")).Faults, fault is null ? Is.Empty : Is.EqualTo([fault]));

    [Test]
    public void Faults_AreAllListed_WithNameValueAndRule()
    {
        var options = new CmiOptions();
        options.Listen("http://127.0.0.1:1");
        options.Retry.Attempts = 99;
        options.AddGroup("empty");
        options.AddGroup("a b", g => g.AddServer("ftp://x"));
        options.AddRoute("one", r => (r.Host, r.Group) = ("*.*", "nowhere"));
        options.AddRoute("two", r => (r.PathPrefix, r.Timeouts.Queue) = ("images", TimeSpan.Zero));
        options.AddRoute("three", r => r.PathPrefix = "/a");
        options.AddRoute("four", r => r.PathPrefix = "/a");
        options.AddRoute("default", r => r.Host = "h");

        Assert.That(CmiSettings.Faults(options), Is.EqualTo(
        [
            "Cmi:Servers:Addresses is empty; it must have at least one address.",
            "Cmi:Groups:empty:Addresses is empty; it must have at least one address.",
            "Cmi:Groups:a b is a name of 3 characters; it must be 1 to 64 letters, digits, '-', '_' or '.'.",
            "Cmi:Groups:a b:Addresses:0 is 'ftp://x'; it must be http://HOST[:PORT] or unix:/PATH.",
            "Cmi:Routes:one:Host is '*.*'; it must be HOST or *.DOMAIN, with or without :PORT.",
            "Cmi:Routes:one:Group is 'nowhere'; it must be one of default, empty, a b.",
            "Cmi:Routes:two:PathPrefix is 'images'; it must be a path that begins with '/', as it is in a request line, without a query.",
            "Cmi:Routes:two:Timeouts:Queue is 00:00:00; it must be hh:mm:ss.fff, above 00:00:00 and at most 1.00:00:00.",
            "Cmi:Routes:four takes the same requests as Cmi:Routes:three; its Host or its PathPrefix must be different.",
            "Cmi:Routes:default is the route of what no other takes; it must be without Host and PathPrefix.",
            "Cmi:Retry:Attempts is 99; it must be 1 to 10.",
        ]));
    }

    [Test]
    public void SameHostWrittenInTwoWays_IsADuplicate()
    {
        var options = Complete(new());
        options.AddRoute("a", r => r.Host = "a.Example.");
        options.AddRoute("b", r => r.Host = "A.example");

        Assert.That(CmiSettings.Faults(options), Is.EqualTo(["Cmi:Routes:b takes the same requests as Cmi:Routes:a; its Host or its PathPrefix must be different."]));
    }

    [Test]
    public void NoServers_AreNoFault_WhenNoRouteLeadsThere()
    {
        var options = new CmiOptions();
        options.Listen("http://127.0.0.1:1");
        options.AddGroup("a", g => g.AddServer("http://a"));
        options.AddRoute("a", r => r.Group = "a");

        Assert.That(CmiSettings.Faults(options), Is.Empty);
    }

    [Test]
    public void GroupOfTheName_Default_IsServers()
    {
        var options = new CmiOptions();

        Assert.That(options.AddGroup("Default", g => g.AddServer("http://a")), Is.SameAs(options.Servers));
        Assert.That((options.Groups.Count, options.Servers.Addresses.Count), Is.EqualTo((0, 1)));
    }

    private static (string Other, string Third) Others(Setting setting) => setting switch
    {
        TimeSetting => ("00:00:07", "00:00:08"),
        ChoiceSetting<CommitMode> => ("Whole", "Stream"),
        ChoiceSetting<CloseTrust> => ("Never", "Fin"),
        ChoiceSetting<Distribution> => ("Off", "Safe"),
        FlagSetting { Key: "Reply:Resume" or "Reply:PersistHttp10" } => ("false", "true"),       // those that are on
        FlagSetting => ("true", "false"),
        _ => ("7", "8"),
    };

    private static IConfigurationSection Value(string value) => new ConfigurationBuilder().AddInMemoryCollection([new("x", value)]).Build().GetSection("x");

    private static object? Get(CmiOptions options, string name) =>
        name.Split(':').Aggregate((object?)options, (at, part) => at!.GetType().GetProperty(part, BindingFlags.Public | BindingFlags.Instance)!.GetValue(at));

    private static CmiOptions Complete(CmiOptions options)
    {
        options.Listen("http://127.0.0.1:1");
        options.AddServer("http://a");
        return options;
    }

    private static (CmiOptions Options, IReadOnlyList<string> Faults) Bind(params (string Key, string? Value)[] values)
    {
        var configuration = new CmiConfiguration(new ConfigurationBuilder().AddInMemoryCollection(values.Select(v => KeyValuePair.Create(v.Key, v.Value))).Build());
        var options = new CmiOptions();
        configuration.Configure(options);
        return (options, configuration.Faults());
    }
}
