using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace Cmi.Buffers;

/// <summary>Which entry it is: what the device must give back, and nothing else.</summary>
/// <param name="Generation">The store: a random number.</param>
/// <param name="Buffer">The buffer, as the store counts them.</param>
/// <param name="Index">The place in the buffer.</param>
/// <param name="Sequence">The number of the entry in the store. Never used twice, so it is the nonce too.</param>
internal readonly record struct EntryId(ulong Generation, ulong Buffer, uint Index, ulong Sequence);

/// <summary>
/// Makes entries of content: a header that says which one it is, the content, and what proves both. By AES-256-GCM, with a key that lives in the store
/// only, the header as associated data and the sequence number as nonce; or, not encrypted, by a checksum.
/// <para>Threading: one worker at a time, since AES keeps its state.</para>
/// </summary>
internal sealed class EntrySeal : IDisposable
{
    public const int HeaderBytes = 32;
    public const int MaxTrailerBytes = TagBytes;
    private const int TagBytes = 16;
    private const int ChecksumBytes = 4;

    private readonly AesGcm? _aes;

    /// <param name="key">32 bytes; empty: a checksum only.</param>
    public EntrySeal(ReadOnlySpan<byte> key)
    {
        if (!key.IsEmpty) _aes = new(key, TagBytes);
    }

    /// <summary>Whether the content cannot be read on the device.</summary>
    [MemberNotNullWhen(true, nameof(_aes))]
    public bool Encrypts => _aes is not null;

    /// <summary>What an entry takes beside its content.</summary>
    public int OverheadBytes => HeaderBytes + (Encrypts ? TagBytes : ChecksumBytes);

    public void Dispose() => _aes?.Dispose();

    /// <summary>Makes an entry.</summary>
    /// <param name="id">Which one.</param>
    /// <param name="content">Its content; where there is only a checksum it may already lie in <paramref name="into"/>, behind the place of the header.</param>
    /// <param name="into">At least <see cref="OverheadBytes"/> more than the content.</param>
    /// <returns>The length of the entry.</returns>
    public int Seal(in EntryId id, ReadOnlySpan<byte> content, Span<byte> into)
    {
        var header = into[..HeaderBytes];
        WriteHeader(id, content.Length, header);
        var body = into.Slice(HeaderBytes, content.Length);
        var trailer = into.Slice(HeaderBytes + content.Length, OverheadBytes - HeaderBytes);
        if (Encrypts)
        {
            Span<byte> nonce = stackalloc byte[12];
            WriteNonce(id, nonce);
            _aes.Encrypt(nonce, content, body, trailer, header);
        }
        else
        {
            if (!content.Overlaps(body)) content.CopyTo(body);
            BinaryPrimitives.WriteUInt32LittleEndian(trailer, Checksum.Of(header, body));
        }
        return content.Length + OverheadBytes;
    }

    /// <summary>Checks an entry, and makes its content readable in its place behind the header.</summary>
    /// <param name="id">Which one it must be.</param>
    /// <param name="entry">The whole entry, as the device gave it.</param>
    /// <returns>Whether it is that one, and every byte is as it was; if not, the content must not be used.</returns>
    public bool TryOpen(in EntryId id, Span<byte> entry)
    {
        if (entry.Length < OverheadBytes) return false;
        Span<byte> header = stackalloc byte[HeaderBytes];
        WriteHeader(id, entry.Length - OverheadBytes, header);
        if (!entry[..HeaderBytes].SequenceEqual(header)) return false;
        var body = entry[HeaderBytes..^(OverheadBytes - HeaderBytes)];
        var trailer = entry[^(OverheadBytes - HeaderBytes)..];
        if (!Encrypts) return BinaryPrimitives.ReadUInt32LittleEndian(trailer) == Checksum.Of(header, body);
        Span<byte> nonce = stackalloc byte[12];
        WriteNonce(id, nonce);
        try
        {
            _aes.Decrypt(nonce, body, trailer, body, header);
            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }
    }

    private static void WriteHeader(in EntryId id, int length, Span<byte> header)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(header, id.Generation);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], id.Buffer);
        BinaryPrimitives.WriteUInt64LittleEndian(header[16..], id.Sequence);
        BinaryPrimitives.WriteUInt32LittleEndian(header[24..], id.Index);
        BinaryPrimitives.WriteInt32LittleEndian(header[28..], length);
    }

    private static void WriteNonce(in EntryId id, Span<byte> nonce)
    {
        nonce.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(nonce, id.Sequence);
    }
}
