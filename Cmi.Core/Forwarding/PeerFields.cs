using Cmi.Http1;
using Cmi.Messages;

namespace Cmi.Forwarding;

/// <summary>
/// Tells servers who the client is. X-Forwarded-For is extended, so that its last entry is always ours and those before it are hearsay.
/// X-Forwarded-Proto and X-Forwarded-Host have no entries to tell apart: what came in them is replaced, or any client could speak for us.
/// Threading: the loop that owns the head.
/// </summary>
internal static class PeerFields
{
    /// <summary>Writes the three fields; the received ones are not to be copied.</summary>
    /// <param name="into">Where to.</param>
    /// <param name="head">What came.</param>
    /// <param name="peer">
    /// The client's address; empty where the transport does not know it: then "unknown", lest the last entry received pass for ours.
    /// </param>
    public static void Write(HeadBuffer into, RequestHead head, ReadOnlySpan<byte> peer)
    {
        into.Append("X-Forwarded-For: "u8);
        WriteReceived(into, head.Fields);
        into.Append(peer.Length > 0 ? peer : "unknown"u8);
        into.AppendLineEnd();
        into.AppendField("X-Forwarded-Proto"u8, "http"u8);                                  // What clients speak to us is not encrypted, by now.
        if (head.Authority.Length > 0) into.AppendField("X-Forwarded-Host"u8, head.Authority);
    }

    private static void WriteReceived(HeadBuffer into, FieldSection fields)
    {
        if (!fields.Has(FieldName.XForwardedFor)) return;
        for (var i = 0; i < fields.Count; i++)
        {
            var field = fields[i];
            if (field.Name != FieldName.XForwardedFor || field.ValueLength == 0) continue;
            into.Append(fields.ValueOf(field));
            into.Append(", "u8);
        }
    }
}
