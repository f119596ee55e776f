using Cmi.Forwarding;
using Cmi.Messages;

namespace Cmi.Http1;

/// <summary>
/// Writes the heads of requests to servers, anew from the parsed form: nothing that we did not understand as it is meant can get through.
/// Threading: the loop that owns the buffer.
/// </summary>
internal static class RequestWriter
{
    /// <summary>What never goes on under its own name: of this hop, written by us, or answered by us.</summary>
    private static readonly FieldNameSet NotCopied = ConnectionFields.OfTheHop
        .With(FieldName.Host).With(FieldName.ContentLength).With(FieldName.Expect)
        .With(FieldName.ProxyAuthorization)   // RFC 9110 §11.7.2: meant for a proxy; we are the origin.
        .With(FieldName.Http2Settings)   // RFC 9113 §3.1: nothing without the upgrade it came with.
        .With(PeerFields.All);

    private static readonly FieldNameSet NotCopiedNorTraced = NotCopied.With(FieldName.TraceParent).With(FieldName.TraceState);

    /// <summary>Writes the head that goes to servers, all but its framing: it is kept and sent once per attempt.</summary>
    /// <param name="into">Where to.</param>
    /// <param name="head">What came.</param>
    /// <param name="peer">The client.</param>
    /// <param name="via">Our pseudonym for the Via field.</param>
    /// <param name="withTrace">Whether the trace context passes as it came; if not, the caller writes another.</param>
    /// <exception cref="ArgumentException">There is a control character in <paramref name="via"/>.</exception>
    public static void WriteHead(HeadBuffer into, RequestHead head, Peer peer, ReadOnlySpan<byte> via, bool withTrace = true)
    {
        FieldWriter.ThrowIfNotValue(via, nameof(via));

        into.Append(head.MethodBytes);
        into.Append(Octets.SP);
        into.Append(head.PathAndQuery);                                                         // RFC 9110 §7.7: unchanged.
        into.Append(" HTTP/1.1\r\n"u8);                                                         // RFC 9112 §2.3: our own version.
        into.AppendField("Host"u8, head.Authority);                                             // RFC 9112 §3.2: even if empty, and first.

        WriteReceived(into, head, peer, withTrace ? NotCopied : NotCopiedNorTraced);
        // RFC 9110 §10.1.4: what the client said of this hop we say of the next, since we keep trailers for it.
        if (TakesTrailers(head)) into.Append("TE: trailers\r\nConnection: TE\r\n"u8);
        PeerFields.Write(into, head, peer);
        ViaField.Write(into, head, via);
    }

    /// <summary>Whether the client takes trailer fields.</summary>
    public static bool TakesTrailers(RequestHead head) => head.MinorVersion > 0 && head.Fields.ListHas(FieldName.Te, "trailers"u8);

    private static void WriteReceived(HeadBuffer into, RequestHead head, Peer peer, FieldNameSet notCopied)
    {
        var fields = head.Fields;
        var connection = ConnectionFields.Of(fields);
        for (var i = 0; i < fields.Count; i++)
        {
            var field = fields[i];
            if (notCopied.Has(field.Name) || connection.Names(field)) continue;
            if (!peer.KeepsReceived && field.Name == FieldName.Other && PeerFields.IsHearsay(fields.NameOf(field))) continue;
            if (field.Name == FieldName.MaxForwards && MaxForwardsField.TryLower(head, field, out var lowered))
                into.AppendField(fields.NameOf(field), lowered);
            else
                into.AppendField(fields.NameOf(field), fields.ValueOf(field));
        }
    }

    /// <summary>
    /// Writes the request to switch protocols for this hop (RFC 9110 §7.8), between <see cref="WriteHead"/> and <see cref="WriteEnd"/>; only if
    /// <see cref="UpgradeField.IsAsked"/>.
    /// </summary>
    public static void WriteUpgrade(HeadBuffer into, RequestHead head) => UpgradeField.Write(into, head.Fields);

    /// <summary>Ends a head: its framing field, and the empty line.</summary>
    public static void WriteEnd(HeadBuffer into, Framing toServer)
    {
        into.AppendFraming(toServer);
        into.AppendLineEnd();
    }
}
