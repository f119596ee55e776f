using System.Diagnostics;
using System.Text;
using Cmi.Forwarding;
using Cmi.Messages;

namespace Cmi.Http1;

/// <summary>
/// Writes the heads of replies to clients, anew from the parsed form, and whole replies of our own. Threading: the loop that owns the buffer.
/// </summary>
internal static class ResponseHeadWriter
{
    /// <summary>What never goes on under its own name: of this hop, or written by us.</summary>
    private static readonly FieldNameSet NotCopied = ConnectionFields.OfTheHop
        .With(FieldName.ContentLength)
        .With(FieldName.ProxyAuthenticate);   // RFC 9110 §11.7.1: for the next client of a proxy only.

    /// <summary>Writes the head that goes to the client, all but its framing and Connection field.</summary>
    /// <param name="into">Where to.</param>
    /// <param name="head">What came.</param>
    /// <param name="date">A Date value to add where the server gave none (RFC 9110 §6.6.1).</param>
    /// <exception cref="ArgumentException">There is a control character in <paramref name="date"/>.</exception>
    public static void WriteHead(HeadBuffer into, ResponseHead head, ReadOnlySpan<byte> date)
    {
        FieldWriter.ThrowIfNotValue(date, nameof(date));
        WriteStatusLine(into, head.Status, head.Reason);

        var fields = head.Fields;
        var connection = ConnectionFields.Of(fields);
        for (var i = 0; i < fields.Count; i++)
        {
            var field = fields[i];
            if (NotCopied.Has(field.Name) || connection.Names(field)) continue;
            into.AppendField(fields.NameOf(field), fields.ValueOf(field));
        }
        if (!fields.Has(FieldName.Date) && date.Length > 0) into.AppendField("Date"u8, date);
    }

    /// <summary>
    /// Writes the consent to switch protocols for this hop (RFC 9110 §7.8), between <see cref="WriteHead"/> and <see cref="WriteEnd"/>; only for a
    /// 101 that was asked for.
    /// </summary>
    public static void WriteUpgrade(HeadBuffer into, ResponseHead head) => UpgradeField.Write(into, head.Fields);

    /// <summary>Ends a head: its framing field, its Connection field, and the empty line.</summary>
    /// <param name="into">Where to.</param>
    /// <param name="toClient">Of <see cref="MessageFraming.ToClient"/>; one that ends with the connection is never persistent.</param>
    /// <param name="persistent">Whether the connection stays for another request.</param>
    /// <param name="clientMinorVersion">The client's; HTTP/1.0 must be told that the connection stays (RFC 9112 §C.2.2).</param>
    public static void WriteEnd(HeadBuffer into, Framing toClient, bool persistent, int clientMinorVersion)
    {
        Debug.Assert(toClient.Kind != FramingKind.Chunked || clientMinorVersion > 0, "HTTP/1.0 knows no chunks");
        into.AppendFraming(toClient);
        WriteConnection(into, persistent && toClient.Kind != FramingKind.UntilClose, clientMinorVersion);
        into.AppendLineEnd();
    }

    /// <summary>Writes a whole reply of our own with a short text as its content (none for HEAD, its length still given).</summary>
    /// <param name="into">Where to.</param>
    /// <param name="status">A final status code that may have content.</param>
    /// <param name="text">The content, as plain text.</param>
    /// <param name="method">What was asked.</param>
    /// <param name="persistent">Whether the connection stays for another request.</param>
    /// <param name="clientMinorVersion">The client's.</param>
    /// <param name="date">The Date value; none is written if it is empty.</param>
    /// <param name="retryAfterSeconds">When to try again; 0: not said.</param>
    /// <exception cref="ArgumentOutOfRangeException">The status has no content, or is none.</exception>
    /// <exception cref="ArgumentException">There is a control character in <paramref name="date"/>.</exception>
    public static void WriteOwn(
        HeadBuffer into, int status, string text, Method method, bool persistent, int clientMinorVersion, ReadOnlySpan<byte> date,
        int retryAfterSeconds = 0)
    {
        if (status is < 200 or > 599 or 204 or 205 or 304)
            throw new ArgumentOutOfRangeException(nameof(status), status, "A reply of our own is final and has content.");
        FieldWriter.ThrowIfNotValue(date, nameof(date));

        WriteStatusLine(into, status, ReasonPhrases.Of(status));
        if (date.Length > 0) into.AppendField("Date"u8, date);
        into.AppendField("Content-Type"u8, "text/plain; charset=utf-8"u8);
        if (retryAfterSeconds > 0) into.AppendField("Retry-After"u8, retryAfterSeconds);
        // A 405 should have Allow as well (RFC 9110 §15.5.6); what the servers allow for this target we cannot know.
        WriteEnd(into, new Framing(FramingKind.Length, Encoding.UTF8.GetByteCount(text)), persistent, clientMinorVersion);
        if (method != Method.Head) into.AppendText(text);                                       // RFC 9110 §9.3.2
    }

    private static void WriteStatusLine(HeadBuffer into, int status, ReadOnlySpan<byte> reason)
    {
        into.Append("HTTP/1.1 "u8);
        into.AppendNumber(status);
        into.Append(Octets.SP);                                                                 // RFC 9112 §4: also before an empty reason.
        into.Append(reason);
        into.AppendLineEnd();
    }

    /// <summary>RFC 9112 §9.3 and §9.6: only what differs from the client's own assumption is said.</summary>
    private static void WriteConnection(HeadBuffer into, bool persistent, int clientMinorVersion)
    {
        if (!persistent) into.AppendField("Connection"u8, "close"u8);
        else if (clientMinorVersion == 0) into.AppendField("Connection"u8, "keep-alive"u8);
    }
}
