using System.Text;
using Cmi.Http1;
using Cmi.Messages;

namespace Cmi.Forwarding;

/// <summary>Via tells which hops a message took, in order (RFC 9110 §7.6.3). Threading: the loop that owns the head.</summary>
internal static class ViaField
{
    /// <summary>How often a request may pass gateways of one pseudonym.</summary>
    public const int MaxPasses = 5;

    /// <summary>Writes our entry, as a line of its own behind those received; the lines of a list are one list.</summary>
    public static void Write(HeadBuffer into, RequestHead head, ReadOnlySpan<byte> pseudonym)
    {
        into.Append("Via: "u8);
        into.Append(head.MinorVersion == 0 ? "1.0 "u8 : "1.1 "u8);                          // The version that the message came in.
        into.Append(pseudonym);
        into.AppendLineEnd();
    }

    /// <summary>
    /// Whether a message goes round in a loop: its Via has our pseudonym <see cref="MaxPasses"/> times. A few are not a loop but gateways behind gateways,
    /// which all have this name.
    /// </summary>
    public static bool IsLoop(FieldSection fields, ReadOnlySpan<byte> pseudonym)
    {
        if (!fields.Has(FieldName.Via)) return false;
        var passes = 0;
        for (var i = 0; i < fields.Count; i++)
        {
            var field = fields[i];
            if (field.Name != FieldName.Via) continue;
            foreach (var entry in new ListElements(fields.ValueOf(field)))
            {
                if (Ascii.EqualsIgnoreCase(ReceivedBy(entry), pseudonym)) passes++;
            }
        }
        return passes >= MaxPasses;
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
