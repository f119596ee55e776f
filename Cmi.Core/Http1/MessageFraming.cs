using Cmi.Messages;

namespace Cmi.Http1;

/// <summary>
/// Decides how messages end, both ways. Nobody else looks at Content-Length or Transfer-Encoding. Threading: any thread; it has no state.
/// </summary>
internal static class MessageFraming
{
    /// <summary>Decides how a request ends. A request whose framing can be doubted is refused, and so never <see cref="Framing.Doubtful"/>.</summary>
    /// <returns>
    /// False: the request must be refused for <paramref name="error"/>, and the connection closed, for nobody knows where the next one begins.
    /// </returns>
    public static bool TryOfRequest(RequestHead head, out Framing framing, out ProtocolError error)
    {
        var fields = head.Fields;
        framing = new Framing(FramingKind.None);   // RFC 9112 §6.3 rule 7: neither is given: no content.
        error = ProtocolError.None;
        if (fields.Has(FieldName.TransferEncoding))
        {
            error = CheckRequestCoding(head);
            if (error == ProtocolError.None) framing = new Framing(FramingKind.Chunked);
        }
        else if (fields.Has(FieldName.ContentLength))
        {
            if (TryReadLength(fields, out var length)) framing = new Framing(FramingKind.Length, length);    // RFC 9112 §6.3 rule 6.
            else error = ProtocolError.BadContentLength;                                            // RFC 9112 §6.3 rule 5.
        }
        return error == ProtocolError.None;
    }

    private static ProtocolError CheckRequestCoding(RequestHead head)
    {
        // RFC 9112 §6.1: in HTTP/1.0 the framing is to be treated as faulty.
        if (head.MinorVersion == 0) return ProtocolError.CodingInOldVersion;
        // RFC 9112 §6.3 rule 3: both are given: "ought to be handled as an error".
        if (head.Fields.Has(FieldName.ContentLength)) return ProtocolError.LengthWithCoding;
        var codings = TransferCodings.Of(head.Fields);
        // RFC 9112 §6.3 rule 4: it must end in chunked; §7.1: which must not be applied twice.
        if (codings.HasJunk || codings.Chunked > 1 || (codings.Chunked == 1 && !codings.EndInChunked)) return ProtocolError.BadTransferCoding;
        // RFC 9112 §6.1: 501 for a coding that we do not understand. One alone would break rule 4 as well; the 501 says more.
        return codings.HasOthers ? ProtocolError.UnknownTransferCoding : ProtocolError.None;
    }

    /// <summary>Decides how a response to a request of this method ends.</summary>
    /// <returns>False: the response must be thrown away for <paramref name="error"/>, and its connection closed.</returns>
    public static bool TryOfResponse(ResponseHead head, Method method, out Framing framing, out ProtocolError error)
    {
        error = ProtocolError.None;
        var fields = head.Fields;
        // RFC 9112 §6.3 rule 1: they end at the empty line, whatever the fields say. Rule 2 (2xx to CONNECT) cannot happen: no CONNECT is ever sent.
        if (method == Method.Head || EndsAtEmptyLine(head.Status))
        {
            framing = WithoutContent(head, method);
        }
        else if (fields.Has(FieldName.TransferEncoding))
        {
            framing = OfCodedResponse(head, out error);
        }
        else if (!fields.Has(FieldName.ContentLength))
        {
            framing = new Framing(FramingKind.UntilClose);                                          // RFC 9112 §6.3 rule 8.
        }
        else if (TryReadLength(fields, out var length))
        {
            framing = new Framing(FramingKind.Length, length);                                      // RFC 9112 §6.3 rule 6.
        }
        else
        {
            framing = default;
            error = ProtocolError.BadContentLength;                                                 // RFC 9112 §6.3 rule 5: discard, 502.
        }
        return error == ProtocolError.None;
    }

    private static bool EndsAtEmptyLine(int status) => status is < 200 or 204 or 304;

    private static Framing WithoutContent(ResponseHead head, Method method)
    {
        var fields = head.Fields;
        var hasCoding = fields.Has(FieldName.TransferEncoding);
        if (!fields.Has(FieldName.ContentLength)) return new Framing(FramingKind.None, Doubtful: hasCoding && !MayDeclare(head.Status, method));
        if (!TryReadLength(fields, out var length)) return new Framing(FramingKind.None, Doubtful: true);
        // RFC 9110 §8.6: in these two the length is that of the content a GET would have had.
        if (MayDeclare(head.Status, method)) return new Framing(FramingKind.None, hasCoding ? -1 : length, Doubtful: hasCoding);
        // RFC 9110 §8.6: a 1xx or 204 MUST NOT have one. A server that announces content may also send it, so the connection is not trusted again.
        return new Framing(FramingKind.None, Doubtful: hasCoding || length > 0);
    }

    /// <summary>Whether a response without content may still declare a length or coding: that of the content that is left out.</summary>
    private static bool MayDeclare(int status, Method method) => status == 304 || (method == Method.Head && status >= 200 && status != 204);

    private static Framing OfCodedResponse(ResponseHead head, out ProtocolError error)
    {
        error = ProtocolError.None;
        var codings = TransferCodings.Of(head.Fields);
        if (!codings.EndInChunked)
        {
            // RFC 9112 §6.3 rule 4: it goes on until the connection closes. What codings it has under way belong to this hop and would have to be taken off
            // here, which we cannot: passed on without its Transfer-Encoding it would be garbage. Old servers' "identity" is none.
            if (codings.HasOthers || codings.Chunked > 0) error = ProtocolError.UnknownTransferCoding;
            return new Framing(FramingKind.UntilClose, Doubtful: true);
        }
        if (codings.Chunked > 1) error = ProtocolError.BadTransferCoding;                           // RFC 9112 §7.1: not to be applied twice.
        // The coding under the chunks belongs to this hop and would have to be taken off here, which we do not do.
        else if (codings.HasOthers || codings.HasJunk) error = ProtocolError.UnknownTransferCoding;
        // RFC 9112 §6.3 rule 3: chunked wins over a length; §6.1: in HTTP/1.0 a coding is faulty. Neither connection is used again.
        return new Framing(FramingKind.Chunked, Doubtful: head.MinorVersion == 0 || head.Fields.Has(FieldName.ContentLength));
    }

    /// <summary>RFC 9112 §6.3 rule 5: a list or several lines are valid only if each is a valid length and all are equal.</summary>
    private static bool TryReadLength(FieldSection fields, out long length)
    {
        length = -1;
        for (var i = 0; i < fields.Count; i++)
        {
            var field = fields[i];
            if (field.Name != FieldName.ContentLength) continue;
            foreach (var element in new ListElements(fields.ValueOf(field)))
            {
                if (!Octets.TryReadDigits(element, out var value)) return false;
                if (length >= 0 && length != value) return false;
                length = value;
            }
        }
        return true;
    }

    /// <summary>How a request goes to a server: none, by its known length, or chunked.</summary>
    /// <param name="received">How it came.</param>
    /// <param name="wholeLength">The measured length of its content, once it is whole.</param>
    public static Framing ToServer(Framing received, long? wholeLength) => received.Kind switch
    {
        FramingKind.None => new Framing(FramingKind.None),
        FramingKind.Length => new Framing(FramingKind.Length, wholeLength ?? received.Length),
        _ => wholeLength is { } length ? new Framing(FramingKind.Length, length) : new Framing(FramingKind.Chunked),
    };

    /// <summary>How a reply goes to a client. <paramref name="wholeLength"/> is null while its content is not proven whole.</summary>
    /// <param name="received">How it came.</param>
    /// <param name="wholeLength">The measured length of its content, once it is whole.</param>
    /// <param name="method">What was asked.</param>
    /// <param name="status">What is answered.</param>
    /// <param name="clientMinorVersion">The client's; HTTP/1.0 knows no chunks.</param>
    /// <param name="withTrailers">Whether trailer fields are to go with it, which only chunks can carry.</param>
    public static Framing ToClient(Framing received, long? wholeLength, Method method, int status, int clientMinorVersion, bool withTrailers = false)
    {
        // RFC 9110 §8.6: no length in 1xx and 204; in the others without content the server's, never a measured 0.
        if (method == Method.Head || EndsAtEmptyLine(status))
            return new Framing(FramingKind.None, MayDeclare(status, method) ? DeclaredLength(received) : -1);
        // RFC 9110 §15.3.6: a 205 has no content, and must say so.
        if (status == 205) return new Framing(FramingKind.Length, 0);
        if (withTrailers && clientMinorVersion > 0) return new Framing(FramingKind.Chunked);
        if (wholeLength is { } length) return new Framing(FramingKind.Length, length);
        if (received.Kind == FramingKind.Length) return new Framing(FramingKind.Length, received.Length);
        // RFC 9112 §6.1: no coding to a client that is not known to speak 1.1.
        return new Framing(clientMinorVersion > 0 ? FramingKind.Chunked : FramingKind.UntilClose);
    }

    private static long DeclaredLength(Framing received) => received.Kind is FramingKind.None or FramingKind.Length ? received.Length : -1;

    /// <summary>
    /// Whether the sender of a request wants the connection kept (RFC 9112 §9.3). Proxy-Connection says nothing to a gateway (§C.2.2).
    /// </summary>
    public static bool IsPersistent(RequestHead head) => IsPersistent(head.Fields, head.MinorVersion);

    /// <summary>Whether a server will keep the connection after this response, and we may believe it.</summary>
    public static bool IsPersistent(ResponseHead head, Framing framing) =>
        framing is { Kind: not FramingKind.UntilClose, Doubtful: false } && IsPersistent(head.Fields, head.MinorVersion);

    private static bool IsPersistent(FieldSection fields, int minorVersion) =>
        !fields.ListHas(FieldName.Connection, "close"u8) && (minorVersion > 0 || fields.ListHas(FieldName.Connection, "keep-alive"u8));
}
