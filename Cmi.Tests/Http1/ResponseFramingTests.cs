using Cmi.Http1;
using Cmi.Messages;
using NUnit.Framework;

namespace Cmi.Tests.Http1;

/// <summary>How responses end as they are received, and as they go to clients.</summary>
[TestFixture]
internal sealed class ResponseFramingTests
{
    private const bool Sure = false;
    private const bool Doubtful = true;

    [TestCase("", FramingKind.UntilClose, -1, Sure)]
    [TestCase("Content-Length: 0\r\n", FramingKind.Length, 0, Sure)]
    [TestCase("Content-Length: 5\r\nContent-Length: 5\r\n", FramingKind.Length, 5, Sure)]
    [TestCase("Transfer-Encoding: chunked\r\n", FramingKind.Chunked, -1, Sure)]
    [TestCase("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", FramingKind.Chunked, -1, Doubtful)]
    [TestCase("Transfer-Encoding: chunked\r\nContent-Length: x\r\n", FramingKind.Chunked, -1, Doubtful)]
    [TestCase("Transfer-Encoding: identity\r\n", FramingKind.UntilClose, -1, Doubtful)]
    [TestCase("Transfer-Encoding:\r\nContent-Length: 5\r\n", FramingKind.UntilClose, -1, Doubtful)]
    public void Content_EndsByTheRules(string lines, FramingKind kind, long length, bool doubtful) =>
        Assert.That(Decide($"HTTP/1.1 200 OK\r\n{lines}\r\n"), Is.EqualTo(new Framing(kind, length, doubtful)));

    [Test]
    public void ChunkedInHttp10_IsDecodedButDoubtful() =>
        Assert.That(Decide("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), Is.EqualTo(new Framing(FramingKind.Chunked, -1, true)));

    [TestCase("Transfer-Encoding: gzip\r\n", ProtocolError.UnknownTransferCoding)]
    [TestCase("Transfer-Encoding: chunked, identity\r\n", ProtocolError.UnknownTransferCoding)]
    [TestCase("Content-Length: x\r\n", ProtocolError.BadContentLength)]
    [TestCase("Content-Length: 5\r\nContent-Length: 6\r\n", ProtocolError.BadContentLength)]
    [TestCase("Content-Length: 9223372036854775808\r\n", ProtocolError.BadContentLength)]
    [TestCase("Transfer-Encoding: chunked, chunked\r\n", ProtocolError.BadTransferCoding)]
    [TestCase("Transfer-Encoding: gzip, chunked\r\n", ProtocolError.UnknownTransferCoding)]
    [TestCase("Transfer-Encoding: identity, chunked\r\n", ProtocolError.UnknownTransferCoding)]
    [TestCase("Transfer-Encoding: ,chunked\r\n", ProtocolError.UnknownTransferCoding)]
    public void WhatCannotBeDecoded_IsRefused(string lines, ProtocolError expected)
    {
        var head = Raw.Response($"HTTP/1.1 200 OK\r\n{lines}\r\n");
        Assert.That(MessageFraming.TryOfResponse(head, Method.Get, out _, out var error), Is.False);
        Assert.That(error, Is.EqualTo(expected));
    }

    [TestCase(Method.Head, 200, "Content-Length: 5\r\n", 5, Sure)]
    [TestCase(Method.Head, 200, "", -1, Sure)]
    [TestCase(Method.Head, 200, "Transfer-Encoding: chunked\r\n", -1, Sure)]
    [TestCase(Method.Head, 200, "Transfer-Encoding: gzip, chunked\r\n", -1, Sure)]
    [TestCase(Method.Head, 200, "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", -1, Doubtful)]
    [TestCase(Method.Head, 200, "Content-Length: x\r\n", -1, Doubtful)]
    [TestCase(Method.Head, 200, "Content-Length: 5\r\nContent-Length: 6\r\n", -1, Doubtful)]
    [TestCase(Method.Head, 204, "Content-Length: 5\r\n", -1, Doubtful)]
    [TestCase(Method.Get, 304, "Content-Length: 5\r\n", 5, Sure)]
    [TestCase(Method.Get, 304, "Transfer-Encoding: chunked\r\n", -1, Sure)]
    [TestCase(Method.Get, 204, "", -1, Sure)]
    [TestCase(Method.Get, 204, "Content-Length: 0\r\n", -1, Sure)]
    [TestCase(Method.Get, 204, "Content-Length: 5\r\n", -1, Doubtful)]
    [TestCase(Method.Get, 204, "Transfer-Encoding: chunked\r\n", -1, Doubtful)]
    [TestCase(Method.Get, 100, "Content-Length: 5\r\n", -1, Doubtful)]
    [TestCase(Method.Get, 101, "", -1, Sure)]
    [TestCase(Method.Get, 103, "", -1, Sure)]
    public void ResponseWithoutContent_EndsAtTheEmptyLine(Method method, int status, string lines, long declared, bool doubtful) =>
        Assert.That(Decide($"HTTP/1.1 {status} x\r\n{lines}\r\n", method), Is.EqualTo(new Framing(FramingKind.None, declared, doubtful)));

    [TestCase(Method.Get, 200, FramingKind.Length, 7, null, 1, FramingKind.Length, 7, TestName = "KnownLength_IsPassedOn")]
    [TestCase(Method.Get, 200, FramingKind.Chunked, -1, 7L, 1, FramingKind.Length, 7, TestName = "WholeChunkedReply_GetsItsLength")]
    [TestCase(Method.Get, 200, FramingKind.Chunked, -1, 7L, 0, FramingKind.Length, 7, TestName = "WholeChunkedReplyTo10_GetsItsLength")]
    [TestCase(Method.Get, 200, FramingKind.UntilClose, -1, 0L, 1, FramingKind.Length, 0, TestName = "WholeEmptyReply_GetsLengthZero")]
    [TestCase(Method.Get, 200, FramingKind.Chunked, -1, null, 1, FramingKind.Chunked, -1, TestName = "UnknownLength_IsChunkedFor11")]
    [TestCase(Method.Get, 200, FramingKind.UntilClose, -1, null, 1, FramingKind.Chunked, -1, TestName = "ReplyUntilClose_IsChunkedFor11")]
    [TestCase(Method.Get, 200, FramingKind.Chunked, -1, null, 0, FramingKind.UntilClose, -1, TestName = "UnknownLength_ClosesFor10")]
    [TestCase(Method.Head, 200, FramingKind.None, 7, 0L, 1, FramingKind.None, 7, TestName = "LengthDeclaredToHead_IsPassedOn")]
    [TestCase(Method.Head, 200, FramingKind.None, -1, 0L, 1, FramingKind.None, -1, TestName = "HeadWithoutLength_GetsNoneMeasured")]
    [TestCase(Method.Head, 204, FramingKind.None, 7, null, 1, FramingKind.None, -1, TestName = "HeadOfNoContent_HasNoLength")]
    [TestCase(Method.Get, 304, FramingKind.None, 7, 0L, 1, FramingKind.None, 7, TestName = "LengthDeclaredIn304_IsPassedOn")]
    [TestCase(Method.Get, 304, FramingKind.None, -1, 0L, 1, FramingKind.None, -1, TestName = "NotModifiedWithoutLength_GetsNoneMeasured")]
    [TestCase(Method.Get, 204, FramingKind.None, -1, 0L, 1, FramingKind.None, -1, TestName = "NoContent_HasNoLength")]
    [TestCase(Method.Get, 103, FramingKind.None, 7, null, 1, FramingKind.None, -1, TestName = "InterimReply_HasNoLength")]
    [TestCase(Method.Get, 205, FramingKind.Length, 7, 7L, 1, FramingKind.Length, 0, TestName = "ResetContent_HasLengthZero")]
    [TestCase(Method.Get, 205, FramingKind.UntilClose, -1, null, 0, FramingKind.Length, 0, TestName = "ResetContentUntilClose_HasLengthZero")]
    public void ToClient(Method method, int status, FramingKind received, long length, long? whole, int minor, FramingKind kind, long expected) =>
        Assert.That(
            MessageFraming.ToClient(new Framing(received, length, true), whole, method, status, minor), Is.EqualTo(new Framing(kind, expected)));

    [TestCase("HTTP/1.1", "Content-Length: 0\r\n", true)]
    [TestCase("HTTP/1.1", "Content-Length: 0\r\nConnection: close\r\n", false)]
    [TestCase("HTTP/1.0", "Content-Length: 0\r\n", false)]
    [TestCase("HTTP/1.0", "Content-Length: 0\r\nConnection: keep-alive\r\n", true)]
    [TestCase("HTTP/1.0", "Content-Length: 0\r\nConnection: keep-alive, close\r\n", false)]
    [TestCase("HTTP/1.1", "", false)]
    [TestCase("HTTP/1.1", "Connection: keep-alive\r\n", false)]
    [TestCase("HTTP/1.1", "Transfer-Encoding: chunked\r\n", true)]
    [TestCase("HTTP/1.1", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", false)]
    [TestCase("HTTP/1.0", "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n", false)]
    public void Persistence_FollowsVersionOptionsAndFraming(string version, string lines, bool persistent)
    {
        var head = Raw.Response($"{version} 200 OK\r\n{lines}\r\n");
        MessageFraming.TryOfResponse(head, Method.Get, out var framing, out _);
        Assert.That(MessageFraming.IsPersistent(head, framing), Is.EqualTo(persistent));
    }

    private static Framing Decide(string text, Method method = Method.Get)
    {
        Assert.That(MessageFraming.TryOfResponse(Raw.Response(text), method, out var framing, out var error), Is.True);
        Assert.That(error, Is.EqualTo(ProtocolError.None));
        return framing;
    }
}
