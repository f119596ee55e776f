namespace Cmi.Http1;

/// <summary>Writes the chunked coding (RFC 9112 §7.1).</summary>
internal static class ChunkedEncoder
{
    /// <summary>The most bytes that <see cref="WriteSize"/> writes.</summary>
    public const int MaxSizeBytes = 18;
    public static ReadOnlySpan<byte> DataEnd => "\r\n"u8;
    public static ReadOnlySpan<byte> LastChunk => "0\r\n\r\n"u8;
    /// <summary>Writes "SIZE\r\n" (hex, lower case, no leading zero) and returns its length.</summary>
    public static int WriteSize(Span<byte> into, long size) => throw null!;
}
