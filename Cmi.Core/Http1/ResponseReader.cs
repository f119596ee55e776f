using Cmi.Forwarding;
using Cmi.Messages;

namespace Cmi.Http1;

/// <summary>
/// Reads response heads (RFC 9112 §4, §5), as strictly as requests but for what the specification asks an intermediary to mend: a blank before
/// a colon is left out and a folded line joined. Threading: any thread; it has no state.
/// </summary>
internal static class ResponseReader
{
    /// <summary>
    /// Reads a response head from the start of <paramref name="input"/>, where a folded line is joined in place. Bytes that are not HTTP/1.x are
    /// refused as soon as they are seen.
    /// </summary>
    /// <param name="input">From the first byte of the head; may go on behind it.</param>
    /// <param name="scanned">
    /// 0 for a new head; kept by the caller between calls over the same, longer input, so that bytes are not searched twice. Set back to 0 when the
    /// head is done or refused.
    /// </param>
    /// <param name="limits">What is too large; the limit of a line is for requests only.</param>
    /// <param name="head">Takes the head; valid if done.</param>
    /// <param name="consumed">If done: the length of the head; else 0.</param>
    /// <param name="error">Why, if invalid.</param>
    public static ReadStatus Read(
        Memory<byte> input, ref int scanned, in HeadLimits limits, ResponseHead head, out int consumed, out ProtocolError error)
    {
        consumed = 0;
        error = ProtocolError.None;
        var window = HeadScanner.Window(input.Length, 0, limits);
        var status = ReadStatus.NeedMore;
        var isFull = window >= limits.MaxBytes;                                             // Parsed once more, for what is wrong with it may come before its size.
        if (isFull || HeadScanner.IsWorthParsing(input.Span[..window], 0, scanned))
            status = Parse(input[..window], limits, head, out consumed, out error);
        if (status == ReadStatus.NeedMore && isFull)
        {
            error = ProtocolError.HeadTooLarge;
            status = ReadStatus.Invalid;
        }
        scanned = status == ReadStatus.NeedMore ? input.Length : 0;
        return status;
    }

    private static ReadStatus Parse(Memory<byte> input, in HeadLimits limits, ResponseHead head, out int consumed, out ProtocolError error)
    {
        consumed = 0;
        var bytes = input.Span;
        var lineLength = bytes.IndexOf(Octets.LF);
        if (lineLength < 0)
        {
            error = StatusLineParser.CheckPart(bytes);
            return error == ProtocolError.None ? ReadStatus.NeedMore : ReadStatus.Invalid;
        }

        head.Begin(input);
        error = StatusLineParser.Parse(bytes[..lineLength], head);
        if (error != ProtocolError.None) return ReadStatus.Invalid;

        var position = lineLength + 1;
        var status = FieldLineParser.ReadAll(bytes, ref position, head.Fields, limits.MaxFields, FieldStrictness.Mending, out error);
        if (status != ReadStatus.Done) return status;

        head.Fields.End(position);
        if (!ConnectionFields.AreBounded(head.Fields))
        {
            error = ProtocolError.BadFieldValue;
            return ReadStatus.Invalid;
        }
        consumed = position;
        return ReadStatus.Done;
    }
}
