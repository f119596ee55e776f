using System.Net;
using Cmi.Forwarding;
using Cmi.Http1;
using Cmi.Messages;
using Cmi.Tests.Harness;
using Cmi.Tests.Http1;

namespace Cmi.Tests.Forwarding;

[TestFixture]
internal sealed class PeerFieldsTests
{
    private const string Known = "X-Forwarded-For: a\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: h\r\nForwarded: for=b\r\n";

    [TestCase("", "9.9.9.9", "9.9.9.9")]
    [TestCase("", "2001:db8::1", "2001:db8::1")]
    [TestCase("X-Forwarded-For: a, b\r\n", "9.9.9.9", "a, b, 9.9.9.9")]
    [TestCase("X-Forwarded-For: a\r\nX-Forwarded-For:\r\nx-forwarded-for: b\r\n", "9.9.9.9", "a, b, 9.9.9.9")]
    [TestCase("X-Forwarded-For: a\r\n", "", "a, unknown")]
    public void LastEntry_IsAlwaysOurs(string lines, string peer, string expected) =>
        Assert.That(Write(lines, new(), peer), Does.StartWith($"X-Forwarded-For: {expected}\r\n"));

    [Test]
    public void WhatHasNoEntries_IsReplaced() => Assert.That(
        Write("X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n", new()),
        Is.EqualTo("X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\n"));

    // RFC 7239 §4 and §6.
    [TestCase("9.9.9.9", "a", "for=9.9.9.9;proto=http;host=a")]
    [TestCase("2001:db8::1", "a", "for=\"[2001:db8::1]\";proto=http;host=a")]
    [TestCase("::ffff:9.9.9.9", "a", "for=9.9.9.9;proto=http;host=a")]
    [TestCase("", "a", "for=unknown;proto=http;host=a")]
    [TestCase("9.9.9.9", "a:8080", "for=9.9.9.9;proto=http;host=\"a:8080\"")]
    [TestCase("9.9.9.9", "[::1]:80", "for=9.9.9.9;proto=http;host=\"[::1]:80\"")]
    [TestCase("9.9.9.9", "a,b;c=d", "for=9.9.9.9;proto=http;host=\"a,b;c=d\"")]
    public void Element_IsQuotedWhereItMustBe(string peer, string host, string expected) => Assert.That(
        Written(Raw.Request($"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"), new() { Fields = ForwardedFields.Forwarded }, peer), Is.EqualTo($"Forwarded: {expected}\r\n"));

    [TestCase("Forwarded: for=b\r\n", "for=b, ")]
    [TestCase("Forwarded: for=b;by=c\r\nForwarded:\r\nforwarded: for=\"[::1]\"\r\n", "for=b;by=c, for=\"[::1]\", ")]
    [TestCase("Forwarded: for=b\r\nForwarded: for=\"c\r\n", "for=b, ")]
    [TestCase("Forwarded: for=\"c\\\"\r\n", "")]
    [TestCase("Forwarded: for=\"c\\\"d\"\r\n", "for=\"c\\\"d\", ")]
    public void ListOfElements_IsExtended_ButForOneThatWouldSwallowOurs(string lines, string kept) => Assert.That(
        Write(lines, new() { Fields = ForwardedFields.Forwarded }), Is.EqualTo($"Forwarded: {kept}for=9.9.9.9;proto=http;host=a\r\n"));

    [TestCase(ForwardedFields.XForwarded, "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\n")]
    [TestCase(ForwardedFields.Forwarded, "Forwarded: for=9.9.9.9;proto=http;host=a\r\n")]
    [TestCase(ForwardedFields.Both, "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\nForwarded: for=9.9.9.9;proto=http;host=a\r\n")]
    [TestCase(ForwardedFields.None, "")]
    public void OnlyFieldsThatAreAskedFor_AreWritten(ForwardedFields written, string expected)
    {
        Assert.That(Write("", new() { Fields = written }), Is.EqualTo(expected));
        Assert.That(Write(Known, new() { Fields = written, Received = ReceivedForwarded.Remove }), Is.EqualTo(expected), "what came is removed");
    }

    [TestCase(ForwardedFields.XForwarded)]
    [TestCase(ForwardedFields.Forwarded)]
    [TestCase(ForwardedFields.Both)]
    public void ListThatCame_IsExtendedWhicheverIsAskedFor(ForwardedFields written) => Assert.That(
        Write(Known, new() { Fields = written }),
        Is.EqualTo("X-Forwarded-For: a, 9.9.9.9\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\nForwarded: for=b, for=9.9.9.9;proto=http;host=a\r\n"));

    [Test]
    public void WithNone_WhatCamePassesAsItIs() => Assert.That(Write(Known, new() { Fields = ForwardedFields.None }), Is.EqualTo(Known));

    [TestCase("10.0.0.0/8", "10.1.2.3", true)]
    [TestCase("10.0.0.0/8", "11.0.0.0", false)]
    [TestCase("10.0.0.0/8", "::ffff:10.1.2.3", true)]
    [TestCase("9.9.9.9", "9.9.9.9", true)]
    [TestCase("9.9.9.9", "9.9.9.8", false)]
    [TestCase("fd00::/8", "fd12::1", true)]
    [TestCase("fd00::/8", "fe80::1", false)]
    [TestCase("::1", "::1", true)]
    [TestCase("0.0.0.0/0", "::1", false)]
    [TestCase("unix", "", true)]
    [TestCase("10.0.0.0/8", "", false)]
    [TestCase("unix", "9.9.9.9", false)]
    public void WordOfATrustedPeer_IsKept(string trusted, string peer, bool isTrusted)
    {
        var options = new ForwardedOptions { Received = ReceivedForwarded.Remove };
        options.TrustedNetworks.Add(trusted);
        var address = peer.Length == 0 ? "unknown" : IPAddress.Parse(peer) is { IsIPv4MappedToIPv6: true } mapped ? mapped.MapToIPv4().ToString() : peer;
        Assert.That(Write("X-Forwarded-For: a\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: h\r\n", options, peer), Is.EqualTo(isTrusted
            ? $"X-Forwarded-For: a, {address}\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: h\r\n"
            : $"X-Forwarded-For: {address}\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\n"));
    }

    [Test]
    public void TrustedPeerThatSaysNothing_IsNotSpokenFor()
    {
        var options = new ForwardedOptions();
        options.TrustedNetworks.Add("9.9.9.9");
        Assert.That(Write("", options), Is.EqualTo("X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\n"));
    }

    [TestCase("X-Forwarded-Port: 1\r\nx-real-ip: b\r\nX-Forwarded: c\r\nX-Other: d\r\n", ReceivedForwarded.Remove, "X-Forwarded: c\r\nX-Other: d\r\n")]
    [TestCase("X-Forwarded-Port: 1\r\nx-real-ip: b\r\n", ReceivedForwarded.Append, "X-Forwarded-Port: 1\r\nx-real-ip: b\r\n")]
    public void OtherHearsay_IsRemovedWithTheRest(string lines, ReceivedForwarded received, string expected)
    {
        var peer = PeerOf(new() { Fields = ForwardedFields.None, Received = received }, "9.9.9.9");
        Assert.That(
            Raw.Written(into => RequestWriter.WriteHead(into, Raw.RequestWith(lines), peer, "cmi"u8)), Is.EqualTo($"GET / HTTP/1.1\r\nHost: a\r\n{expected}Via: 1.1 cmi\r\n"));
    }

    [Test]
    public void WritingAgain_AllocatesNothing()
    {
        var (head, into) = (Raw.RequestWith(Known), new HeadBuffer());
        var options = new ForwardedOptions { Fields = ForwardedFields.Both };
        options.TrustedNetworks.Add("9.0.0.0/8");
        var peer = PeerOf(options, "9.9.9.9");
        Assert.That(Allocations.Least(() =>
        {
            for (var i = 0; i < 100; i++)
            {
                into.Reset();
                PeerFields.Write(into, head, peer);
            }
        }), Is.Zero);
    }

    private static string Write(string lines, ForwardedOptions options, string peer = "9.9.9.9") => Written(Raw.RequestWith(lines), options, peer);

    private static string Written(RequestHead head, ForwardedOptions options, string peer) =>
        Raw.Written(into => PeerFields.Write(into, head, PeerOf(options, peer)));

    private static Peer PeerOf(ForwardedOptions options, string peer) => new PeerRule(options).Describe(peer.Length > 0 ? new PeerAddress(IPAddress.Parse(peer), 1) : null);
}
