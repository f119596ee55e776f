using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Cmi.Buffers;

/// <summary>Which entry it is: what the device must give back, and nothing else.</summary>
/// <param name="Generation">The store: a random number.</param>
/// <param name="Buffer">The buffer, as the store counts them.</param>
/// <param name="Index">The place in the buffer.</param>
/// <param name="Sequence">The number of the entry in the store. Never used twice, so it is the nonce too.</param>
internal readonly record struct EntryId(ulong Generation, ulong Buffer, uint Index, ulong Sequence);

/// <summary>What proves an entry: kept in memory, out of the device's reach. <para>Threading: immutable.</para></summary>
internal readonly record struct SealTag(ulong Low, ulong High);

/// <summary>
/// Makes entries of content, of the same length, so that a full one fills its pages and none besides, and proves them when they come back: by AES-256-GCM, with a
/// key that lives in the store only, what the entry is as associated data and its sequence number as nonce; or, not encrypted, by a checksum over both.
/// <para>Threading: one worker at a time, since AES keeps its state.</para>
/// </summary>
internal sealed class EntrySeal : IDisposable
{
    private const int IdBytes = 32;
    private const int TagBytes = 16;

    private readonly AesGcm? _aes;

    /// <param name="key">32 bytes; empty: a checksum only.</param>
    public EntrySeal(ReadOnlySpan<byte> key)
    {
        if (!key.IsEmpty) _aes = new(key, TagBytes);
    }

    /// <summary>Whether the content cannot be read on the device.</summary>
    [MemberNotNullWhen(true, nameof(_aes))]
    public bool Encrypts => _aes is not null;

    public void Dispose() => _aes?.Dispose();

    /// <summary>Makes an entry.</summary>
    /// <param name="id">Which one.</param>
    /// <param name="content">Its content; where nothing is encrypted it is the entry.</param>
    /// <param name="entry">As long as the content; not touched where nothing is encrypted.</param>
    /// <returns>What proves it.</returns>
    public SealTag Seal(in EntryId id, ReadOnlySpan<byte> content, Span<byte> entry)
    {
        Span<byte> head = stackalloc byte[IdBytes];
        WriteId(id, content.Length, head);
        if (!Encrypts) return new(Checksum.Of(head, content), 0);
        Span<byte> nonce = stackalloc byte[12];
        WriteNonce(id, nonce);
        Span<ulong> tag = stackalloc ulong[TagBytes / sizeof(ulong)];
        _aes.Encrypt(nonce, content, entry, MemoryMarshal.AsBytes(tag), head);
        return new(tag[0], tag[1]);
    }

    /// <summary>Checks an entry, and makes its content readable in its place.</summary>
    /// <param name="id">Which one it must be.</param>
    /// <param name="tag">What proves it.</param>
    /// <param name="entry">The whole entry, as the device gave it.</param>
    /// <returns>Whether it is that one, and every byte is as it was; if not, the content must not be used.</returns>
    public bool TryOpen(in EntryId id, SealTag tag, Span<byte> entry)
    {
        Span<byte> head = stackalloc byte[IdBytes];
        WriteId(id, entry.Length, head);
        if (!Encrypts) return tag.Low == Checksum.Of(head, entry);
        Span<byte> nonce = stackalloc byte[12];
        WriteNonce(id, nonce);
        try
        {
            _aes.Decrypt(nonce, entry, MemoryMarshal.AsBytes<ulong>([tag.Low, tag.High]), entry, head);
            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }
    }

    private static void WriteId(in EntryId id, int length, Span<byte> head)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(head, id.Generation);
        BinaryPrimitives.WriteUInt64LittleEndian(head[8..], id.Buffer);
        BinaryPrimitives.WriteUInt64LittleEndian(head[16..], id.Sequence);
        BinaryPrimitives.WriteUInt32LittleEndian(head[24..], id.Index);
        BinaryPrimitives.WriteInt32LittleEndian(head[28..], length);
    }

    private static void WriteNonce(in EntryId id, Span<byte> nonce)
    {
        nonce.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(nonce, id.Sequence);
    }
}
