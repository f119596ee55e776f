using System.Numerics;
using System.Runtime.InteropServices;

namespace Cmi.Buffers;

/// <summary>
/// What tells a flipped byte. Four CRC-32C run side by side over every fourth word, since the processor's instruction takes three cycles but can begin anew in
/// each, and one more goes over the four: any fault that one CRC-32C would find in its lane it finds too.
/// </summary>
internal static class Checksum
{
    public static uint Of(ReadOnlySpan<byte> header, ReadOnlySpan<byte> content)
    {
        var crc = Add(uint.MaxValue, MemoryMarshal.Cast<byte, ulong>(header));
        uint first = crc, second = ~crc, third = 1, fourth = 2;
        var words = MemoryMarshal.Cast<byte, ulong>(content);
        var at = 0;
        for (; at + 4 <= words.Length; at += 4)
        {
            first = BitOperations.Crc32C(first, words[at]);
            second = BitOperations.Crc32C(second, words[at + 1]);
            third = BitOperations.Crc32C(third, words[at + 2]);
            fourth = BitOperations.Crc32C(fourth, words[at + 3]);
        }
        crc = BitOperations.Crc32C(BitOperations.Crc32C(crc, ((ulong)first << 32) | second), ((ulong)third << 32) | fourth);
        crc = Add(crc, words[at..]);
        foreach (var rest in content[(words.Length * sizeof(ulong))..]) crc = BitOperations.Crc32C(crc, rest);
        return ~crc;
    }

    private static uint Add(uint crc, ReadOnlySpan<ulong> words)
    {
        foreach (var word in words) crc = BitOperations.Crc32C(crc, word);
        return crc;
    }
}
