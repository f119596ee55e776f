using Cmi.Messages;

namespace Cmi.Http1;

/// <summary>
/// Trailer fields on their way to a client that has said that it takes them (RFC 9112 §7.1.2, RFC 9110 §6.5). They stay trailers: merged into the head they
/// would be a way around all checks of it. Threading: the loop that owns the buffers.
/// </summary>
internal static class TrailerSection
{
    /// <summary>How many trailer fields are passed on; with more, none is.</summary>
    private const int MaxFields = 64;

    /// <summary>
    /// Writes the last chunk with those of the received trailer fields that may be trailers: every field that something is decided by (framing, routing,
    /// authentication, the connection) may not (RFC 9110 §6.5.1).
    /// </summary>
    /// <param name="into">Takes the last chunk, the fields and the empty line; stays empty if no field is left.</param>
    /// <param name="received">The section as it came, checked by the decoder, its empty line included.</param>
    public static void WriteLastChunk(HeadBuffer into, ReadOnlySpan<byte> received)
    {
        if (received.Length <= 2) return;
        var bytes = received.ToArray();                             // rare: gRPC and digests
        var fields = new FieldSection();
        fields.Begin(bytes);
        var position = 0;
        if (FieldLineParser.ReadAll(bytes, ref position, fields, MaxFields, FieldStrictness.Strict, out _) != ReadStatus.Done) return;
        for (var i = 0; i < fields.Count; i++)
        {
            var field = fields[i];
            if (field.Name != FieldName.Other) continue;
            if (into.Length == 0) into.Append("0\r\n"u8);
            into.AppendField(fields.NameOf(field), fields.ValueOf(field));
        }
        if (into.Length > 0) into.AppendLineEnd();
    }
}
