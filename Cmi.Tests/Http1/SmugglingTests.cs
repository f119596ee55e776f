using Cmi.Http1;
using Cmi.Messages;
using NUnit.Framework;

namespace Cmi.Tests.Http1;

/// <summary>
/// Messages made to be read differently by two hops (RFC 9112 §11.2): none gets through, or it is written anew so that it has one reading.
/// </summary>
[TestFixture]
internal sealed class SmugglingTests
{
    [TestCase("Content-Length: 6\r\nTransfer-Encoding: chunked", "0\r\n\r\nX", TestName = "ClTe_IsRefused")]
    [TestCase("Transfer-Encoding: chunked\r\nContent-Length: 4", "5c\r\nGPOST", TestName = "TeCl_IsRefused")]
    [TestCase("Transfer-Encoding : chunked", "0\r\n\r\n", TestName = "TeWithBlankBeforeColon_IsRefused")]
    [TestCase("Transfer-Encoding\t: chunked", "0\r\n\r\n", TestName = "TeWithTabBeforeColon_IsRefused")]
    [TestCase("Transfer-Encoding: \u000bchunked", "0\r\n\r\n", TestName = "TeWithVerticalTab_IsRefused")]
    [TestCase("Transfer-Encoding: chunked\u000c", "0\r\n\r\n", TestName = "TeWithFormFeed_IsRefused")]
    [TestCase("Transfer-Encoding: chunked\u00a0", "0\r\n\r\n", TestName = "TeWithNoBreakSpace_IsRefused")]
    [TestCase("Transfer-Encoding: xchunked", "0\r\n\r\n", TestName = "TeOfUnknownCoding_IsRefused")]
    [TestCase("Transfer-Encoding:\r\n chunked", "0\r\n\r\n", TestName = "TeFolded_IsRefused")]
    [TestCase("Transfer-Encoding: chunked\r\nTransfer-Encoding: x", "0\r\n\r\n", TestName = "TeTwice_IsRefused")]
    [TestCase("Transfer-Encoding: chunked, identity", "0\r\n\r\n", TestName = "TeEndingInIdentity_IsRefused")]
    [TestCase("X: y\nTransfer-Encoding: chunked", "0\r\n\r\n", TestName = "TeBehindBareLineFeed_IsRefused")]
    [TestCase("X: y\rTransfer-Encoding: chunked", "0\r\n\r\n", TestName = "TeBehindBareCarriageReturn_IsRefused")]
    [TestCase(" Transfer-Encoding: chunked", "0\r\n\r\n", TestName = "TeBehindBlank_IsRefused")]
    [TestCase("Content-Length: 5\r\nContent-Length: 6", "hello!", TestName = "ClTwice_IsRefused")]
    [TestCase("Content-Length: 5, 6", "hello!", TestName = "ClList_IsRefused")]
    [TestCase("Content-Length: +5", "hello", TestName = "ClWithSign_IsRefused")]
    [TestCase("Content-Length: 0x5", "hello", TestName = "ClInHex_IsRefused")]
    [TestCase("Content-Length: 4294967301x", "hello", TestName = "ClWithJunk_IsRefused")]
    [TestCase("Content-Length: 18446744073709551621", "hello", TestName = "ClThatOverflows_IsRefused")]
    [TestCase("Content Length: 5", "hello", TestName = "ClWithBlankInName_IsRefused")]
    [TestCase("Host: b", "", TestName = "SecondHost_IsRefused")]
    [TestCase("Expect: x 100-continue", "", TestName = "ObfuscatedExpect_IsRefused")]
    [TestCase("Transfer-Encoding: chunked", "+5\r\nhello\r\n0\r\n\r\n", TestName = "ChunkSizeWithSign_IsRefused")]
    [TestCase("Transfer-Encoding: chunked", "0x5\r\nhello\r\n0\r\n\r\n", TestName = "ChunkSizeWithPrefix_IsRefused")]
    [TestCase("Transfer-Encoding: chunked", "5 \r\nhello\r\n0\r\n\r\n", TestName = "ChunkSizeWithBlank_IsRefused")]
    [TestCase("Transfer-Encoding: chunked", "10000000000000005\r\nhello\r\n0\r\n\r\n", TestName = "ChunkSizeThatOverflows_IsRefused")]
    [TestCase("Transfer-Encoding: chunked", "5\nhello\r\n0\r\n\r\n", TestName = "ChunkSizeBeforeBareLineFeed_IsRefused")]
    [TestCase("Transfer-Encoding: chunked", "5;\nhello\r\n0\r\n\r\n", TestName = "ExtensionBeforeBareLineFeed_IsRefused")]
    [TestCase("Transfer-Encoding: chunked", "5\r\nhelloXX0\r\n\r\n", TestName = "ChunkDataWithoutItsEnd_IsRefused")]
    [TestCase("Transfer-Encoding: chunked", "0\r\nX\r\n\r\n", TestName = "TrailerThatIsNoField_IsRefused")]
    public void Attack_IsRefused(string lines, string content) =>
        Assert.That(Accepts($"POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n", content), Is.False);

    [TestCase("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "0\r\n\r\n", TestName = "CodingIn10_IsRefused")]
    [TestCase("POST / HTTP/1.1\r\nHost: a\r\n", "\n", TestName = "EmptyLineOfBareLineFeed_IsRefused")]
    [TestCase("POST / HTTP/1.1\r\nHost: a/../b\r\n\r\n", "", TestName = "HostWithPath_IsRefused")]
    public void AttackByTheHead_IsRefused(string head, string content) => Assert.That(Accepts(head + content, content), Is.False);

    [TestCase("GET")]
    [TestCase("HEAD")]
    [TestCase("DELETE")]
    [TestCase("OPTIONS")]
    public void ContentOfAMethodThatSeldomHasOne_IsFramed(string method)
    {
        // CL.0 and 0.CL: a hop that overlooks the length takes the content for the next request.
        var head = Raw.Request($"{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n");
        Assert.That(MessageFraming.TryOfRequest(head, out var framing, out _), Is.True);
        Assert.That(Written(head, MessageFraming.ToServer(framing, null)), Does.EndWith("\r\nContent-Length: 30\r\n\r\n"));
    }

    [Test]
    public void ConnectionThatNamesFraming_DoesNotRemoveIt()
    {
        var head = Raw.RequestWith("Connection: Content-Length, Host, Cookie, Authorization, X-Forwarded-For, Via\r\nContent-Length: 5\r\n" +
            "Cookie: c\r\nAuthorization: d\r\nVia: 1.1 e\r\n");
        Assert.That(MessageFraming.TryOfRequest(head, out var framing, out _), Is.True);
        var written = Written(head, MessageFraming.ToServer(framing, null));
        foreach (var line in new[] { "Host: a", "Cookie: c", "Authorization: d", "X-Forwarded-For: 9.9.9.9", "Via: 1.1 e", "Content-Length: 5" })
            Assert.That(written, Does.Contain($"\r\n{line}\r\n"));
    }

    [Test]
    public void TrailersThatLookLikeFraming_AreDropped() =>
        Assert.That(Decoded.OfChunked("1\r\na\r\n0\r\nContent-Length: 99\r\nHost: evil\r\n\r\n").Content, Is.EqualTo("a"));

    private static string Written(RequestHead head, Framing framing) => Raw.Written(into =>
    {
        RequestWriter.WriteHead(into, head, Raw.Peer, "cmi"u8);
        RequestWriter.WriteEnd(into, framing);
    });

    /// <summary>Whether a request passes all that stands before a server.</summary>
    private static bool Accepts(string head, string content)
    {
        var (status, parsed, _, _) = Raw.ReadRequest(head);
        return status == ReadStatus.Done
            && MessageFraming.TryOfRequest(parsed, out var framing, out _)
            && Decoded.Of(framing, Raw.Bytes(content)).Status == DecodeStatus.End;
    }
}
