namespace Cmi.Messages;

/// <summary>
/// A status line and its fields, parsed. Reused; valid as long as the bytes that it was parsed from, and only after its reader said that it is done.
/// <para>Threading: the loop that owns it.</para>
/// </summary>
internal sealed class ResponseHead
{
    private Part _reason;

    /// <summary>1 for HTTP/1.1 (and for any later 1.x), 0 for HTTP/1.0.</summary>
    public int MinorVersion { get; private set; }

    /// <summary>100 to 599.</summary>
    public int Status { get; private set; }

    /// <summary>The reason phrase; may be empty.</summary>
    public ReadOnlySpan<byte> Reason => _reason.Of(Fields.Bytes);

    /// <summary>The fields.</summary>
    public FieldSection Fields { get; } = new();

    /// <summary>Forgets the last response, and takes the bytes of the next.</summary>
    public void Begin(ReadOnlyMemory<byte> bytes)
    {
        Fields.Begin(bytes);
        MinorVersion = 0;
        Status = 0;
        _reason = default;
    }

    /// <summary>Takes the parts of a status line.</summary>
    public void SetLine(int minorVersion, int status, Part reason)
    {
        MinorVersion = minorVersion;
        Status = status;
        _reason = reason;
    }
}
