using System.Text;
using Cmi.Http1;

namespace Cmi.Tests.Http1;

public sealed class ContentRangeTests
{
    [TestCase("bytes 0-0/1", 0, 0, 1)]
    [TestCase("bytes 100-199/200", 100, 199, 200)]
    [TestCase("bytes 5-9/9223372036854775807", 5, 9, long.MaxValue)]
    public void ARange_IsRead(string value, long first, long last, long total)
    {
        Assert.That(ContentRange.TryParse(Encoding.ASCII.GetBytes(value), out var range));
        Assert.That(range, Is.EqualTo(new ContentRange(first, last, total)));
    }

    [TestCase("")]
    [TestCase("bytes")]
    [TestCase("bytes 0-0/*")]
    [TestCase("bytes */10")]
    [TestCase("Bytes 0-0/1")]
    [TestCase("bytes=0-0/1")]
    [TestCase("bytes  0-0/1")]
    [TestCase("bytes 0 -0/1")]
    [TestCase("bytes 1-0/2")]
    [TestCase("bytes 0-1/1")]
    [TestCase("bytes -1-0/1")]
    [TestCase("bytes 0-0/1 ")]
    [TestCase("bytes 0-0/1, bytes 0-0/1")]
    [TestCase("bytes 0-9223372036854775808/9223372036854775809")]
    public void AnythingElse_IsNone(string value) => Assert.That(ContentRange.TryParse(Encoding.ASCII.GetBytes(value), out _), Is.False);
}
