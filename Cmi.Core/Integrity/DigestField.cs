using System.Buffers;
using System.Buffers.Text;

namespace Cmi.Integrity;

/// <summary>
/// Reads Content-Digest and Repr-Digest (RFC 9530 §2 and §3): a dictionary of structured fields (RFC 9651 §3.2) whose values are byte sequences.
/// <para>Threading: any thread; it has no state.</para>
/// </summary>
internal static class DigestField
{
    private static readonly SearchValues<byte> OfKeys = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789_-.*"u8);
    private static readonly SearchValues<byte> OfBase64 = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="u8);
    private static readonly SearchValues<byte> EndOfBare = SearchValues.Create(" \t,;()"u8);

    /// <summary>Reads the digests that can be verified; other algorithms are passed over, as RFC 9530 §2 asks.</summary>
    /// <param name="value">The value of the field, all its lines joined by commas.</param>
    /// <param name="sha256">The SHA-256; <see langword="null"/> if it is not given.</param>
    /// <param name="sha512">The SHA-512; <see langword="null"/> if it is not given.</param>
    /// <returns>Whether it is a dictionary; if not, the field counts as absent (RFC 9651 §4.2).</returns>
    public static bool TryRead(ReadOnlySpan<byte> value, out byte[]? sha256, out byte[]? sha512)
    {
        byte[]? first = null, second = null;
        (sha256, sha512) = (null, null);
        var rest = value.TrimStart((byte)' ').TrimEnd((byte)' ');
        while (!rest.IsEmpty)
        {
            if (!TryTakeKey(ref rest, out var key)) return false;
            byte[]? bytes = null;
            if (!rest.IsEmpty && rest[0] == '=')
            {
                rest = rest[1..];
                if (!TryTakeValue(ref rest, out bytes)) return false;
            }
            if (!TryTakeParameters(ref rest)) return false;
            // RFC 9651 §3.2: of a key that is there twice the last counts. A value that is no byte sequence says nothing.
            if (key.SequenceEqual("sha-256"u8)) first = bytes;
            else if (key.SequenceEqual("sha-512"u8)) second = bytes;
            rest = rest.TrimStart(" \t"u8);
            if (rest.IsEmpty) break;
            if (rest[0] != ',') return false;
            rest = rest[1..].TrimStart(" \t"u8);
            if (rest.IsEmpty) return false;                         // RFC 9651 §4.2.2: no comma at the end
        }
        (sha256, sha512) = (first, second);
        return true;
    }

    private static bool TryTakeKey(ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> key)
    {
        var end = rest.IndexOfAnyExcept(OfKeys);
        key = end < 0 ? rest : rest[..end];
        if (key.IsEmpty || key[0] is not ((>= (byte)'a' and <= (byte)'z') or (byte)'*')) return false;
        rest = rest[key.Length..];
        return true;
    }

    private static bool TryTakeValue(ref ReadOnlySpan<byte> rest, out byte[]? bytes)
    {
        bytes = null;
        if (rest.IsEmpty) return false;
        if (rest[0] != '(') return TryTakeItem(ref rest, out bytes);
        rest = rest[1..];                                           // an inner list (§3.1.1): nothing that we know, but it must be one
        for (; ; )
        {
            rest = rest.TrimStart((byte)' ');
            if (rest.IsEmpty) return false;
            if (rest[0] == ')') break;
            if (!TryTakeItem(ref rest, out _) || !TryTakeParameters(ref rest)) return false;
        }
        rest = rest[1..];
        return true;
    }

    private static bool TryTakeItem(ref ReadOnlySpan<byte> rest, out byte[]? bytes)
    {
        bytes = null;
        if (rest.IsEmpty) return false;
        switch (rest[0])
        {
            case (byte)':':
                var end = rest[1..].IndexOf((byte)':');
                if (end < 0 || !TryDecode(rest.Slice(1, end), out bytes)) return false;
                rest = rest[(end + 2)..];
                return true;
            case (byte)'"':
                for (var i = 1; i < rest.Length; i++)
                {
                    if (rest[i] == '\\') i++;
                    else if (rest[i] == '"')
                    {
                        rest = rest[(i + 1)..];
                        return true;
                    }
                }
                return false;
            default:                                                // numbers, dates, tokens, booleans: their end is all that matters
                var bare = rest.IndexOfAny(EndOfBare);
                if (bare < 0) bare = rest.Length;
                if (bare == 0) return false;
                rest = rest[bare..];
                return true;
        }
    }

    private static bool TryTakeParameters(ref ReadOnlySpan<byte> rest)
    {
        while (!rest.IsEmpty && rest[0] == ';')
        {
            rest = rest[1..].TrimStart((byte)' ');
            if (!TryTakeKey(ref rest, out _)) return false;
            if (rest.IsEmpty || rest[0] != '=') continue;
            rest = rest[1..];
            if (!TryTakeItem(ref rest, out _)) return false;
        }
        return true;
    }

    // RFC 9651 §4.2.7: missing padding is no reason to fail.
    private static bool TryDecode(ReadOnlySpan<byte> text, out byte[]? bytes)
    {
        bytes = null;
        if (text.ContainsAnyExcept(OfBase64)) return false;
        Span<byte> padded = new byte[(text.Length + 3) / 4 * 4];
        padded.Fill((byte)'=');
        text.CopyTo(padded);
        var decoded = new byte[Base64.GetMaxDecodedFromUtf8Length(padded.Length)];
        if (Base64.DecodeFromUtf8(padded, decoded, out _, out var written) != OperationStatus.Done) return false;
        bytes = decoded[..written];
        return true;
    }
}
