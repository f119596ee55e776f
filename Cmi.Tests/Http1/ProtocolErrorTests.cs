using Cmi.Http1;
using NUnit.Framework;

namespace Cmi.Tests.Http1;

[TestFixture]
internal sealed class ProtocolErrorTests
{
    [TestCase(ProtocolError.BadRequestLine, 400)]
    [TestCase(ProtocolError.BadHost, 400)]
    [TestCase(ProtocolError.LengthWithCoding, 400)]
    [TestCase(ProtocolError.BadChunkSize, 400)]
    [TestCase(ProtocolError.MethodNotAllowed, 501)]
    [TestCase(ProtocolError.ContentTooLarge, 413)]
    [TestCase(ProtocolError.RequestLineTooLong, 414)]
    [TestCase(ProtocolError.ExpectationFailed, 417)]
    [TestCase(ProtocolError.HeadTooLarge, 431)]
    [TestCase(ProtocolError.TooManyFields, 431)]
    [TestCase(ProtocolError.UnknownTransferCoding, 501)]
    [TestCase(ProtocolError.VersionNotSupported, 505)]
    public void Fault_HasItsStatus(ProtocolError error, int status) => Assert.That(error.Status, Is.EqualTo(status));

    [Test]
    public void Reason_IsTheExplanationWithoutItsFullStop() => Assert.That(ProtocolError.BadStatusLine.Reason + ".", Is.EqualTo(ProtocolError.BadStatusLine.Explanation));

    [Test]
    public void ValueThatIsNoFault_IsABug() => Assert.Throws<ArgumentOutOfRangeException>(() => _ = ((ProtocolError)255).Explanation);
}
