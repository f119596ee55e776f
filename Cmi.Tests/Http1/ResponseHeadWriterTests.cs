using Cmi.Http1;
using Cmi.Messages;
using NUnit.Framework;

namespace Cmi.Tests.Http1;

[TestFixture]
internal sealed class ResponseHeadWriterTests
{
    private static ReadOnlySpan<byte> Date => "Sun, 06 Nov 1994 08:49:37 GMT"u8;

    [Test]
    public void Response_IsWrittenAnewInOurVersion() => Assert.That(
        Write("HTTP/1.0 200 Fine\r\nServer:s\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n"),
        Is.EqualTo("HTTP/1.1 200 Fine\r\nServer: s\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));

    [Test]
    public void EmptyReason_KeepsItsSpace() => Assert.That(Write("HTTP/1.1 299\r\nDate: x\r\n\r\n"), Is.EqualTo("HTTP/1.1 299 \r\nDate: x\r\n"));

    [Test]
    public void FieldsOfTheHop_AreNotPassedOn()
    {
        const string ofTheHop = "Connection: close, X-Gone\r\nx-gone: 1\r\nKeep-Alive: 1\r\nProxy-Connection: a\r\nProxy-Authenticate: b\r\n" +
            "TE: c\r\nTrailer: d\r\nTransfer-Encoding: chunked\r\nUpgrade: e\r\nContent-Length: 5\r\n";
        Assert.That(Write($"HTTP/1.1 200 OK\r\n{ofTheHop}Date: x\r\n\r\n"), Is.EqualTo("HTTP/1.1 200 OK\r\nDate: x\r\n"));
    }

    [Test]
    public void Fold_IsPassedOnJoined() =>
        Assert.That(Write("HTTP/1.1 200 OK\r\nDate: x\r\nA : b\r\n\tc\r\n\r\n"), Is.EqualTo("HTTP/1.1 200 OK\r\nDate: x\r\nA: b   c\r\n"));

    [TestCase(FramingKind.Length, 5, true, 1, "Content-Length: 5\r\n\r\n")]
    [TestCase(FramingKind.Length, 5, true, 0, "Content-Length: 5\r\nConnection: keep-alive\r\n\r\n")]
    [TestCase(FramingKind.Length, 5, false, 1, "Content-Length: 5\r\nConnection: close\r\n\r\n")]
    [TestCase(FramingKind.Length, 5, false, 0, "Content-Length: 5\r\nConnection: close\r\n\r\n")]
    [TestCase(FramingKind.Chunked, -1, true, 1, "Transfer-Encoding: chunked\r\n\r\n")]
    [TestCase(FramingKind.UntilClose, -1, false, 0, "Connection: close\r\n\r\n")]
    [TestCase(FramingKind.UntilClose, -1, true, 0, "Connection: close\r\n\r\n")]
    [TestCase(FramingKind.None, -1, true, 1, "\r\n")]
    [TestCase(FramingKind.None, 7, true, 1, "Content-Length: 7\r\n\r\n")]
    public void End_TellsFramingAndPersistence(FramingKind kind, long length, bool persistent, int minor, string expected) =>
        Assert.That(Raw.Written(into => ResponseHeadWriter.WriteEnd(into, new Framing(kind, length), persistent, minor)), Is.EqualTo(expected));

    [Test]
    public void OwnReply_IsWhole() => Assert.That(
        Raw.Written(into => ResponseHeadWriter.WriteOwn(into, 503, "Späť", Method.Get, true, 0, Date, 7)),
        Is.EqualTo("HTTP/1.1 503 Service Unavailable\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain; charset=utf-8\r\n" +
            "Retry-After: 7\r\nContent-Length: 6\r\nConnection: keep-alive\r\n\r\nSp\u00c3\u00a4\u00c5\u00a5"));

    [Test]
    public void OwnReplyToHead_HasTheLengthButNotTheContent() => Assert.That(
        Raw.Written(into => ResponseHeadWriter.WriteOwn(into, 400, "text", Method.Head, false, 1, default)),
        Is.EqualTo("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 4\r\nConnection: close\r\n\r\n"));

    [TestCase(100)]
    [TestCase(204)]
    [TestCase(205)]
    [TestCase(304)]
    [TestCase(600)]
    public void OwnReplyThatCanHaveNoContent_IsABug(int status) => Assert.Throws<ArgumentOutOfRangeException>(
        () => ResponseHeadWriter.WriteOwn(new HeadBuffer(), status, "", Method.Get, true, 1, Date));

    [Test]
    public void ControlInDate_IsABug() => Assert.Throws<ArgumentException>(
        () => ResponseHeadWriter.WriteHead(new HeadBuffer(), Raw.Response("HTTP/1.1 200 OK\r\n\r\n"), "a\r\nb"u8));

    [Test]
    public void Upgrade_IsAnsweredAnewForThisHop() => Assert.That(
        Raw.Written(into => ResponseHeadWriter.WriteUpgrade(into, Raw.Response("HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n"))),
        Is.EqualTo("Connection: Upgrade\r\nUpgrade: websocket\r\n"));

    [Test]
    public void EveryErrorStatus_HasAReasonAndAnExplanation()
    {
        foreach (var error in Enum.GetValues<ProtocolError>().Except([ProtocolError.None]))
        {
            Assert.That(ReasonPhrases.Of(error.Status).Length, Is.GreaterThan(0), $"{error}");
            Assert.That(error.Explanation, Does.EndWith("."), $"{error}");
        }
    }

    private static string Write(string response) => Raw.Written(into => ResponseHeadWriter.WriteHead(into, Raw.Response(response), Date));
}
