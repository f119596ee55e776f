using System.Numerics;

namespace Cmi.Http1;

/// <summary>Writes the chunked coding (RFC 9112 §7.1). Threading: any thread; it has no state.</summary>
internal static class ChunkedEncoder
{
    /// <summary>The most bytes that <see cref="WriteSize"/> writes.</summary>
    public const int MaxSizeBytes = 18;

    /// <summary>What follows the data of each chunk.</summary>
    public static ReadOnlySpan<byte> DataEnd => "\r\n"u8;

    /// <summary>What follows the last chunk: a size of 0 and an empty trailer section.</summary>
    public static ReadOnlySpan<byte> LastChunk => "0\r\n\r\n"u8;

    /// <summary>Writes "SIZE\r\n" (hex, lower case, no leading zero) and returns its length.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The size is not positive: a chunk of 0 bytes would end the content.</exception>
    public static int WriteSize(Span<byte> into, long size)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size);
        var digits = (67 - BitOperations.LeadingZeroCount((ulong)size)) / 4;
        for (var i = digits - 1; i >= 0; i--)
        {
            into[i] = "0123456789abcdef"u8[(int)(size & 15)];
            size >>= 4;
        }
        DataEnd.CopyTo(into[digits..]);
        return digits + DataEnd.Length;
    }
}
