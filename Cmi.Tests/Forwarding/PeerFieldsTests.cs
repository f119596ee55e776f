using Cmi.Forwarding;
using Cmi.Tests.Http1;
using NUnit.Framework;

namespace Cmi.Tests.Forwarding;

[TestFixture]
internal sealed class PeerFieldsTests
{
    [TestCase("", "9.9.9.9", "9.9.9.9")]
    [TestCase("", "2001:db8::1", "2001:db8::1")]
    [TestCase("X-Forwarded-For: a, b\r\n", "9.9.9.9", "a, b, 9.9.9.9")]
    [TestCase("X-Forwarded-For: a\r\nX-Forwarded-For:\r\nx-forwarded-for: b\r\n", "9.9.9.9", "a, b, 9.9.9.9")]
    [TestCase("X-Forwarded-For: a\r\n", "", "a, unknown")]
    public void LastEntry_IsAlwaysOurs(string lines, string peer, string expected) =>
        Assert.That(Write(lines, peer), Does.StartWith($"X-Forwarded-For: {expected}\r\n"));

    [Test]
    public void WhatHasNoEntries_IsReplaced() => Assert.That(
        Write("X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n", "9.9.9.9"),
        Is.EqualTo("X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\n"));

    private static string Write(string lines, string peer) => Raw.Written(into => PeerFields.Write(into, Raw.RequestWith(lines), Raw.Bytes(peer)));
}
