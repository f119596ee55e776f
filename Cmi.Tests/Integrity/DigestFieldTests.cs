using System.Security.Cryptography;
using System.Text;
using Cmi.Integrity;

namespace Cmi.Tests.Integrity;

public sealed class DigestFieldTests
{
    private const string Hello256 = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";    // printf hello | openssl dgst -sha256 -binary | base64

    [TestCase($"sha-256=:{Hello256}:")]
    [TestCase($" sha-256=:{Hello256}: ")]
    [TestCase($"md5=:AAAA:,\tsha-256=:{Hello256}:")]
    [TestCase($"unixsum=30637, a, b=?1, c=(\"x\\\"\" tok;q=1 2.5);p, sha-256=:{Hello256}:;x=\"y;,\"")]
    [TestCase($"sha-256=:AAAA:, sha-256=:{Hello256}:")]
    public void Sha256_IsFound(string value)
    {
        Assert.That(DigestField.TryRead(Encoding.ASCII.GetBytes(value), out var sha256, out var sha512));
        Assert.That(sha256, Is.EqualTo(SHA256.HashData("hello"u8)));
        Assert.That(sha512, Is.Null);
    }

    [TestCase("")]
    [TestCase("md5=:AAAA:")]
    [TestCase("sha-256=\"text\"")]
    [TestCase("sha-256")]
    public void NoneThatIsKnown_IsNone(string value)
    {
        Assert.That(DigestField.TryRead(Encoding.ASCII.GetBytes(value), out var sha256, out var sha512));
        Assert.That(sha256 ?? sha512, Is.Null);
    }

    [TestCase($"sha-256=:{Hello256}")]
    [TestCase($"sha-256=:{Hello256}:,")]
    [TestCase($"sha-256=:{Hello256}: x")]
    [TestCase($"SHA-256=:{Hello256}:")]
    [TestCase("sha-256=:!!!!:")]
    [TestCase("sha-256=:A:")]
    [TestCase("sha-256=")]
    [TestCase("sha-256=(1 2")]
    [TestCase("sha-256=\"open")]
    [TestCase(", sha-256=:AAAA:")]
    public void Malformed_CountsAsAbsent(string value) => Assert.That(DigestField.TryRead(Encoding.ASCII.GetBytes(value), out _, out _), Is.False);

    [Test]
    public void AnyBytes_AreBorne()
    {
        var random = new Random(7);
        var alphabet = "sha-256=:,;()\"\\ aA0+/?*\t\u0001"u8.ToArray();
        for (var i = 0; i < 100_000; i++)
        {
            var bytes = new byte[random.Next(24)];
            for (var j = 0; j < bytes.Length; j++) bytes[j] = alphabet[random.Next(alphabet.Length)];
            Assert.DoesNotThrow(() => DigestField.TryRead(bytes, out _, out _));
        }
    }
}
