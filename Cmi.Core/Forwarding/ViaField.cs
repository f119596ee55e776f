using System.Text;
using Cmi.Http1;
using Cmi.Messages;

namespace Cmi.Forwarding;

/// <summary>Via tells which hops a message took, in order (RFC 9110 §7.6.3). Threading: the loop that owns the head.</summary>
internal static class ViaField
{
    /// <summary>Writes our entry, as a line of its own behind those received; the lines of a list are one list.</summary>
    public static void Write(HeadBuffer into, RequestHead head, ReadOnlySpan<byte> pseudonym)
    {
        into.Append("Via: "u8);
        into.Append(head.MinorVersion == 0 ? "1.0 "u8 : "1.1 "u8);                          // The version that the message came in.
        into.Append(pseudonym);
        into.AppendLineEnd();
    }

    /// <summary>Whether a message has passed a hop of this pseudonym already, so that forwarding it might go on for ever.</summary>
    public static bool Has(FieldSection fields, ReadOnlySpan<byte> pseudonym)
    {
        if (!fields.Has(FieldName.Via)) return false;
        for (var i = 0; i < fields.Count; i++)
        {
            var field = fields[i];
            if (field.Name != FieldName.Via) continue;
            foreach (var entry in new ListElements(fields.ValueOf(field)))
            {
                if (Ascii.EqualsIgnoreCase(ReceivedBy(entry), pseudonym)) return true;
            }
        }
        return false;
    }

    /// <summary>Of "1.1 name (comment)": the name.</summary>
    private static ReadOnlySpan<byte> ReceivedBy(ReadOnlySpan<byte> entry)
    {
        var end = entry.IndexOfAny(Octets.SP, Octets.Tab);
        if (end < 0) return default;
        var rest = Octets.TrimBlanks(entry[end..]);
        end = rest.IndexOfAny(Octets.SP, Octets.Tab);
        return end < 0 ? rest : rest[..end];
    }
}
