using System.Buffers.Binary;

namespace Cmi.Simulation.World;

/// <summary>
/// The content of every message: each byte follows from whose it is, of which attempt, and where it stands, so that whatever is mixed up, moved, doubled or
/// lost shows.
/// </summary>
internal static class Pattern
{
    /// <summary>The attempt that stands for the request's own content.</summary>
    public const int Request = 0;

    /// <summary>With the number of a version behind it: what stands for all attempts that give this version.</summary>
    public const int OfVersion = 100;

    private const ulong Step = 0x9E3779B97F4A7C15, First = 0xBF58476D1CE4E5B9, Second = 0x94D049BB133111EB;
    private const ulong InverseOfFirst = 0x96DE1B173F119089, InverseOfSecond = 0x319642B2D24D8EC3;       // modulo 2^64

    /// <summary>Writes content.</summary>
    /// <param name="into">Where to.</param>
    /// <param name="id">The request.</param>
    /// <param name="attempt">The attempt whose reply it is; <see cref="Request"/>: the request's own content.</param>
    /// <param name="offset">Where in the content this begins.</param>
    public static void Fill(Span<byte> into, int id, int attempt, long offset)
    {
        Span<byte> word = stackalloc byte[8];
        while (!into.IsEmpty)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(word, Word(id, attempt, offset >> 3));
            var from = (int)(offset & 7);
            var count = Math.Min(8 - from, into.Length);
            word.Slice(from, count).CopyTo(into);
            into = into[count..];
            offset += count;
        }
    }

    /// <summary>Whether bytes are what <see cref="Fill"/> writes.</summary>
    public static bool Matches(ReadOnlySpan<byte> bytes, int id, int attempt, long offset)
    {
        Span<byte> expected = stackalloc byte[512];
        while (!bytes.IsEmpty)
        {
            var count = Math.Min(bytes.Length, expected.Length);
            Fill(expected[..count], id, attempt, offset);
            if (!bytes[..count].SequenceEqual(expected[..count])) return false;
            bytes = bytes[count..];
            offset += count;
        }
        return true;
    }

    /// <summary>Whose content begins so; the word behind it is made backwards.</summary>
    /// <param name="beginning">The first 8 bytes.</param>
    /// <returns>The request; none if it is nobody's.</returns>
    public static int? IdOf(ReadOnlySpan<byte> beginning)
    {
        var z = BinaryPrimitives.ReadUInt64LittleEndian(beginning);
        z = Unshift(z, 31);
        z = Unshift(unchecked(z * InverseOfSecond), 27);
        z = Unshift(unchecked(z * InverseOfFirst), 30) ^ Step;
        return (z & 0xFFFFFF) == 0 ? (int)(z >> 32) : null;
    }

    // SplitMix64.
    private static ulong Word(int id, int attempt, long index)
    {
        var z = unchecked(((ulong)(uint)id << 32) ^ ((ulong)(uint)attempt << 24) ^ (((ulong)index + 1) * Step));
        z = unchecked((z ^ (z >> 30)) * First);
        z = unchecked((z ^ (z >> 27)) * Second);
        return z ^ (z >> 31);
    }

    // What z was of which this is z ^ (z >> by).
    private static ulong Unshift(ulong z, int by) => z ^ (z >> by) ^ (z >> (2 * by));
}
