namespace Cmi.Messages;

/// <summary>Where a field line's name and value lie in the bytes of its head.</summary>
internal readonly record struct Field(FieldName Name, int NameStart, int NameLength, int ValueStart, int ValueLength);

/// <summary>
/// The fields of one head in the order they came, as places in the bytes they were parsed from. Reused; valid as long as those bytes are.
/// <para>Threading: the loop that owns it. Bound: as many fields as the limits of the reader that fills it allow.</para>
/// </summary>
internal sealed class FieldSection
{
    private const int InitialCapacity = 32;

    private Field[] _fields = new Field[InitialCapacity];
    private ReadOnlyMemory<byte> _bytes;
    private FieldNameSet _present;
    private FieldNameSet _repeated;

    /// <summary>How many field lines.</summary>
    public int Count { get; private set; }

    /// <summary>A field line, in the order they came.</summary>
    public Field this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
            return _fields[index];
        }
    }

    /// <summary>The bytes that the places count from: the head's.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.Span;

    /// <summary>The name of a field, in the case it came in.</summary>
    public ReadOnlySpan<byte> NameOf(in Field field) => Bytes.Slice(field.NameStart, field.NameLength);

    /// <summary>The value of a field, without the blanks around it.</summary>
    public ReadOnlySpan<byte> ValueOf(in Field field) => Bytes.Slice(field.ValueStart, field.ValueLength);

    /// <summary>Whether any line has this name; one bit test.</summary>
    public bool Has(FieldName name) => _present.Has(name);

    /// <summary>Whether more than one line has this name; one bit test.</summary>
    public bool HasRepeated(FieldName name) => _repeated.Has(name);

    /// <summary>The value of the first line of this name; empty if there is none.</summary>
    public ReadOnlySpan<byte> First(FieldName name) => FirstPart(name).Of(Bytes);

    /// <summary>Finds a field by a name that is not one of those that are known here.</summary>
    /// <param name="name">Its name; compared without case.</param>
    /// <returns>The first value that is not empty; empty if there is none.</returns>
    public ReadOnlySpan<byte> First(ReadOnlySpan<byte> name)
    {
        for (var i = 0; i < Count; i++)
        {
            var field = this[i];
            if (field.ValueLength > 0 && System.Text.Ascii.EqualsIgnoreCase(NameOf(field), name)) return Bytes.Slice(field.ValueStart, field.ValueLength);
        }
        return default;
    }

    /// <summary>The place of the value of the first line of this name; empty if there is none.</summary>
    public Part FirstPart(FieldName name)
    {
        if (!Has(name)) return default;
        foreach (ref readonly var field in _fields.AsSpan(0, Count))
        {
            if (field.Name == name) return new Part(field.ValueStart, field.ValueLength);
        }
        return default;
    }

    /// <summary>Whether a comma-separated list field (all its lines) has this token, compared without case.</summary>
    public bool ListHas(FieldName name, ReadOnlySpan<byte> token)
    {
        if (!Has(name)) return false;
        foreach (ref readonly var field in _fields.AsSpan(0, Count))
        {
            if (field.Name == name && ListElements.Have(ValueOf(field), token)) return true;
        }
        return false;
    }

    /// <summary>Forgets what it held, and takes the bytes that the places of the next fields count from.</summary>
    public void Begin(ReadOnlyMemory<byte> bytes)
    {
        _bytes = bytes;
        _present = default;
        _repeated = default;
        Count = 0;
    }

    /// <summary>Cuts <see cref="Bytes"/> to the head, when its end has been found.</summary>
    public void End(int length) => _bytes = _bytes[..length];

    /// <summary>Adds a field line.</summary>
    public void Add(in Field field)
    {
        if (Count == _fields.Length) Array.Resize(ref _fields, Count * 2);
        _fields[Count++] = field;
        if (_present.Has(field.Name)) _repeated = _repeated.With(field.Name);
        else _present = _present.With(field.Name);
    }
}
