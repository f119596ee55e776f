namespace Cmi.Http1;

/// <summary>Bytes of a head being written; grows, is reused, gives memory above what it keeps back when reset. Belongs to one loop.</summary>
internal sealed class HeadBuffer
{
    public int Length => throw null!;
    public ReadOnlySpan<byte> Written => throw null!;
    public void Append(ReadOnlySpan<byte> bytes) => throw null!;
    public void Append(byte value) => throw null!;
    public void AppendNumber(long value) => throw null!;
    /// <summary>Cuts back to an earlier length.</summary>
    public void Truncate(int length) => throw null!;
    public void Reset() => throw null!;
}
