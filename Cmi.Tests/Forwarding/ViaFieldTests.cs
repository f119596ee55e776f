using Cmi.Forwarding;
using Cmi.Http1;
using Cmi.Tests.Http1;
using NUnit.Framework;

namespace Cmi.Tests.Forwarding;

[TestFixture]
internal sealed class ViaFieldTests
{
    [TestCase("Via: 1.1 cmi, 1.1 cmi, 1.1 cmi, 1.1 cmi, 1.1 cmi\r\n", true)]
    [TestCase("Via: 1.1 cmi, 1.1 cmi\r\nVia: 1.0 other, HTTP/1.1  CMI (a comment)\r\nVia: 1.1\tcmi, 1.1 cmi\r\n", true)]
    [TestCase("Via: 1.1 cmi, 1.1 cmi, 1.1 cmi, 1.1 cmi, 1.1 other (cmi), 1.1 cmi2, cmi\r\n", false)]
    [TestCase("X-Via: 1.1 cmi, 1.1 cmi, 1.1 cmi, 1.1 cmi, 1.1 cmi\r\n", false)]
    [TestCase("", false)]
    public void OwnPseudonymFiveTimes_TellsALoop(string lines, bool expected) =>
        Assert.That(ViaField.IsLoop(Raw.RequestWith(lines).Fields, "cmi"u8), Is.EqualTo(expected));

    [Test]
    public void OurEntry_ComesBehindThoseReceived()
    {
        var head = Raw.RequestWith("Via: 1.0 a, 1.1 b\r\nVia: 1.1 c\r\nX: y\r\n");
        var written = Raw.Request(Raw.Written(into =>
        {
            RequestWriter.WriteHead(into, head, Raw.Peer, "cmi"u8);
            RequestWriter.WriteEnd(into, new Framing(FramingKind.None));
        }));
        Assert.That(Raw.Lines(written.Fields).Where(l => l.StartsWith("Via", StringComparison.Ordinal)),
            Is.EqualTo(new[] { "Via: 1.0 a, 1.1 b", "Via: 1.1 c", "Via: 1.1 cmi" }));
    }
}
