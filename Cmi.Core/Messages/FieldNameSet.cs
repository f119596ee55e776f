namespace Cmi.Messages;

/// <summary>A set of field names, a bit each. Threading: immutable.</summary>
internal readonly struct FieldNameSet
{
    private readonly ulong _bits;

    private FieldNameSet(ulong bits) => _bits = bits;

    /// <summary>The set of these names.</summary>
    public static FieldNameSet Of(params ReadOnlySpan<FieldName> names)
    {
        var bits = 0UL;
        foreach (var name in names)
            bits |= 1UL << (int)name;
        return new FieldNameSet(bits);
    }

    /// <summary>Whether a name is in the set.</summary>
    public bool Has(FieldName name) => (_bits >> (int)name & 1) != 0;

    /// <summary>This set and one name more.</summary>
    public FieldNameSet With(FieldName name) => new(_bits | 1UL << (int)name);

    /// <summary>This set and another.</summary>
    public FieldNameSet With(FieldNameSet names) => new(_bits | names._bits);
}
