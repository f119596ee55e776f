using Cmi.Http1;
using NUnit.Framework;

namespace Cmi.Tests.Http1;

[TestFixture]
internal sealed class ContentDecoderTests
{
    [TestCase(FramingKind.None, -1, "abc", DecodeStatus.End, "", TestName = "NoContent_EndsAtOnce")]
    [TestCase(FramingKind.None, 7, "abc", DecodeStatus.End, "", TestName = "NoContentButADeclaredLength_EndsAtOnce")]
    [TestCase(FramingKind.Length, 0, "", DecodeStatus.End, "", TestName = "LengthZero_EndsAtOnce")]
    [TestCase(FramingKind.Length, 3, "abcdef", DecodeStatus.End, "abc", TestName = "Length_LeavesWhatIsBehind")]
    [TestCase(FramingKind.Length, 7, "abc", DecodeStatus.NeedMore, "abc", TestName = "ShortLength_NeedsMore")]
    [TestCase(FramingKind.UntilClose, -1, "abc", DecodeStatus.NeedMore, "abc", TestName = "UntilClose_NeverEnds")]
    public void Content_IsTakenUpToItsEnd(FramingKind kind, long length, string input, DecodeStatus status, string content)
    {
        var decoded = Decoded.Of(new Framing(kind, length), Raw.Bytes(input));
        Assert.That(decoded, Is.EqualTo(new Decoded(status, content, content.Length, ProtocolError.None)));
    }

    [Test]
    public void EndOfContent_IsToldAgainAndTakesNothing()
    {
        var decoder = new ContentDecoder(new Framing(FramingKind.Length, 1));
        decoder.Decode("ab"u8, out _, out _, out _);
        for (var i = 0; i < 2; i++)
        {
            Assert.That(decoder.Decode("b"u8, out var consumed, out _, out var length), Is.EqualTo(DecodeStatus.End));
            Assert.That((consumed, length), Is.EqualTo((0, 0)));
        }
    }

    [Test]
    public void EmptyInput_AsksWhetherTheContentIsAtItsEnd()
    {
        var decoder = new ContentDecoder(new Framing(FramingKind.Length, 1));
        Assert.That(decoder.Decode(default, out _, out _, out _), Is.EqualTo(DecodeStatus.NeedMore));
        Assert.That(decoder.Decode("a"u8, out _, out _, out _), Is.EqualTo(DecodeStatus.Content));
        Assert.That(decoder.Decode(default, out _, out _, out _), Is.EqualTo(DecodeStatus.End));
    }

    [Test]
    public void SkippedBytes_CountAsReceived()
    {
        var decoder = new ContentDecoder(new Framing(FramingKind.Length, long.MaxValue));
        decoder.Skip(long.MaxValue - 1);
        Assert.That(decoder.Remaining, Is.EqualTo(1));
        decoder.Skip(1);
        Assert.That(decoder.Decode(default, out _, out _, out _), Is.EqualTo(DecodeStatus.End));
    }

    [Test]
    public void SkippingMoreThanRemains_IsABug()
    {
        Assert.Throws<InvalidOperationException>(() => new ContentDecoder(new Framing(FramingKind.Length, 1)).Skip(2));
        Assert.Throws<InvalidOperationException>(() => new ContentDecoder(new Framing(FramingKind.Chunked)).Skip(1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ContentDecoder(new Framing(FramingKind.Length, 1)).Skip(-1));
    }

    [Test]
    public void NegativeLength_IsABug() => Assert.Throws<ArgumentOutOfRangeException>(() => _ = new ContentDecoder(new Framing(FramingKind.Length)));

    [TestCase(FramingKind.None)]
    [TestCase(FramingKind.Chunked)]
    [TestCase(FramingKind.UntilClose)]
    public void Remaining_IsKnownForLengthOnly(FramingKind kind) => Assert.That(new ContentDecoder(new Framing(kind)).Remaining, Is.EqualTo(-1));
}
