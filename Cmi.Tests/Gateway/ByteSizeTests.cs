using Cmi.Samples.Gateway;
using NUnit.Framework;

namespace Cmi.Tests.Gateway;

public sealed class ByteSizeTests
{
    [TestCase("0", 0)]
    [TestCase("4096", 4096)]
    [TestCase("64K", 64 << 10)]
    [TestCase("256m", 256 << 20)]
    [TestCase("8589934591G", 8589934591L << 30)]
    public void Size_IsRead(string text, long bytes)
    {
        Assert.That(ByteSize.TryParse(text, out var read), Is.True);
        Assert.That(read, Is.EqualTo(bytes));
    }

    [TestCase(null)]
    [TestCase("")]
    [TestCase("K")]
    [TestCase("-1")]
    [TestCase("1.5M")]
    [TestCase("1 M")]
    [TestCase("1KB")]
    [TestCase("8589934592G", Description = "One more than a long can say.")]
    public void AnythingElse_IsRefused(string? text) => Assert.That(ByteSize.TryParse(text, out _), Is.False);

    [TestCase(0, "0")]
    [TestCase(1000, "1000")]
    [TestCase(65536, "64K")]
    [TestCase(256L << 20, "256M")]
    [TestCase(2048L << 30, "2048G")]
    public void Format_IsShort_AndExact(long bytes, string text) => Assert.That(ByteSize.Format(bytes), Is.EqualTo(text));
}
