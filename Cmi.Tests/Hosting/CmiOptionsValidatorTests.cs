using Microsoft.Extensions.DependencyInjection;
using Moq;
using NUnit.Framework;

namespace Cmi.Tests.Hosting;

public sealed class CmiOptionsValidatorTests
{
    [Test]
    public void Defaults_WithAnEndpointAndAServer_AreValid() => Assert.That(Validate(_ => { }), Is.Empty);

    [Test]
    public void SeveralFaults_AreAllListed_WithNameValueAndRule() =>
        Assert.That(
            Validate(o =>
            {
                o.Limits.MaxRequestHeadBytes = 12;
                o.Limits.MaxRequestContentBytes = -1;
                o.Timeouts.Queue = TimeSpan.Zero;
                o.Timeouts.Drain = TimeSpan.FromDays(2);
                o.Reply.Commit = (CommitMode)7;
                o.AddServer("ftp://a");
            }),
            Is.EquivalentTo(
            [
                "Cmi:Limits:MaxRequestHeadBytes is 12; it must be 1024 to 1048576.",
                "Cmi:Limits:MaxRequestContentBytes is -1; it must be 0 or more.",
                "Cmi:Timeouts:Queue is 00:00:00; it must be hh:mm:ss.fff, above 00:00:00 and at most 1.00:00:00.",
                "Cmi:Timeouts:Drain is 2.00:00:00; it must be hh:mm:ss.fff, 00:00:00 to 1.00:00:00.",
                "Cmi:Reply:Commit is 7; it must be UpTo, Whole or Stream.",
                "Cmi:Servers:Addresses:1 is 'ftp://a'; it must be http://HOST[:PORT] or unix:/PATH.",
            ]));

    [Test]
    public void NoAddresses_AreTwoFaults()
    {
        var faults = Validate(new CmiOptions());

        Assert.That(faults, Is.EqualTo(
        [
            "Cmi:Endpoints is empty; it must have at least one address.",
            "Cmi:Servers:Addresses is empty; it must have at least one address.",
        ]));
    }

    [Test]
    public void SameServerTwice_IsNamed_WhateverTheCaseOfItsHost() =>
        Assert.That(
            Validate(o => o.AddServer("http://TEN.example:9000/")),
            Is.EqualTo(["Cmi:Servers:Addresses:1 is 'http://TEN.example:9000/'; it must not be the same as Cmi:Servers:Addresses:0."]));

    [Test]
    public void SameEndpointTwice_IsAFault_ButTwoFreePortsAreNot()
    {
        Assert.That(
            Validate(o => o.Listen("http://127.0.0.1:8080")),
            Is.EqualTo(["Cmi:Endpoints:1 is 'http://127.0.0.1:8080'; it must not be the same as Cmi:Endpoints:0."]));
        Assert.That(
            Validate(o =>
            {
                o.Listen("http://127.0.0.1:0");
                o.Listen("http://127.0.0.1:0");
            }),
            Is.Empty);
    }

    [Test]
    public void RequestLineLimit_MayNotExceedTheHeadLimit() =>
        Assert.That(
            Validate(o => (o.Limits.MaxRequestHeadBytes, o.Limits.MaxRequestLineBytes) = (8192, 8193)),
            Is.EqualTo(["Cmi:Limits:MaxRequestLineBytes is 8193; it must be 256 to 8192."]));

    [Test]
    public void MaxConnections_IsOptional()
    {
        Assert.That(Validate(o => o.Servers.MaxConnections = 0), Is.Empty);
        Assert.That(Validate(o => o.Servers.MaxConnections = -1), Is.EqualTo(["Cmi:Servers:MaxConnections is -1; it must be 0 to 1000000."]));
    }

    [Test]
    public void MissingParts_AreListedTogetherWithTheOtherFaults()
    {
        var nothing = Mock.Of<IServiceProviderIsService>(s => s.IsService(It.IsAny<Type>()) == false);

        var faults = new CmiOptionsValidator([], nothing).Validate(null, Valid(o => o.Retry.Attempts = 0)).Failures;

        Assert.That(faults, Is.EqualTo(
        [
            "Cmi:Retry:Attempts is 0; it must be 1 to 10.",
            "No transport. Call UseSockets() or UseConnectionManager() after AddCmi().",
            "No buffer store. Call UseRamBuffers(), UseFlashBuffers() or UseDiskBuffers() after AddCmi().",
        ]));
    }

    private static CmiOptions Valid(Action<CmiOptions> change)
    {
        var options = new CmiOptions();
        options.Listen("http://127.0.0.1:8080");
        options.AddServer("http://ten.example:9000");
        change(options);
        return options;
    }

    private static IEnumerable<string> Validate(Action<CmiOptions> change) => Validate(Valid(change));

    private static IEnumerable<string> Validate(CmiOptions options) => new CmiOptionsValidator([]).Validate(null, options).Failures ?? [];
}
