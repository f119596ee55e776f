using Cmi.Messages;

namespace Cmi.Http1;

/// <summary>How strictly field lines are read.</summary>
internal enum FieldStrictness : byte
{
    /// <summary>As in requests: a blank before the colon and a folded line are refused.</summary>
    Strict,

    /// <summary>As in responses, where RFC 9112 §5.1 and §5.2 ask to mend both: the blank is left out, the fold becomes spaces in place.</summary>
    Mending,
}

/// <summary>Reads field lines up to the empty line (RFC 9112 §5). One pass; what it learns of a line it writes to the section and forgets.</summary>
internal static class FieldLineParser
{
    /// <summary>Reads all field lines of a head.</summary>
    /// <param name="bytes">The head; written to only where a fold is mended.</param>
    /// <param name="position">Where the first field line begins; afterwards, if done, behind the empty line.</param>
    /// <param name="fields">Takes the fields.</param>
    /// <param name="maxFields">How many lines are allowed.</param>
    /// <param name="strictness">Of requests or of responses.</param>
    /// <param name="error">Why, if invalid.</param>
    public static ReadStatus ReadAll(
        Span<byte> bytes, ref int position, FieldSection fields, int maxFields, FieldStrictness strictness, out ProtocolError error)
    {
        while (true)
        {
            error = ProtocolError.None;
            if (position >= bytes.Length) return ReadStatus.NeedMore;
            if (bytes[position] == Octets.CR) return ReadEmptyLine(bytes, ref position, out error);
            if (fields.Count == maxFields)
            {
                error = ProtocolError.TooManyFields;
                return ReadStatus.Invalid;
            }
            var status = ReadLine(bytes, ref position, strictness, out var field, out error);
            if (status != ReadStatus.Done) return status;
            fields.Add(field);
        }
    }

    private static ReadStatus ReadEmptyLine(ReadOnlySpan<byte> bytes, ref int position, out ProtocolError error)
    {
        error = ProtocolError.None;
        if (position + 1 == bytes.Length) return ReadStatus.NeedMore;
        if (bytes[position + 1] != Octets.LF) return Fail(ProtocolError.BadFieldLine, out error);   // RFC 9112 §2.2: a bare CR.
        position += 2;
        return ReadStatus.Done;
    }

    private static ReadStatus ReadLine(Span<byte> bytes, ref int position, FieldStrictness strictness, out Field field, out ProtocolError error)
    {
        field = default;
        error = ProtocolError.None;
        var nameStart = position;
        var nameLength = Octets.TokenLength(bytes[nameStart..]);
        var at = nameStart + nameLength;
        if (nameLength > 0 && strictness == FieldStrictness.Mending)
            at = EndOfBlanks(bytes, at);                                                           // RFC 9112 §5.1: blanks before the colon.
        if (at == bytes.Length) return ReadStatus.NeedMore;
        if (nameLength == 0 || bytes[at] != ':') return Fail(NameError(bytes[at], nameLength), out error);

        at = EndOfBlanks(bytes, at + 1);
        var valueStart = at;
        var status = FindValueEnd(bytes, ref at, strictness, out error);
        if (status != ReadStatus.Done) return status;
        var valueEnd = at;
        while (valueEnd > valueStart && Octets.IsBlank(bytes[valueEnd - 1])) valueEnd--;
        // A value that began with a fold begins with the spaces it became.
        while (valueStart < valueEnd && Octets.IsBlank(bytes[valueStart])) valueStart++;

        position = at + 2;
        field = new Field(FieldNames.Parse(bytes.Slice(nameStart, nameLength)), nameStart, nameLength, valueStart, valueEnd - valueStart);
        return ReadStatus.Done;
    }

    /// <summary>Leaves <paramref name="at"/> on the CR that ends a value.</summary>
    private static ReadStatus FindValueEnd(Span<byte> bytes, ref int at, FieldStrictness strictness, out ProtocolError error)
    {
        error = ProtocolError.None;
        while (true)
        {
            var length = bytes[at..].IndexOfAny(Octets.Controls);
            if (length < 0) return ReadStatus.NeedMore;
            at += length;
            if (bytes[at] == Octets.LF) return Fail(ProtocolError.BadFieldLine, out error);   // RFC 9112 §2.2 allows a bare LF; smugglers use it.
            if (bytes[at] != Octets.CR) return Fail(ProtocolError.BadFieldValue, out error);       // RFC 9110 §5.5.
            if (at + 1 == bytes.Length) return ReadStatus.NeedMore;
            if (bytes[at + 1] != Octets.LF) return Fail(ProtocolError.BadFieldValue, out error);   // RFC 9112 §2.2: a bare CR.
            if (strictness == FieldStrictness.Strict) return ReadStatus.Done;                      // A fold is refused as the next line's empty name.
            if (at + 2 == bytes.Length) return ReadStatus.NeedMore;                                // Whether it folds is seen from the next octet.
            if (!Octets.IsBlank(bytes[at + 2])) return ReadStatus.Done;
            var next = EndOfBlanks(bytes, at + 2);
            if (next == bytes.Length) return ReadStatus.NeedMore;
            // RFC 9112 §5.2: obs-fold becomes spaces, in place, so that the value stays one piece. Done once all of it is there; if the head is not
            // complete and is parsed again, the spaces read the same.
            bytes[at..next].Fill(Octets.SP);
            at = next;
        }
    }

    private static int EndOfBlanks(ReadOnlySpan<byte> bytes, int at)
    {
        while (at < bytes.Length && Octets.IsBlank(bytes[at])) at++;
        return at;
    }

    private static ProtocolError NameError(byte found, int nameLength) => found switch
    {
        // RFC 9112 §2.2 and §5.2: a blank before the first field, or a folded line.
        Octets.SP or Octets.Tab when nameLength == 0 => ProtocolError.BadFieldLine,
        // RFC 9112 §5: a line without a colon, or a bare CR or LF.
        Octets.CR or Octets.LF => ProtocolError.BadFieldLine,
        // RFC 9112 §5.1: an empty name, an octet that is not a token's, or (in a request) a blank before the colon.
        _ => ProtocolError.BadFieldName,
    };

    private static ReadStatus Fail(ProtocolError cause, out ProtocolError error)
    {
        error = cause;
        return ReadStatus.Invalid;
    }
}
