using Cmi.Forwarding;
using Cmi.Http1;
using Cmi.Messages;
using NUnit.Framework;

namespace Cmi.Tests.Http1;

[TestFixture]
internal sealed class RequestFieldsTests
{
    [TestCase("X: a\r\n b\r\n", ProtocolError.BadFieldLine, TestName = "FoldBySpace_IsRefused")]
    [TestCase("X: a\r\n\tb\r\n", ProtocolError.BadFieldLine, TestName = "FoldByTab_IsRefused")]
    [TestCase("X : a\r\n", ProtocolError.BadFieldName, TestName = "SpaceBeforeColon_IsRefused")]
    [TestCase("X\t: a\r\n", ProtocolError.BadFieldName, TestName = "TabBeforeColon_IsRefused")]
    [TestCase(": a\r\n", ProtocolError.BadFieldName, TestName = "EmptyName_IsRefused")]
    [TestCase("X\r\n", ProtocolError.BadFieldLine, TestName = "NoColon_IsRefused")]
    [TestCase("X Y: a\r\n", ProtocolError.BadFieldName, TestName = "BlankInName_IsRefused")]
    [TestCase("X\0: a\r\n", ProtocolError.BadFieldName, TestName = "NulInName_IsRefused")]
    [TestCase("X(: a\r\n", ProtocolError.BadFieldName, TestName = "DelimiterInName_IsRefused")]
    [TestCase("X\u00e9: a\r\n", ProtocolError.BadFieldName, TestName = "NonAsciiName_IsRefused")]
    [TestCase("X: a\0b\r\n", ProtocolError.BadFieldValue, TestName = "NulInValue_IsRefused")]
    [TestCase("X: a\u0001b\r\n", ProtocolError.BadFieldValue, TestName = "ControlInValue_IsRefused")]
    [TestCase("X: a\u007fb\r\n", ProtocolError.BadFieldValue, TestName = "DeleteInValue_IsRefused")]
    [TestCase("X: a\rb\r\n", ProtocolError.BadFieldValue, TestName = "BareCarriageReturnInValue_IsRefused")]
    [TestCase("X: a\r\rb\r\n", ProtocolError.BadFieldValue, TestName = "TwoCarriageReturns_AreRefused")]
    [TestCase("X: a\nY: b\r\n", ProtocolError.BadFieldLine, TestName = "BareLineFeed_IsRefused")]
    [TestCase("\rX: a\r\n", ProtocolError.BadFieldLine, TestName = "BareCarriageReturnBeforeName_IsRefused")]
    [TestCase("\nX: a\r\n", ProtocolError.BadFieldLine, TestName = "BareLineFeedBeforeName_IsRefused")]
    public void MalformedField_IsRefused(string lines, ProtocolError expected) =>
        RequestReaderTests.Refused($"GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n", expected);

    [TestCase(" ")]
    [TestCase("\t")]
    public void BlankBeforeFirstField_IsRefused(string blank) =>
        RequestReaderTests.Refused($"GET / HTTP/1.1\r\n{blank}Host: a\r\n\r\n", ProtocolError.BadFieldLine);

    [Test]
    public void BareLineFeedAtEndOfRequestLine_IsRefused() =>
        RequestReaderTests.Refused("GET / HTTP/1.1\nHost: a\r\n\r\n", ProtocolError.BadRequestLine);

    [Test]
    public void BareLineFeedAsEmptyLine_IsRefused() =>
        RequestReaderTests.Refused("GET / HTTP/1.1\r\nHost: a\r\n\n", ProtocolError.BadFieldLine);

    [TestCase("X:a", "X: a")]
    [TestCase("X:  \t a  \t", "X: a")]
    [TestCase("X: a\tb  c", "X: a\tb  c")]
    [TestCase("X: \u00e9\u00ff\u0080", "X: \u00e9\u00ff\u0080")]
    [TestCase("X:", "X: ")]
    [TestCase("X: \t ", "X: ")]
    [TestCase("!#$%&'*+-.^_`|~09azAZ: :a:", "!#$%&'*+-.^_`|~09azAZ: :a:")]
    public void WellFormedField_Passes(string line, string expected) =>
        Assert.That(Raw.Lines(Raw.RequestWith(line + "\r\n").Fields), Is.EqualTo(new[] { "Host: a", expected }));

    [Test]
    public void MissingHost_IsRefusedIn11() => RequestReaderTests.Refused("GET / HTTP/1.1\r\n\r\n", ProtocolError.BadHost);

    [Test]
    public void MissingHost_IsRefusedWithAnAbsoluteTargetToo() => RequestReaderTests.Refused("GET http://a/ HTTP/1.1\r\n\r\n", ProtocolError.BadHost);

    [Test]
    public void MissingHost_PassesIn10() => Assert.That(Raw.Request("GET / HTTP/1.0\r\n\r\n").Authority.Length, Is.Zero);

    [TestCase("HTTP/1.1")]
    [TestCase("HTTP/1.0")]
    public void RepeatedHost_IsRefusedEvenIfEqual(string version) =>
        RequestReaderTests.Refused($"GET / {version}\r\nHost: a\r\nX: b\r\nhost: a\r\n\r\n", ProtocolError.BadHost);

    [TestCase("a")]
    [TestCase("a.example")]
    [TestCase("a.example.:80")]
    [TestCase("a:")]
    [TestCase("a:65535")]
    [TestCase("127.0.0.1:8080")]
    [TestCase("[::1]")]
    [TestCase("[2001:db8::7]:80")]
    [TestCase("[::ffff:1.2.3.4]")]
    [TestCase("a_b-c~d")]
    [TestCase("%C3%A9.example")]
    public void ValidHost_Passes(string host) =>
        Assert.That(Raw.Text(Raw.Request($"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").Authority), Is.EqualTo(host));

    [TestCase("")]
    [TestCase(":80")]
    [TestCase("a b")]
    [TestCase("a, b c")]
    [TestCase("a/b")]
    [TestCase("a?b")]
    [TestCase("a#b")]
    [TestCase("u@a")]
    [TestCase("http://a")]
    [TestCase("a:b")]
    [TestCase("a:80:80")]
    [TestCase("a:-1")]
    [TestCase("a:65536")]
    [TestCase("a:99999999999999999999999")]
    [TestCase("[::1")]
    [TestCase("::1")]
    [TestCase("[]")]
    [TestCase("[1.2.3.4]")]
    [TestCase("[::1]80")]
    [TestCase("[::1%25eth0]")]
    [TestCase("[:::1]")]
    [TestCase("[v1.a]")]
    [TestCase("a%2")]
    [TestCase("a%zz")]
    [TestCase("a\\b")]
    [TestCase("a\"b")]
    [TestCase("é")]
    public void InvalidHost_IsRefused(string host)
    {
        RequestReaderTests.Refused($"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n", ProtocolError.BadHost);
        RequestReaderTests.Refused($"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n", ProtocolError.BadHost);
    }

    [Test]
    public void ConnectionThatNamesTooMuch_IsRefused()
    {
        var options = string.Join(',', Enumerable.Range(0, ConnectionFields.MaxOptions + 1).Select(i => $"x{i}"));
        RequestReaderTests.Refused($"GET / HTTP/1.1\r\nHost: a\r\nConnection: {options}\r\n\r\n", ProtocolError.BadFieldValue);
        var empty = new string(',', ConnectionFields.MaxOptions);
        RequestReaderTests.Refused($"GET / HTTP/1.1\r\nHost: a\r\nConnection: {empty}\r\n\r\n", ProtocolError.BadFieldValue);
        Raw.RequestWith($"Connection: {options[..options.LastIndexOf(',')]}\r\n");
    }

    [Test]
    public void FieldsBeyondTheFirstCapacity_AreKeptInOrder()
    {
        var lines = Enumerable.Range(0, 99).Select(i => $"X-{i}: {i}").ToArray();
        var head = Raw.RequestWith(string.Concat(lines.Select(l => l + "\r\n")));
        Assert.That(Raw.Lines(head.Fields), Is.EqualTo(lines.Prepend("Host: a")));
        Assert.That(head.Fields.First(FieldName.Host).ToArray(), Is.EqualTo("a"u8.ToArray()));
    }
}
