using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Cmi.Integrity;
using Cmi.Http1;
using Cmi.Messages;

namespace Cmi.Tests.Integrity;

public sealed class ReplyCheckTests
{
    private static readonly byte[] Text = [.. Enumerable.Range(0, 5_000).Select(i => (byte)(i * i % 251))];

    [TestCase("Content-Digest", 200, true)]
    [TestCase("Content-Digest", 206, true)]
    [TestCase("Repr-Digest", 200, true)]
    [TestCase("Repr-Digest", 206, false)]
    public void Digest_IsComparedWhereItIsOfThisContent(string field, int status, bool isChecked)
    {
        var head = $"{field}: sha-512=:{Convert.ToBase64String(SHA512.HashData(Text))}:, sha-256=:{Convert.ToBase64String(SHA256.HashData(Text))}:\r\n";
        Assert.That(Judge(new DigestCheck(), status, head, Text), Is.EqualTo(isChecked ? "passes" : "unchecked"));
        var other = Text.ToArray();
        other[4_999] ^= 1;
        Assert.That(Judge(new DigestCheck(), status, head, other), Is.EqualTo(isChecked ? "its content does not match its digest" : "unchecked"));
    }

    [Test]
    public void ReprDigest_OfAReplyToAnythingButGetIsNotCompared() =>
        Assert.That(Judge(new DigestCheck(), 200, "Repr-Digest: sha-256=:AAAA:\r\n", Text, isGet: false), Is.EqualTo("unchecked"));

    [Test]
    public void OneOfTwoDigestsIsWrong_ItDoesNotPass() => Assert.That(
        Judge(new DigestCheck(), 200, $"Content-Digest: sha-256=:{Convert.ToBase64String(SHA256.HashData(Text))}:\r\nContent-Digest: sha-512=:AAAA:\r\n", Text),
        Is.EqualTo("its content does not match its digest"));

    [TestCase(1)]
    [TestCase(7)]
    [TestCase(1_000)]
    [TestCase(100_000)]
    public void WholeGzip_PassesInAnyPieces(int piece)
    {
        var packed = Pack(Text);
        Assert.That(Judge(new GzipCheck(1 << 20), 200, "Content-Encoding: gzip\r\n", packed, piece), Is.EqualTo("passes"));
        Assert.That(Judge(new GzipCheck(1 << 20), 200, "Content-Encoding: gzip\r\n", [.. packed, .. Pack(Text)], piece), Is.EqualTo("passes"), "two members");
    }

    [Test]
    public void GzipThatEndsAnywhereElse_DoesNotPass()
    {
        var packed = Pack(Text);
        for (var length = 1; length < packed.Length; length += length < 40 || length > packed.Length - 40 ? 1 : 13)
            Assert.That(Judge(new GzipCheck(1 << 20), 200, "Content-Encoding: gzip\r\n", packed[..length], piece: 500), Does.StartWith("its gzip"), $"{length} of {packed.Length}");
    }

    [Test]
    public void GzipWithAnyBitFlippedInItsDataOrChecksum_DoesNotPass()
    {
        var packed = Pack(Text);
        for (var at = 10; at < packed.Length; at += 97)
        {
            var broken = packed.ToArray();
            broken[at] ^= 4;
            Assert.That(Judge(new GzipCheck(1 << 20), 200, "Content-Encoding: x-gzip\r\n", broken, piece: 64), Does.StartWith("its gzip"), $"at {at}");
        }
    }

    [Test]
    public void NoContent_IsNotJudgedAsGzip() => Assert.That(Judge(new GzipCheck(1), 200, "Content-Encoding: gzip\r\n", []), Is.EqualTo("passes"));

    [Test]
    public void MoreThanTheBound_PassesUnseen()
    {
        var packed = Pack(new byte[1 << 20]);
        Assert.That(Judge(new GzipCheck(64 << 10), 200, "Content-Encoding: gzip\r\n", packed[..^4]), Is.EqualTo("passes"));
        Assert.That(Judge(new GzipCheck(2 << 20), 200, "Content-Encoding: gzip\r\n", packed[..^4]), Does.StartWith("its gzip"));
    }

    [TestCase(206, "gzip")]
    [TestCase(200, "br")]
    [TestCase(200, "gzip, br")]
    public void NotAWholeGzip_IsNotLookedAt(int status, string coding) =>
        Assert.That(Judge(new GzipCheck(1), status, $"Content-Encoding: {coding}\r\n", Text), Is.EqualTo("unchecked"));

    private static string Judge(IReplyCheck check, int status, string fields, byte[] content, int piece = 300, bool isGet = true)
    {
        var head = new ResponseHead();
        var scanned = 0;
        var bytes = Encoding.ASCII.GetBytes($"HTTP/1.1 {status} x\r\n{fields}\r\n");
        Assert.That(ResponseReader.Read(bytes, ref scanned, new(65_536, 65_536, 100), head, out _, out _), Is.EqualTo(ReadStatus.Done));
        using var inspection = check.Begin(new(status, isGet, head.Fields));
        if (inspection is null) return "unchecked";
        foreach (var part in content.Chunk(piece)) inspection.Append(part);
        return inspection.Judge() ?? "passes";
    }

    private static byte[] Pack(byte[] content)
    {
        using var packed = new MemoryStream();
        using (var packer = new GZipStream(packed, CompressionLevel.Optimal)) packer.Write(content);
        return packed.ToArray();
    }
}
