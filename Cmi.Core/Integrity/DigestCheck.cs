using System.Security.Cryptography;

namespace Cmi.Integrity;

/// <summary>
/// Compares the content of replies with the digests that their servers gave (RFC 9530). Content-Digest is that of the content as it was sent; Repr-Digest is
/// that of the whole representation, which is the content of a 200 to GET and of no other reply for certain.
/// <para>Threading: any thread.</para>
/// </summary>
internal sealed class DigestCheck : IReplyCheck
{
    public IReplyInspection? Begin(in ReplyFacts reply)
    {
        byte[]? sha256 = null, sha512 = null;
        if (reply is { Status: 200, IsReplyToGet: true } && reply.Field("Repr-Digest"u8) is { } ofAll) DigestField.TryRead(ofAll, out sha256, out sha512);
        byte[]? of256 = null, of512 = null;
        if (reply.Field("Content-Digest"u8) is { } ofContent) DigestField.TryRead(ofContent, out of256, out of512);
        if ((sha256 ?? sha512 ?? of256 ?? of512) is null) return null;
        return new Inspection(of256, sha256, of512, sha512);
    }

    private sealed class Inspection : IReplyInspection
    {
        private readonly (IncrementalHash Hash, byte[]?[] Expected)[] _hashes;

        public Inspection(byte[]? of256, byte[]? all256, byte[]? of512, byte[]? all512)
        {
            var hashes = new List<(IncrementalHash, byte[]?[])>(2);
            if ((of256 ?? all256) is not null) hashes.Add((IncrementalHash.CreateHash(HashAlgorithmName.SHA256), [of256, all256]));
            if ((of512 ?? all512) is not null) hashes.Add((IncrementalHash.CreateHash(HashAlgorithmName.SHA512), [of512, all512]));
            _hashes = [.. hashes];
        }

        public void Append(ReadOnlySpan<byte> content)
        {
            foreach (var (hash, _) in _hashes) hash.AppendData(content);
        }

        public string? Judge()
        {
            foreach (var (hash, expected) in _hashes)
            {
                var actual = hash.GetHashAndReset();
                foreach (var digest in expected)
                {
                    if (digest is not null && !actual.AsSpan().SequenceEqual(digest)) return "its content does not match its digest";
                }
            }
            return null;
        }

        public void Dispose()
        {
            foreach (var (hash, _) in _hashes) hash.Dispose();
        }
    }
}
