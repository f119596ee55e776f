using System.Text;
using Cmi.Forwarding;
using Cmi.Messages;

namespace Cmi.Http1;

/// <summary>
/// Reads request heads (RFC 9112 §2.2, §3, §5), strictly: a hop that reads a message in another way than we do is how requests are smuggled
/// (RFC 9112 §11.2), so what can be read in two ways is refused. Threading: any thread; it has no state.
/// </summary>
internal static class RequestReader
{
    /// <summary>
    /// Reads a request head from the start of <paramref name="input"/>. What is certainly wrong is refused as soon as it is seen in the request
    /// line, complete or not; what is wrong behind it, at the latest when the head is complete.
    /// </summary>
    /// <param name="input">From the first byte of the head; may go on behind it. One CRLF before the request line is overlooked.</param>
    /// <param name="scanned">
    /// 0 for a new head; kept by the caller between calls over the same, longer input, so that bytes are not searched twice. Set back to 0 when the
    /// head is done or refused.
    /// </param>
    /// <param name="limits">What is too large.</param>
    /// <param name="head">Takes the head; valid if done. If invalid it has the method and the version, as far as they were understood.</param>
    /// <param name="consumed">If done: the length of the head, with the overlooked CRLF; else 0.</param>
    /// <param name="error">Why, if invalid.</param>
    public static ReadStatus Read(
        Memory<byte> input, ref int scanned, in HeadLimits limits, RequestHead head, out int consumed, out ProtocolError error)
    {
        consumed = 0;
        head.Begin(input);                                                                  // A refusal shall not show the last request.
        var bytes = input.Span;
        var status = SkipEmptyLine(bytes, out var start, out error);
        if (status == ReadStatus.Done)
        {
            var window = HeadScanner.Window(bytes.Length, start, limits);
            status = ReadStatus.NeedMore;
            var isFull = window - start >= limits.MaxBytes;
            if (isFull || HeadScanner.IsWorthParsing(bytes[..window], start, scanned))
                status = Parse(input[..window], start, limits, head, out consumed, out error);
            if (status == ReadStatus.NeedMore && isFull)
            {
                error = ProtocolError.HeadTooLarge;
                status = ReadStatus.Invalid;
            }
        }
        scanned = status == ReadStatus.NeedMore ? bytes.Length : 0;
        return status;
    }

    /// <summary>
    /// RFC 9112 §2.2: a server SHOULD ignore at least one empty line before the request line. One is what old clients send; more is an idle talker.
    /// </summary>
    private static ReadStatus SkipEmptyLine(ReadOnlySpan<byte> bytes, out int start, out ProtocolError error)
    {
        start = 0;
        error = ProtocolError.None;
        if (bytes.Length == 0 || bytes[0] != Octets.CR) return ReadStatus.Done;
        if (bytes.Length == 1) return ReadStatus.NeedMore;
        if (bytes[1] == Octets.LF)
        {
            start = 2;
            return ReadStatus.Done;
        }
        error = ProtocolError.BadRequestLine;
        return ReadStatus.Invalid;
    }

    private static ReadStatus Parse(Memory<byte> input, int start, in HeadLimits limits, RequestHead head, out int consumed, out ProtocolError error)
    {
        consumed = 0;
        var bytes = input.Span;
        var lineLength = bytes[start..].IndexOf(Octets.LF);
        if (lineLength < 0)
        {
            error = RequestLineParser.CheckPart(bytes[start..], limits.MaxLineBytes);
            return error == ProtocolError.None ? ReadStatus.NeedMore : ReadStatus.Invalid;
        }

        error = ParseLine(bytes, start, start + lineLength, limits, head);
        if (error != ProtocolError.None) return ReadStatus.Invalid;

        var position = start + lineLength + 1;
        var status = FieldLineParser.ReadAll(bytes, ref position, head.Fields, limits.MaxFields, FieldStrictness.Strict, out error);
        if (status != ReadStatus.Done) return status;

        head.Fields.End(position);
        error = CheckFields(head);
        if (error != ProtocolError.None) return ReadStatus.Invalid;
        head.TakeHost();
        consumed = position;
        return ReadStatus.Done;
    }

    private static ProtocolError ParseLine(ReadOnlySpan<byte> bytes, int start, int lineFeed, in HeadLimits limits, RequestHead head)
    {
        var end = lineFeed - 1;
        if (end - start > limits.MaxLineBytes) return ProtocolError.RequestLineTooLong;     // RFC 9112 §3: 414.
        if (end < start || bytes[end] != Octets.CR) return ProtocolError.BadRequestLine;    // A bare LF.
        return RequestLineParser.Parse(bytes, start, end, head);
    }

    private static ProtocolError CheckFields(RequestHead head)
    {
        var fields = head.Fields;
        // RFC 9112 §3.2: missing in 1.1, more than one line, or an invalid value: 400. Checked for absolute targets too, though theirs is not used.
        if (fields.Has(FieldName.Host))
        {
            if (fields.HasRepeated(FieldName.Host) || !AuthorityParser.IsValid(fields.First(FieldName.Host))) return ProtocolError.BadHost;
        }
        else if (head.MinorVersion > 0)
        {
            return ProtocolError.BadHost;
        }
        if (!ConnectionFields.AreBounded(fields)) return ProtocolError.BadFieldValue;
        // RFC 9110 §10.1.1: in HTTP/1.0 it is ignored.
        var fails = head.MinorVersion > 0 && fields.Has(FieldName.Expect) && !ExpectsContinueOnly(fields);
        return fails ? ProtocolError.ExpectationFailed : ProtocolError.None;
    }

    private static bool ExpectsContinueOnly(FieldSection fields)
    {
        for (var i = 0; i < fields.Count; i++)
        {
            var field = fields[i];
            if (field.Name != FieldName.Expect) continue;
            foreach (var expectation in new ListElements(fields.ValueOf(field)))
            {
                if (!Ascii.EqualsIgnoreCase(expectation, "100-continue"u8)) return false;
            }
        }
        return true;
    }
}
