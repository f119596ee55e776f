using Cmi.Http1;
using Cmi.Messages;
using NUnit.Framework;

namespace Cmi.Tests.Http1;

[TestFixture]
internal sealed class RequestReaderTests
{
    [Test]
    public void WholeHead_GivesItsParts()
    {
        const string text = "GET /a/b?c=%20d HTTP/1.1\r\nHost: example.org:8080\r\nX-One:1\r\nx-two: \t a b \t\r\nX-Empty:\r\n\r\n";
        var (status, head, consumed, error) = Raw.ReadRequest(text + "GET /next");
        using var _ = Assert.EnterMultipleScope();
        Assert.That(status, Is.EqualTo(ReadStatus.Done));
        Assert.That(error, Is.EqualTo(ProtocolError.None));
        Assert.That(consumed, Is.EqualTo(text.Length));
        Assert.That(head.Method, Is.EqualTo(Method.Get));
        Assert.That(Raw.Text(head.MethodBytes), Is.EqualTo("GET"));
        Assert.That(head.MinorVersion, Is.EqualTo(1));
        Assert.That(head.Form, Is.EqualTo(TargetForm.Origin));
        Assert.That(Raw.Text(head.Target), Is.EqualTo("/a/b?c=%20d"));
        Assert.That(Raw.Text(head.PathAndQuery), Is.EqualTo("/a/b?c=%20d"));
        Assert.That(Raw.Text(head.Authority), Is.EqualTo("example.org:8080"));
        Assert.That(Raw.Lines(head.Fields), Is.EqualTo(new[] { "Host: example.org:8080", "X-One: 1", "x-two: a b", "X-Empty: " }));
        Assert.That(Raw.Text(head.Fields.Bytes), Is.EqualTo(text));
    }

    [Test]
    public void OneEmptyLineBefore_IsOverlookedAndConsumed()
    {
        const string text = "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
        var (status, head, consumed, _) = Raw.ReadRequest(text);
        Assert.That((status, consumed), Is.EqualTo((ReadStatus.Done, text.Length)));
        Assert.That(Raw.Text(head.Target), Is.EqualTo("/"));
    }

    [TestCase("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")]
    [TestCase("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")]
    [TestCase("\rGET / HTTP/1.1\r\nHost: a\r\n\r\n")]
    [TestCase(" GET / HTTP/1.1\r\nHost: a\r\n\r\n")]
    public void OtherBytesBefore_AreRefused(string text) => Refused(text, ProtocolError.BadRequestLine);

    [TestCase("")]
    [TestCase("\r")]
    [TestCase("\r\n")]
    [TestCase("G")]
    [TestCase("GET / HTTP/1.1\r")]
    [TestCase("GET / HTTP/1.1\r\n")]
    [TestCase("GET / HTTP/1.1\r\nHost")]
    [TestCase("GET / HTTP/1.1\r\nHost: a\r")]
    [TestCase("GET / HTTP/1.1\r\nHost: a\r\n")]
    [TestCase("GET / HTTP/1.1\r\nHost: a\r\n\r")]
    public void IncompleteHead_NeedsMore(string text)
    {
        var scanned = 0;
        var status = RequestReader.Read(Raw.Bytes(text), ref scanned, Raw.Limits, new RequestHead(), out var consumed, out var error);
        Assert.That((status, consumed, error, scanned), Is.EqualTo((ReadStatus.NeedMore, 0, ProtocolError.None, text.Length)));
    }

    [TestCase("GET  / HTTP/1.1", ProtocolError.BadRequestLine, TestName = "TwoSpacesBeforeTarget_AreRefused")]
    [TestCase("GET /  HTTP/1.1", ProtocolError.BadRequestLine, TestName = "TwoSpacesBeforeVersion_AreRefused")]
    [TestCase("GET / HTTP/1.1 ", ProtocolError.BadRequestLine, TestName = "SpaceAtEnd_IsRefused")]
    [TestCase("GET\t/ HTTP/1.1", ProtocolError.BadMethod, TestName = "TabForSpace_IsRefused")]
    [TestCase("GET /\tHTTP/1.1", ProtocolError.BadTarget, TestName = "TabBehindTarget_IsRefused")]
    [TestCase("GET /", ProtocolError.BadRequestLine, TestName = "NoVersion_IsRefused")]
    [TestCase("GET", ProtocolError.BadRequestLine, TestName = "MethodAlone_IsRefused")]
    [TestCase("G(T / HTTP/1.1", ProtocolError.BadMethod, TestName = "DelimiterInMethod_IsRefused")]
    [TestCase("GÉT / HTTP/1.1", ProtocolError.BadMethod, TestName = "NonAsciiMethod_IsRefused")]
    [TestCase("GET /\u00e9 HTTP/1.1", ProtocolError.BadTarget, TestName = "NonAsciiTarget_IsRefused")]
    [TestCase("GET /a#b HTTP/1.1", ProtocolError.BadTarget, TestName = "FragmentInTarget_IsRefused")]
    [TestCase("GET /a\0b HTTP/1.1", ProtocolError.BadTarget, TestName = "NulInTarget_IsRefused")]
    [TestCase("GET /a\rb HTTP/1.1", ProtocolError.BadTarget, TestName = "CarriageReturnInTarget_IsRefused")]
    [TestCase("GET a HTTP/1.1", ProtocolError.BadTarget, TestName = "RelativeTarget_IsRefused")]
    [TestCase("GET * HTTP/1.1", ProtocolError.BadTarget, TestName = "AsteriskWithoutOptions_IsRefused")]
    [TestCase("OPTIONS ** HTTP/1.1", ProtocolError.BadTarget, TestName = "TwoAsterisks_AreRefused")]
    [TestCase("GET a:80 HTTP/1.1", ProtocolError.BadTarget, TestName = "AuthorityWithoutConnect_IsRefused")]
    [TestCase("CONNECT a:80 HTTP/1.1", ProtocolError.MethodNotAllowed, TestName = "Connect_IsNotAllowed")]
    [TestCase("CONNECT /a HTTP/1.1", ProtocolError.BadTarget, TestName = "ConnectToPath_IsRefused")]
    [TestCase("GET ftp://a/ HTTP/1.1", ProtocolError.BadTarget, TestName = "OtherScheme_IsRefused")]
    [TestCase("GET http:///a HTTP/1.1", ProtocolError.BadTarget, TestName = "AbsoluteWithoutAuthority_IsRefused")]
    [TestCase("GET http:// HTTP/1.1", ProtocolError.BadTarget, TestName = "SchemeAlone_IsRefused")]
    [TestCase("GET http://u@a/ HTTP/1.1", ProtocolError.BadTarget, TestName = "UserinfoInTarget_IsRefused")]
    [TestCase("GET http://a:x/ HTTP/1.1", ProtocolError.BadTarget, TestName = "BadPortInTarget_IsRefused")]
    [TestCase("GET / HTTP/2.0", ProtocolError.VersionNotSupported, TestName = "Http2_IsNotSupported")]
    [TestCase("GET / HTTP/0.9", ProtocolError.VersionNotSupported, TestName = "Http09_IsNotSupported")]
    [TestCase("GET / HTTP/1", ProtocolError.BadRequestLine, TestName = "VersionWithoutMinor_IsRefused")]
    [TestCase("GET / HTTP/1.10", ProtocolError.BadRequestLine, TestName = "VersionOfTwoDigits_IsRefused")]
    [TestCase("GET / http/1.1", ProtocolError.BadRequestLine, TestName = "LowerCaseVersion_IsRefused")]
    [TestCase("GET / HTTPS/1.1", ProtocolError.BadRequestLine, TestName = "OtherProtocol_IsRefused")]
    public void MalformedLine_IsRefused(string line, ProtocolError expected) => Refused($"{line}\r\nHost: a\r\n\r\n", expected);

    [TestCase("GET /a|{b}\"<>\\^` HTTP/1.1", "/a|{b}\"<>\\^`")]
    [TestCase("GET //a/../b?c?d=%zz HTTP/1.1", "//a/../b?c?d=%zz")]
    [TestCase("OPTIONS * HTTP/1.1", "*")]
    [TestCase("GET http://b/c?d HTTP/1.1", "/c?d")]
    [TestCase("GET HTTP://b HTTP/1.1", "/")]
    [TestCase("GET https://b?c=d HTTP/1.1", "/?c=d")]
    [TestCase("OPTIONS http://b HTTP/1.1", "*")]
    [TestCase("OPTIONS http://b/ HTTP/1.1", "/")]
    [TestCase("OPTIONS http://b?c HTTP/1.1", "/?c")]
    public void Target_GivesPathAndQueryByteForByte(string line, string path)
    {
        var head = Raw.Request($"{line}\r\nHost: a\r\n\r\n");
        Assert.That(Raw.Text(head.PathAndQuery), Is.EqualTo(path));
        Assert.That(Raw.Text(head.Target), Is.EqualTo(line.Split(' ')[1]));
    }

    [Test]
    public void AbsoluteTarget_ReplacesHost()
    {
        var head = Raw.Request("GET http://b:81/c HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.That((head.Form, Raw.Text(head.Authority)), Is.EqualTo((TargetForm.Absolute, "b:81")));
    }

    [Test]
    public void HeadObject_IsReusableAfterAComposedPath()
    {
        var head = new RequestHead();
        var scanned = 0;
        RequestReader.Read(Raw.Bytes("GET http://b?c HTTP/1.1\r\nHost: a\r\n\r\n"), ref scanned, Raw.Limits, head, out _, out _);
        RequestReader.Read(Raw.Bytes("PUT /d HTTP/1.0\r\n\r\n"), ref scanned, Raw.Limits, head, out _, out _);
        Assert.That((head.Method, head.MinorVersion, Raw.Text(head.PathAndQuery), Raw.Text(head.Authority), head.Fields.Count),
            Is.EqualTo((Method.Put, 0, "/d", "", 0)));
        Assert.That(head.Fields.Has(FieldName.Host), Is.False);
    }

    [TestCase("get", Method.Other)]
    [TestCase("BREW", Method.Other)]
    [TestCase("M-SEARCH", Method.Other)]
    [TestCase("DELETE", Method.Delete)]
    public void AnyMethodToken_Passes(string name, Method method)
    {
        var head = Raw.Request($"{name} / HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.That((head.Method, Raw.Text(head.MethodBytes)), Is.EqualTo((method, name)));
    }

    [TestCase("HTTP/1.0", 0)]
    [TestCase("HTTP/1.1", 1)]
    [TestCase("HTTP/1.2", 1)]
    [TestCase("HTTP/1.9", 1)]
    public void VersionOfHttp1_IsSpokenToAsOneWeKnow(string version, int minor) =>
        Assert.That(Raw.Request($"GET / {version}\r\nHost: a\r\n\r\n").MinorVersion, Is.EqualTo(minor));

    [TestCase("100-continue")]
    [TestCase("100-Continue")]
    public void ExpectContinue_Passes(string value) =>
        Assert.That(Raw.RequestWith($"Expect: {value}\r\n").Fields.ListHas(FieldName.Expect, "100-continue"u8));

    [TestCase("200-ok")]
    [TestCase("")]
    [TestCase("y 100-continue")]
    [TestCase("100-continue, x")]
    [TestCase("100-continue;x=1")]
    [TestCase("\"100-continue\"")]
    public void OtherExpectation_Fails(string value) =>
        Refused($"GET / HTTP/1.1\r\nHost: a\r\nExpect: {value}\r\n\r\n", ProtocolError.ExpectationFailed);

    [Test]
    public void SecondExpectLine_IsReadToo() =>
        Refused("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: x\r\n\r\n", ProtocolError.ExpectationFailed);

    [Test]
    public void ExpectationInHttp10_IsIgnored() => Raw.Request("GET / HTTP/1.0\r\nExpect: x\r\n\r\n");

    internal static void Refused(string text, ProtocolError expected)
    {
        var (status, _, consumed, error) = Raw.ReadRequest(text);
        Assert.That((status, consumed, error), Is.EqualTo((ReadStatus.Invalid, 0, expected)));
    }
}
