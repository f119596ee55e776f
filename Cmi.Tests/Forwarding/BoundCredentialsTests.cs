using Cmi.Forwarding;
using Cmi.Tests.Http1;

namespace Cmi.Tests.Forwarding;

[TestFixture]
internal sealed class BoundCredentialsTests
{
    [TestCase("Authorization: NTLM TlRMTVNTUAAB\r\n", true)]
    [TestCase("authorization: negotiate YII=\r\n", true)]
    [TestCase("Authorization: Basic eA==\r\nAuthorization: Negotiate YII=\r\n", true)]
    [TestCase("Authorization: Negotiate\r\n", true)]
    [TestCase("Authorization: Basic negotiate\r\n", false)]
    [TestCase("Authorization: Bearer ntlm\r\n", false)]
    [TestCase("Authorization: NTLM2 x\r\n", false)]
    [TestCase("Authorization:\r\n", false)]
    [TestCase("X: NTLM x\r\n", false)]
    public void SchemesOfAConnection_AreKnown(string lines, bool expected) => Assert.That(BoundCredentials.AreIn(Raw.RequestWith(lines).Fields), Is.EqualTo(expected));
}
