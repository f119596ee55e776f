using Cmi.Http1;
using Cmi.Tests.Harness;
using NUnit.Framework;

namespace Cmi.Tests.Http1;

[TestFixture]
internal sealed class RequestWriterTests
{
    private const string Added = "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\nVia: 1.1 cmi\r\n";

    [Test]
    public void Request_IsWrittenAnew() => Assert.That(
        Write("PUT /p?q HTTP/1.1\r\nX-One:1\r\nhost:a\r\nCookie:  c \r\nX-One: 2\r\n\r\n"),
        Is.EqualTo("PUT /p?q HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nCookie: c\r\nX-One: 2\r\n" + Added));

    [Test]
    public void FieldsOfTheHop_AreNotPassedOn()
    {
        const string ofTheHop = "Connection: x-gone, close\r\nX-Gone: 1\r\nKeep-Alive: 1\r\nProxy-Connection: a\r\nTE: gzip\r\nTrailer: x\r\n" +
            "Transfer-Encoding: chunked\r\nUpgrade: websocket\r\nExpect: 100-continue\r\nProxy-Authorization: b\r\nHTTP2-Settings: c\r\n";
        Assert.That(Write($"POST / HTTP/1.1\r\nHost: a\r\n{ofTheHop}X-Stays: 1\r\n\r\n"),
            Is.EqualTo("POST / HTTP/1.1\r\nHost: a\r\nX-Stays: 1\r\n" + Added));
    }

    [Test]
    public void ContentLength_IsLeftToTheFraming() =>
        Assert.That(Write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"), Is.EqualTo("POST / HTTP/1.1\r\nHost: a\r\n" + Added));

    [Test]
    public void AbsoluteTarget_BecomesPathAndHost() => Assert.That(
        Write("GET http://a?q HTTP/1.1\r\nHost: b\r\n\r\n"), Is.EqualTo("GET /?q HTTP/1.1\r\nHost: a\r\n" + Added));

    [Test]
    public void OldRequestWithoutHost_IsSentInOurVersionWithAnEmptyOne() => Assert.That(
        Write("GET / HTTP/1.0\r\n\r\n"),
        Is.EqualTo("GET / HTTP/1.1\r\nHost: \r\nX-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: http\r\nVia: 1.0 cmi\r\n"));

    [Test]
    public void UnknownMethod_Passes() => Assert.That(Write("bReW /pot HTTP/1.1\r\nHost: a\r\n\r\n"), Does.StartWith("bReW /pot HTTP/1.1\r\n"));

    [TestCase("OPTIONS", "Max-Forwards: 4")]
    [TestCase("TRACE", "Max-Forwards: 4")]
    [TestCase("GET", "Max-Forwards: 5")]
    public void MaxForwards_IsLoweredWhereItCounts(string method, string expected) =>
        Assert.That(Write($"{method} / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 5\r\n\r\n"), Does.Contain($"\r\n{expected}\r\n"));

    [Test]
    public void ControlInWhatWeAdd_IsABug() => Assert.Throws<ArgumentException>(
        () => RequestWriter.WriteHead(new HeadBuffer(), Raw.RequestWith(""), Raw.Peer, "cmi\nX"u8));

    [TestCase(FramingKind.None, -1, "\r\n")]
    [TestCase(FramingKind.Length, 0, "Content-Length: 0\r\n\r\n")]
    [TestCase(FramingKind.Length, 1234567890123, "Content-Length: 1234567890123\r\n\r\n")]
    [TestCase(FramingKind.Chunked, -1, "Transfer-Encoding: chunked\r\n\r\n")]
    public void End_TellsTheFraming(FramingKind kind, long length, string expected) =>
        Assert.That(Raw.Written(into => RequestWriter.WriteEnd(into, new Framing(kind, length))), Is.EqualTo(expected));

    [Test]
    public void Upgrade_IsAskedAnewForThisHop()
    {
        var head = Raw.RequestWith("Connection: Upgrade, X\r\nUpgrade: h2c, websocket\r\nUpgrade: other/1\r\n");
        Assert.That(Raw.Written(into => RequestWriter.WriteUpgrade(into, head)),
            Is.EqualTo("Connection: Upgrade\r\nUpgrade: websocket, other/1\r\n"));
    }

    [Test]
    public void WritingAgain_AllocatesNothing()
    {
        var head = Raw.RequestWith("Connection: x-gone\r\nX-Gone: 1\r\nVia: 1.1 a\r\nX-Forwarded-For: b\r\nUpgrade: c\r\nContent-Length: 5\r\n");
        var into = new HeadBuffer();
        Write();
        Assert.That(Allocations.Least(() =>
        {
            for (var i = 0; i < 100; i++) Write();
        }), Is.Zero);

        void Write()
        {
            into.Reset();
            MessageFraming.TryOfRequest(head, out var framing, out _);
            RequestWriter.WriteHead(into, head, Raw.Peer, "cmi"u8);
            RequestWriter.WriteUpgrade(into, head);
            RequestWriter.WriteEnd(into, MessageFraming.ToServer(framing, 5));
        }
    }

    private static string Write(string request) =>
        Raw.Written(into => RequestWriter.WriteHead(into, Raw.Request(request), Raw.Peer, "cmi"u8));
}
