using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Cmi.Buffers;

/// <summary>
/// What tells a flipped byte: CRC-32C. Only the process that made one compares it, so it is computed in the way that is quickest on this machine.
/// </summary>
internal static class Checksum
{
    private const int FoldBytes = 4 * 64;

    public static uint Of(ReadOnlySpan<byte> header, ReadOnlySpan<byte> content)
    {
        var crc = Add(uint.MaxValue, header);
        return ~(Pclmulqdq.V512.IsSupported && content.Length >= 2 * FoldBytes ? AddFolded(crc, content) : AddInLanes(crc, content));
    }

    internal static uint Add(uint crc, ReadOnlySpan<byte> bytes)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (var word in words) crc = BitOperations.Crc32C(crc, word);
        foreach (var rest in bytes[(words.Length * sizeof(ulong))..]) crc = BitOperations.Crc32C(crc, rest);
        return crc;
    }

    /// <summary>
    /// CRC-32C of 256 bytes at a time, which are multiplied by x^2048 and added to the next 256 (Gopal et al., "Fast CRC Computation for Generic Polynomials Using
    /// PCLMULQDQ Instruction", Intel, 2009): twice as quick as in lanes.
    /// </summary>
    internal static uint AddFolded(uint crc, ReadOnlySpan<byte> bytes)
    {
        // x^(2048+31) and x^(2048-33) modulo the polynomial, bits reversed: for the first and the second half of 128 bits, whose product is of 127.
        var by = Vector512.Create(Vector256.Create(Vector128.Create(0xdcb17aa4UL, 0xb9e02b86UL)));
        ref var at = ref MemoryMarshal.GetReference(bytes);
        var first = Load(ref at, 0) ^ Vector512.CreateScalar((ulong)crc);
        Vector512<ulong> second = Load(ref at, 64), third = Load(ref at, 128), fourth = Load(ref at, 192);
        var done = FoldBytes;
        for (; done + FoldBytes <= bytes.Length; done += FoldBytes)
        {
            at = ref Unsafe.Add(ref at, FoldBytes);
            first = Fold(first, by) ^ Load(ref at, 0);
            second = Fold(second, by) ^ Load(ref at, 64);
            third = Fold(third, by) ^ Load(ref at, 128);
            fourth = Fold(fourth, by) ^ Load(ref at, 192);
        }
        Span<byte> left = stackalloc byte[FoldBytes];
        first.AsByte().CopyTo(left);
        second.AsByte().CopyTo(left[64..]);
        third.AsByte().CopyTo(left[128..]);
        fourth.AsByte().CopyTo(left[192..]);
        return Add(Add(0, left), bytes[done..]);
    }

    /// <summary>
    /// Four CRC-32C side by side over every fourth word, since the processor's instruction takes three cycles but can begin anew in each, and one more over the
    /// four: any fault that one CRC-32C would find in its lane it finds too.
    /// </summary>
    internal static uint AddInLanes(uint crc, ReadOnlySpan<byte> bytes)
    {
        uint first = crc, second = ~crc, third = 1, fourth = 2;
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        var at = 0;
        for (; at + 4 <= words.Length; at += 4)
        {
            first = BitOperations.Crc32C(first, words[at]);
            second = BitOperations.Crc32C(second, words[at + 1]);
            third = BitOperations.Crc32C(third, words[at + 2]);
            fourth = BitOperations.Crc32C(fourth, words[at + 3]);
        }
        crc = BitOperations.Crc32C(BitOperations.Crc32C(crc, ((ulong)first << 32) | second), ((ulong)third << 32) | fourth);
        return Add(crc, bytes[(at * sizeof(ulong))..]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Load(ref byte at, nuint offset) => Vector512.LoadUnsafe(ref at, offset).AsUInt64();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Fold(Vector512<ulong> value, Vector512<ulong> by) =>
        Pclmulqdq.V512.CarrylessMultiply(value, by, 0x00) ^ Pclmulqdq.V512.CarrylessMultiply(value, by, 0x11);
}
