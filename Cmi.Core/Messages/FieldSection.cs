namespace Cmi.Messages;

/// <summary>Where a field line's name and value lie in the bytes of its head.</summary>
internal readonly record struct Field(FieldName Name, int NameStart, int NameLength, int ValueStart, int ValueLength);

/// <summary>The fields of one head in the order they came, as places in the bytes they were parsed from. Reused; valid as long as those bytes are.</summary>
internal sealed class FieldSection
{
    /// <summary>How many field lines.</summary>
    public int Count => throw null!;
    public Field this[int index] => throw null!;
    /// <summary>The bytes that the places count from: the head's.</summary>
    public ReadOnlySpan<byte> Bytes => throw null!;
    public ReadOnlySpan<byte> NameOf(in Field field) => throw null!;
    public ReadOnlySpan<byte> ValueOf(in Field field) => throw null!;
    /// <summary>Whether any line has this name; one bit test.</summary>
    public bool Has(FieldName name) => throw null!;
    /// <summary>The value of the first line of this name; empty if there is none.</summary>
    public ReadOnlySpan<byte> First(FieldName name) => throw null!;
    /// <summary>Whether a comma-separated list field (all its lines) has this token, compared without case.</summary>
    public bool ListHas(FieldName name, ReadOnlySpan<byte> token) => throw null!;
}
