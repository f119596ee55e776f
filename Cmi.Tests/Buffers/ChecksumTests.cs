using System.Runtime.Intrinsics.X86;
using Cmi.Buffers;

namespace Cmi.Tests.Buffers;

public sealed class ChecksumTests
{
    // 32 bytes of zeros, of ones, and rising: RFC 3720 §B.4.
    [TestCase(0, 0, 0x8A9136AAu)]
    [TestCase(0xFF, 0, 0x62A8AB43u)]
    [TestCase(0, 1, 0x46DD794Eu)]
    public void OfAnExample_IsItsCrc32C(int first, int step, uint expected) =>
        Assert.That(~Checksum.Add(uint.MaxValue, [.. Enumerable.Range(0, 32).Select(i => (byte)(first + (i * step)))]), Is.EqualTo(expected));

    [Test]
    public void Folded_IsTheSameAsByteAfterByte([Values(256, 257, 263, 511, 512, 1_000, 65_535, 65_536)] int length, [Values(0u, 1u, 0xDEADBEEF)] uint before)
    {
        if (!Pclmulqdq.V512.IsSupported) Assert.Ignore("This processor cannot.");
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        Assert.That(Checksum.AddFolded(before, bytes), Is.EqualTo(Checksum.Add(before, bytes)));
    }

    [Test]
    public void InLanes_FindsAnyFlippedBit([Values(8, 32, 100, 133)] int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        var right = Checksum.AddInLanes(7, bytes);
        for (var bit = 0; bit < length * 8; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.That(Checksum.AddInLanes(7, bytes), Is.Not.EqualTo(right), $"bit {bit}");
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }
}
