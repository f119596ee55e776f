namespace Cmi.Messages;

/// <summary>A status line and its fields, parsed. Reused; valid as long as the bytes that it was parsed from.</summary>
internal sealed class ResponseHead
{
    public int MinorVersion { get; }
    /// <summary>100 to 599.</summary>
    public int Status { get; }
    public ReadOnlySpan<byte> Reason => throw null!;
    public FieldSection Fields { get; } = new();
}
