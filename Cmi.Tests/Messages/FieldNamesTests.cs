using Cmi.Messages;
using Cmi.Tests.Http1;
using NUnit.Framework;

namespace Cmi.Tests.Messages;

[TestFixture]
internal sealed class FieldNamesTests
{
    [TestCase("Host", FieldName.Host)]
    [TestCase("Content-Length", FieldName.ContentLength)]
    [TestCase("Transfer-Encoding", FieldName.TransferEncoding)]
    [TestCase("Connection", FieldName.Connection)]
    [TestCase("Keep-Alive", FieldName.KeepAlive)]
    [TestCase("Proxy-Connection", FieldName.ProxyConnection)]
    [TestCase("TE", FieldName.Te)]
    [TestCase("Trailer", FieldName.Trailer)]
    [TestCase("Upgrade", FieldName.Upgrade)]
    [TestCase("Expect", FieldName.Expect)]
    [TestCase("Via", FieldName.Via)]
    [TestCase("Max-Forwards", FieldName.MaxForwards)]
    [TestCase("Forwarded", FieldName.Forwarded)]
    [TestCase("X-Forwarded-For", FieldName.XForwardedFor)]
    [TestCase("X-Forwarded-Proto", FieldName.XForwardedProto)]
    [TestCase("X-Forwarded-Host", FieldName.XForwardedHost)]
    [TestCase("Proxy-Authenticate", FieldName.ProxyAuthenticate)]
    [TestCase("Proxy-Authorization", FieldName.ProxyAuthorization)]
    [TestCase("Authorization", FieldName.Authorization)]
    [TestCase("Cookie", FieldName.Cookie)]
    [TestCase("Content-Type", FieldName.ContentType)]
    [TestCase("Date", FieldName.Date)]
    [TestCase("X-Accel-Buffering", FieldName.XAccelBuffering)]
    [TestCase("Retry-After", FieldName.RetryAfter)]
    [TestCase("HTTP2-Settings", FieldName.Http2Settings)]
    public void KnownName_IsRecognisedInAnyCaseAndNotByItsNeighbours(string name, FieldName expected)
    {
        foreach (var same in new[] { name, name.ToLowerInvariant(), name.ToUpperInvariant() })
            Assert.That(FieldNames.Parse(Raw.Bytes(same)), Is.EqualTo(expected), same);
        foreach (var other in new[] { name + "x", name[..^1], name[..^1] + "_", "_" + name[1..], name.Replace('-', '_') })
            Assert.That(FieldNames.Parse(Raw.Bytes(other)), other == name ? Is.EqualTo(expected) : Is.EqualTo(FieldName.Other), other);
    }

    [Test]
    public void EveryName_FitsTheSet()
    {
        foreach (var name in Enum.GetValues<FieldName>())
            Assert.That(Enum.GetValues<FieldName>().Where(FieldNameSet.Of(name).Has), Is.EqualTo(new[] { name }));
    }
}
