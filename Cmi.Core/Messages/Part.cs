namespace Cmi.Messages;

/// <summary>A place in the bytes of a head.</summary>
internal readonly record struct Part(int Start, int Length)
{
    /// <summary>The bytes at this place.</summary>
    public ReadOnlySpan<byte> Of(ReadOnlySpan<byte> bytes) => bytes.Slice(Start, Length);
}
