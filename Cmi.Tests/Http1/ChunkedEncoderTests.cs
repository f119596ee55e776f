using Cmi.Http1;
using NUnit.Framework;

namespace Cmi.Tests.Http1;

[TestFixture]
internal sealed class ChunkedEncoderTests
{
    [TestCase(1, "1\r\n")]
    [TestCase(15, "f\r\n")]
    [TestCase(16, "10\r\n")]
    [TestCase(255, "ff\r\n")]
    [TestCase(4096, "1000\r\n")]
    [TestCase(long.MaxValue, "7fffffffffffffff\r\n")]
    public void Size_IsHexWithoutLeadingZero(long size, string expected)
    {
        var into = new byte[ChunkedEncoder.MaxSizeBytes];
        Assert.That(Raw.Text(into.AsSpan(0, ChunkedEncoder.WriteSize(into, size))), Is.EqualTo(expected));
    }

    [TestCase(0)]
    [TestCase(-1)]
    public void SizeThatIsNotPositive_IsABug(long size) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => ChunkedEncoder.WriteSize(new byte[ChunkedEncoder.MaxSizeBytes], size));

    [Test]
    public void LastChunk_EndsTheContent() =>
        Assert.That(Decoded.OfChunked(Raw.Text(ChunkedEncoder.LastChunk)).Status, Is.EqualTo(DecodeStatus.End));
}
