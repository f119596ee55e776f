using Cmi.Http1;
using NUnit.Framework;

namespace Cmi.Tests.Http1;

[TestFixture]
internal sealed class ChunkedDecoderTests
{
    [TestCase("0\r\n\r\n", "")]
    [TestCase("3\r\nabc\r\n0\r\n\r\n", "abc")]
    [TestCase("3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", "abc0123456789")]
    [TestCase("a\r\n0123456789\r\n0\r\n\r\n", "0123456789")]
    [TestCase("0000000000000003\r\nabc\r\n00\r\n\r\n", "abc")]
    [TestCase("3;a=b;c=\"d e\";f\r\nabc\r\n0;x\r\n\r\n", "abc")]
    [TestCase("3;\r\nabc\r\n0\r\n\r\n", "abc")]
    [TestCase("3\r\nabc\r\n0\r\nA: b\r\nContent-Length:5\r\n\r\n", "abc")]
    [TestCase("2\r\n\r\n\r\n0\r\n\r\n", "\r\n")]
    public void WellFormed_EndsBehindItsLastLine(string text, string content) =>
        Assert.That(Decoded.OfChunked(text + "GET / HTTP/1.1"), Is.EqualTo(new Decoded(DecodeStatus.End, content, text.Length, ProtocolError.None)));

    [TestCase("", "")]
    [TestCase("3", "")]
    [TestCase("3\r\nab", "ab")]
    [TestCase("3\r\nabc", "abc")]
    [TestCase("3\r\nabc\r\n", "abc")]
    [TestCase("3\r\nabc\r\n0", "abc")]
    [TestCase("3\r\nabc\r\n0\r\n", "abc")]
    [TestCase("3\r\nabc\r\n0\r\n\r", "abc")]
    [TestCase("3\r\nabc\r\n0\r\nA: b\r\n", "abc")]
    [TestCase("7fffffffffffffff\r\nabc", "abc")]
    public void Incomplete_NeedsMore(string text, string content) =>
        Assert.That(Decoded.OfChunked(text), Is.EqualTo(new Decoded(DecodeStatus.NeedMore, content, text.Length, ProtocolError.None)));

    [TestCase("\r\n")]
    [TestCase("g\r\n")]
    [TestCase("+3\r\nabc\r\n")]
    [TestCase("-3\r\nabc\r\n")]
    [TestCase("0x3\r\nabc\r\n")]
    [TestCase(" 3\r\nabc\r\n")]
    [TestCase("3 \r\nabc\r\n")]
    [TestCase("3\t\r\nabc\r\n")]
    [TestCase("3 ;a\r\nabc\r\n")]
    [TestCase("3\nabc\r\n")]
    [TestCase("3\rabc\r\n")]
    [TestCase("3\r\r\nabc\r\n")]
    [TestCase("3_0\r\n")]
    [TestCase(";a\r\n")]
    [TestCase("3\0\r\nabc\r\n")]
    [TestCase("8000000000000000\r\n")]
    [TestCase("ffffffffffffffff\r\n")]
    [TestCase("10000000000000003\r\nabc\r\n")]
    [TestCase("00000000000000003\r\nabc\r\n")]
    public void BadSize_IsRefused(string text) => Refused(text, ProtocolError.BadChunkSize);

    [TestCase("3;a\nabc\r\n0\r\n\r\n", ProtocolError.BadChunkExtension)]
    [TestCase("3;a\rb\r\nabc\r\n0\r\n\r\n", ProtocolError.BadChunkSize)]
    [TestCase("3;a=\"\n\"\r\nabc\r\n", ProtocolError.BadChunkExtension)]
    [TestCase("3;a\0\r\nabc\r\n", ProtocolError.BadChunkExtension)]
    [TestCase("3;a\u007f\r\nabc\r\n", ProtocolError.BadChunkExtension)]
    public void BadExtension_IsRefused(string text, ProtocolError error) => Refused(text, error);

    [TestCase("3\r\nabcd\r\n0\r\n\r\n")]
    [TestCase("3\r\nabc0\r\n\r\n")]
    [TestCase("3\r\nabc\n0\r\n\r\n")]
    [TestCase("3\r\nabc\r0\r\n\r\n")]
    [TestCase("3\r\nabc \r\n0\r\n\r\n")]
    public void DataThatDoesNotEndAsItMust_IsRefused(string text) => Refused(text, ProtocolError.BadChunkEnd, "abc");

    [TestCase("0\r\nA\r\n\r\n")]
    [TestCase("0\r\nA : b\r\n\r\n")]
    [TestCase("0\r\n A: b\r\n\r\n")]
    [TestCase("0\r\n: b\r\n\r\n")]
    [TestCase("0\r\nA: b\r\n c\r\n\r\n")]
    [TestCase("0\r\nA: b\0\r\n\r\n")]
    [TestCase("0\r\nA: b\n\r\n")]
    [TestCase("0\r\nA: b\rc\r\n\r\n")]
    [TestCase("0\r\n\n")]
    [TestCase("0\r\n\rG")]
    [TestCase("0\r\nGET / HTTP/1.1\r\n\r\n")]
    public void BadTrailer_IsRefused(string text) => Refused(text, ProtocolError.BadTrailer);

    [Test]
    public void ExtensionOfTheLimit_Passes()
    {
        var extension = new string('x', ChunkedDecoder.MaxExtensionBytes);
        Assert.That(Decoded.OfChunked($"1;{extension}\r\na\r\n1;{extension}\r\nb\r\n0\r\n\r\n").Content, Is.EqualTo("ab"));
        Refused($"1;{extension}x", ProtocolError.BadChunkExtension);
    }

    [TestCase(1, false)]
    [TestCase(100, true)]
    public void ManyExtensions_PassBesideAsMuchContentOnly(int chunkBytes, bool pass)
    {
        var (content, extension) = (new string('a', chunkBytes), new string('x', 100));
        var chunks = string.Concat(Enumerable.Repeat($"{chunkBytes:x};{extension}\r\n{content}\r\n", 1 + ChunkedDecoder.MaxExtensionSurplus / 50));
        var decoded = Decoded.OfChunked($"{chunks}0\r\n\r\n");
        Assert.That((decoded.Status, decoded.Error), Is.EqualTo(pass ? (DecodeStatus.End, ProtocolError.None) : (DecodeStatus.Invalid, ProtocolError.BadChunkExtension)));
    }

    [Test]
    public void TrailersBeyondTheLimit_AreRefused()
    {
        var trailers = string.Concat(Enumerable.Repeat("A: b\r\n", ChunkedDecoder.MaxTrailerBytes / 6));
        Assert.That(Decoded.OfChunked($"0\r\n{trailers}\r\n").Status, Is.EqualTo(DecodeStatus.End));
        Refused($"0\r\n{trailers}{trailers}", ProtocolError.BadTrailer);
    }

    [Test]
    public void Refusal_IsToldAgainAndTakesNothing()
    {
        var decoder = new ContentDecoder(new Framing(FramingKind.Chunked));
        for (var i = 0; i < 2; i++)
        {
            Assert.That(decoder.Decode("x"u8, out var consumed, out _, out _), Is.EqualTo(DecodeStatus.Invalid));
            Assert.That((consumed, decoder.Error), Is.EqualTo((0, ProtocolError.BadChunkSize)));
        }
    }

    private static void Refused(string text, ProtocolError error, string content = "")
    {
        var decoded = Decoded.OfChunked(text);
        Assert.That((decoded.Status, decoded.Content, decoded.Error), Is.EqualTo((DecodeStatus.Invalid, content, error)));
    }
}
