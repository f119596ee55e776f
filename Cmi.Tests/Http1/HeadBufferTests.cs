using Cmi.Http1;
using Cmi.Tests.Harness;
using NUnit.Framework;

namespace Cmi.Tests.Http1;

[TestFixture]
internal sealed class HeadBufferTests
{
    [Test]
    public void Appended_IsWrittenInOrder() => Assert.That(
        Raw.Written(into =>
        {
            into.Append("ab"u8);
            into.Append((byte)'c');
            into.AppendNumber(-12);
            into.AppendNumber(long.MinValue);
            into.AppendText("\u00e9");
        }),
        Is.EqualTo("abc-12-9223372036854775808\u00c3\u00a9"));

    [TestCase(HeadBuffer.KeptBytes)]
    [TestCase(HeadBuffer.KeptBytes + 1)]
    [TestCase(100_000)]
    public void GrownBuffer_KeepsWhatWasWritten(int length)
    {
        var into = new HeadBuffer();
        for (var i = 0; i < length; i++) into.Append((byte)i);
        Assert.That(into.Written.ToArray(), Is.EqualTo(Enumerable.Range(0, length).Select(i => (byte)i)));
    }

    [Test]
    public void Reset_GivesLargeMemoryBackAndKeepsTheSmall()
    {
        var into = new HeadBuffer();
        into.Append(new byte[100]);
        var small = into.Capacity;
        into.Append(new byte[100_000]);
        into.Reset();
        Assert.That((into.Length, into.Capacity), Is.EqualTo((0, small)));
        into.Append("a"u8);
        Assert.That(Raw.Text(into.Written), Is.EqualTo("a"));
    }

    [Test]
    public void Truncate_CutsBack()
    {
        var into = new HeadBuffer();
        into.Append("abc"u8);
        into.Truncate(1);
        into.Append("d"u8);
        Assert.That(Raw.Text(into.Written), Is.EqualTo("ad"));
        Assert.Throws<ArgumentOutOfRangeException>(() => into.Truncate(3));
        Assert.Throws<ArgumentOutOfRangeException>(() => into.Truncate(-1));
    }

    [Test]
    public void Reuse_AllocatesNothing()
    {
        var into = new HeadBuffer();
        Write();
        Assert.That(Allocations.Least(() =>
        {
            for (var i = 0; i < 100; i++) Write();
        }), Is.Zero);

        void Write()
        {
            into.Reset();
            for (var i = 0; i < 500; i++)
            {
                into.Append("abc"u8);
                into.AppendNumber(i);
            }
        }
    }
}
