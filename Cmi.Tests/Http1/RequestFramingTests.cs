using Cmi.Http1;
using NUnit.Framework;

namespace Cmi.Tests.Http1;

/// <summary>How requests end as they are received, and as they go to servers.</summary>
[TestFixture]
internal sealed class RequestFramingTests
{
    [TestCase("", FramingKind.None, -1)]
    [TestCase("Content-Length: 0\r\n", FramingKind.Length, 0)]
    [TestCase("Content-Length: 5\r\n", FramingKind.Length, 5)]
    [TestCase("Content-Length: 005\r\n", FramingKind.Length, 5)]
    [TestCase("Content-Length: 9223372036854775807\r\n", FramingKind.Length, long.MaxValue)]
    [TestCase("Content-Length: 5, 5\r\n", FramingKind.Length, 5)]
    [TestCase("Content-Length: 5\r\nContent-Length: 5\r\n", FramingKind.Length, 5)]
    [TestCase("Transfer-Encoding: chunked\r\n", FramingKind.Chunked, -1)]
    [TestCase("transfer-encoding:CHUNKED\r\n", FramingKind.Chunked, -1)]
    public void WellFramed_IsDecided(string lines, FramingKind kind, long length)
    {
        var decided = MessageFraming.TryOfRequest(Raw.RequestWith(lines), out var framing, out var error);
        Assert.That((decided, framing, error), Is.EqualTo((true, new Framing(kind, length), ProtocolError.None)));
    }

    [TestCase("Content-Length:\r\n")]
    [TestCase("Content-Length: +5\r\n")]
    [TestCase("Content-Length: -5\r\n")]
    [TestCase("Content-Length: 0x5\r\n")]
    [TestCase("Content-Length: 5 5\r\n")]
    [TestCase("Content-Length: 5.0\r\n")]
    [TestCase("Content-Length: 5a\r\n")]
    [TestCase("Content-Length: \"5\"\r\n")]
    [TestCase("Content-Length: 9223372036854775808\r\n")]
    [TestCase("Content-Length: 18446744073709551621\r\n")]
    [TestCase("Content-Length: 5, 6\r\n")]
    [TestCase("Content-Length: 5,\r\n")]
    [TestCase("Content-Length: ,5\r\n")]
    [TestCase("Content-Length: 5\r\nX: y\r\nContent-Length: 6\r\n")]
    [TestCase("Content-Length: 5\r\nContent-Length:\r\n")]
    public void BadLength_IsRefused(string lines) => Refused(lines, ProtocolError.BadContentLength);

    [TestCase("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")]
    [TestCase("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")]
    [TestCase("Transfer-Encoding: chunked\r\nContent-Length: x\r\n")]
    [TestCase("Transfer-Encoding: identity\r\nContent-Length: 5\r\n")]
    public void LengthBesideCoding_IsRefused(string lines) => Refused(lines, ProtocolError.LengthWithCoding);

    [TestCase("Transfer-Encoding:\r\n")]
    [TestCase("Transfer-Encoding: identity\r\n")]
    [TestCase("Transfer-Encoding: chunked, identity\r\n")]
    [TestCase("Transfer-Encoding: identity, chunked\r\n")]
    [TestCase("Transfer-Encoding: chunked, chunked\r\n")]
    [TestCase("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")]
    [TestCase("Transfer-Encoding: chunked, gzip\r\n")]
    [TestCase("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n")]
    [TestCase("Transfer-Encoding: chunked;q=1\r\n")]
    [TestCase("Transfer-Encoding: chunked,\r\n")]
    [TestCase("Transfer-Encoding: ,chunked\r\n")]
    [TestCase("Transfer-Encoding: \"chunked\"\r\n")]
    [TestCase("Transfer-Encoding: x chunked\r\n")]
    [TestCase("Transfer-Encoding: gzip;a, chunked\r\n")]
    public void DoubtfulCoding_IsRefused(string lines) => Refused(lines, ProtocolError.BadTransferCoding);

    [TestCase("Transfer-Encoding: gzip\r\n")]
    [TestCase("Transfer-Encoding: gzip, chunked\r\n")]
    [TestCase("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n")]
    [TestCase("Transfer-Encoding: xchunked\r\n")]
    public void UnknownCoding_IsNotImplemented(string lines)
    {
        Refused(lines, ProtocolError.UnknownTransferCoding);
        Assert.That(ProtocolError.UnknownTransferCoding.Status, Is.EqualTo(501));
    }

    [TestCase("Transfer-Encoding: chunked\r\n")]
    [TestCase("Transfer-Encoding: gzip\r\n")]
    [TestCase("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")]
    public void CodingInHttp10_IsRefused(string lines)
    {
        var head = Raw.Request($"POST / HTTP/1.0\r\n{lines}\r\n");
        Assert.That(MessageFraming.TryOfRequest(head, out _, out var error), Is.False);
        Assert.That(error, Is.EqualTo(ProtocolError.CodingInOldVersion));
    }

    [TestCase(FramingKind.None, -1, null, FramingKind.None, -1, TestName = "RequestWithoutContent_GoesWithoutFraming")]
    [TestCase(FramingKind.None, -1, 0L, FramingKind.None, -1, TestName = "RequestWithoutContentButWhole_GoesWithoutFraming")]
    [TestCase(FramingKind.Length, 0, 0L, FramingKind.Length, 0, TestName = "RequestOfLengthZero_SaysSo")]
    [TestCase(FramingKind.Length, 7, null, FramingKind.Length, 7, TestName = "RequestOfKnownLength_GoesByItBeforeItIsWhole")]
    [TestCase(FramingKind.Length, 7, 7L, FramingKind.Length, 7, TestName = "WholeRequest_GoesByItsLength")]
    [TestCase(FramingKind.Chunked, -1, null, FramingKind.Chunked, -1, TestName = "ChunkedRequest_GoesChunkedBeforeItIsWhole")]
    [TestCase(FramingKind.Chunked, -1, 7L, FramingKind.Length, 7, TestName = "WholeChunkedRequest_GetsItsLength")]
    [TestCase(FramingKind.Chunked, -1, 0L, FramingKind.Length, 0, TestName = "EmptyChunkedRequest_GetsLengthZero")]
    public void ToServer(FramingKind received, long length, long? whole, FramingKind kind, long expected) =>
        Assert.That(MessageFraming.ToServer(new Framing(received, length), whole), Is.EqualTo(new Framing(kind, expected)));

    [TestCase("HTTP/1.1", "", true)]
    [TestCase("HTTP/1.1", "Connection: keep-alive\r\n", true)]
    [TestCase("HTTP/1.1", "Connection: Close\r\n", false)]
    [TestCase("HTTP/1.1", "Connection: x, close\r\n", false)]
    [TestCase("HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n", false)]
    [TestCase("HTTP/1.1", "Connection: closed\r\n", true)]
    [TestCase("HTTP/1.1", "Proxy-Connection: close\r\n", true)]
    [TestCase("HTTP/1.0", "", false)]
    [TestCase("HTTP/1.0", "Connection: Keep-Alive\r\n", true)]
    [TestCase("HTTP/1.0", "Connection: keep-alive, close\r\n", false)]
    [TestCase("HTTP/1.0", "Proxy-Connection: keep-alive\r\n", false)]
    public void Persistence_FollowsVersionAndOptions(string version, string lines, bool persistent) =>
        Assert.That(MessageFraming.IsPersistent(Raw.Request($"GET / {version}\r\nHost: a\r\n{lines}\r\n")), Is.EqualTo(persistent));

    private static void Refused(string lines, ProtocolError expected)
    {
        Assert.That(MessageFraming.TryOfRequest(Raw.RequestWith(lines), out _, out var error), Is.False);
        Assert.That(error, Is.EqualTo(expected));
    }
}
