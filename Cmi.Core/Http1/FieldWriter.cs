namespace Cmi.Http1;

/// <summary>Writes field lines, always from a name and a value, never from a line as it came. Threading: the loop that owns the buffer.</summary>
internal static class FieldWriter
{
    extension(HeadBuffer into)
    {
        /// <summary>Writes a field line.</summary>
        public void AppendField(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
        {
            into.Append(name);
            into.Append(": "u8);
            into.Append(value);
            into.AppendLineEnd();
        }

        /// <summary>Writes a field line with a number.</summary>
        public void AppendField(ReadOnlySpan<byte> name, long value)
        {
            into.Append(name);
            into.Append(": "u8);
            into.AppendNumber(value);
            into.AppendLineEnd();
        }

        /// <summary>Writes the field that tells the framing; nothing where there is none to tell.</summary>
        public void AppendFraming(Framing framing)
        {
            // RFC 9112 §6.2: never both.
            if (framing.Kind == FramingKind.Chunked) into.AppendField("Transfer-Encoding"u8, "chunked"u8);
            else if (framing is { Kind: FramingKind.Length or FramingKind.None, Length: >= 0 }) into.AppendField("Content-Length"u8, framing.Length);
        }

        /// <summary>Writes the end of a line, or an empty line.</summary>
        public void AppendLineEnd() => into.Append("\r\n"u8);
    }

    /// <summary>Keeps what we add ourselves from splitting a message (RFC 9112 §11.1): a control in it is a fault of ours or of a plug-in.</summary>
    /// <exception cref="ArgumentException">There is a control in the value.</exception>
    public static void ThrowIfNotValue(ReadOnlySpan<byte> value, string parameter)
    {
        if (value.ContainsAny(Octets.Controls)) throw new ArgumentException("A control character cannot stand in a field value.", parameter);
    }
}
