using Cmi.Http1;
using Cmi.Messages;

namespace Cmi.Forwarding;

/// <summary>
/// Tells servers who the client is, in X-Forwarded-For, -Proto and -Host, in Forwarded (RFC 7239), or both. Lists are extended, so that the last entry
/// is always ours and those before it are hearsay. X-Forwarded-Proto and X-Forwarded-Host have no entries to tell apart: what came in them is replaced
/// unless it is from a trusted peer, or any client could speak for us. Threading: the loop that owns the head.
/// </summary>
internal static class PeerFields
{
    /// <summary>What is written here and nowhere else.</summary>
    public static readonly FieldNameSet All = FieldNameSet.Of(
        FieldName.XForwardedFor, FieldName.XForwardedProto, FieldName.XForwardedHost, FieldName.Forwarded);

    /// <summary>Writes the fields; the received ones are not to be copied.</summary>
    /// <param name="into">Where to.</param>
    /// <param name="head">What came.</param>
    /// <param name="peer">From whom.</param>
    public static void Write(HeadBuffer into, RequestHead head, Peer peer)
    {
        var (fields, keeps, written) = (head.Fields, peer.KeepsReceived, peer.Rule.Fields);
        if (written == ForwardedFields.None)
        {
            if (keeps) CopyReceived(into, fields, All);
            return;
        }
        // A list that came is extended even if it is not one of ours to write: its last entry would pass for ours.
        if ((written & ForwardedFields.XForwarded) == ForwardedFields.XForwarded || (keeps && fields.Has(FieldName.XForwardedFor))) WriteXForwarded(into, head, peer);
        else if (peer.IsTrusted) CopyReceived(into, fields, FieldNameSet.Of(FieldName.XForwardedProto, FieldName.XForwardedHost));
        if ((written & ForwardedFields.Forwarded) == ForwardedFields.Forwarded || (keeps && fields.Has(FieldName.Forwarded))) WriteForwarded(into, head, peer);
    }

    /// <summary>Whether a field that we know nothing of speaks of those before the client, and so goes with the others where they are removed.</summary>
    public static bool IsHearsay(ReadOnlySpan<byte> name) =>
        (name.Length > XForwarded.Length && System.Text.Ascii.EqualsIgnoreCase(name[..XForwarded.Length], XForwarded)) || System.Text.Ascii.EqualsIgnoreCase(name, "x-real-ip"u8);

    private static ReadOnlySpan<byte> XForwarded => "x-forwarded-"u8;

    private static void WriteXForwarded(HeadBuffer into, RequestHead head, Peer peer)
    {
        into.Append("X-Forwarded-For: "u8);
        if (peer.KeepsReceived) WriteEntries(into, head.Fields, FieldName.XForwardedFor);
        into.Append(peer.Address);
        into.AppendLineEnd();
        if (peer.IsTrusted && head.Fields.Has(FieldName.XForwardedProto)) CopyReceived(into, head.Fields, FieldNameSet.Of(FieldName.XForwardedProto));
        else into.AppendField("X-Forwarded-Proto"u8, "http"u8);                             // What clients speak to us is not encrypted, by now.
        if (peer.IsTrusted && head.Fields.Has(FieldName.XForwardedHost)) CopyReceived(into, head.Fields, FieldNameSet.Of(FieldName.XForwardedHost));
        else if (head.Authority.Length > 0) into.AppendField("X-Forwarded-Host"u8, head.Authority);
    }

    // RFC 7239 §4. Each element speaks of its own hop, so what a trusted peer said stands in its own element and not again in ours.
    private static void WriteForwarded(HeadBuffer into, RequestHead head, Peer peer)
    {
        into.Append("Forwarded: "u8);
        if (peer.KeepsReceived) WriteEntries(into, head.Fields, FieldName.Forwarded);
        into.Append(peer.Element);
        if (head.Authority.Length > 0)
        {
            // An authority has neither quotes nor backslashes in it (AuthorityParser), so the quotes are all that it may need.
            var isToken = Octets.IsToken(head.Authority);
            into.Append(isToken ? ";host="u8 : ";host=\""u8);
            into.Append(head.Authority);
            if (!isToken) into.Append((byte)'"');
        }
        into.AppendLineEnd();
    }

    private static void WriteEntries(HeadBuffer into, FieldSection fields, FieldName name)
    {
        if (!fields.Has(name)) return;
        for (var i = 0; i < fields.Count; i++)
        {
            var field = fields[i];
            if (field.Name != name || field.ValueLength == 0) continue;
            var value = fields.ValueOf(field);
            // A quoted string that does not end would take our element into itself. X-Forwarded-For knows no quotes.
            if (name == FieldName.Forwarded && !AreQuotesEnded(value)) continue;
            into.Append(value);
            into.Append(", "u8);
        }
    }

    private static bool AreQuotesEnded(ReadOnlySpan<byte> value)
    {
        var quoted = false;
        for (var i = 0; i < value.Length; i++)
        {
            if (value[i] == '"') quoted = !quoted;
            else if (quoted && value[i] == '\\') i++;                                       // RFC 9110 §5.6.4: quoted-pair
        }
        return !quoted;
    }

    private static void CopyReceived(HeadBuffer into, FieldSection fields, FieldNameSet names)
    {
        for (var i = 0; i < fields.Count; i++)
        {
            var field = fields[i];
            if (names.Has(field.Name)) into.AppendField(fields.NameOf(field), fields.ValueOf(field));
        }
    }
}
