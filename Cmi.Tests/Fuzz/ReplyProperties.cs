using System.Text;
using Cmi.Forwarding;
using Cmi.Http1;
using Cmi.Messages;
using Cmi.Tests.Http1;
using static Cmi.Tests.Fuzz.FuzzInput;

namespace Cmi.Tests.Fuzz;

/// <summary>What holds for any bytes that a server may send; the counterpart of <see cref="RequestProperties"/>.</summary>
internal static class ReplyProperties
{
    private static readonly FieldNameSet Ours = FieldNameSet.Of(FieldName.ContentLength, FieldName.TransferEncoding, FieldName.Connection, FieldName.Date);

    public static FuzzOutcome Check(byte[] input)
    {
        var bytes = input.AsSpan().ToArray();
        var head = new ResponseHead();
        var scanned = 0;
        var status = ResponseReader.Read(bytes, ref scanned, Limits, head, out var consumed, out var error);
        Require(bytes.AsSpan(consumed).SequenceEqual(input.AsSpan(consumed)) || status != ReadStatus.Done, "the reader wrote behind the head");
        Require(status != ReadStatus.Done || (consumed <= input.Length && bytes.AsSpan(0, consumed).EndsWith("\r\n\r\n"u8)), "a head does not end with an empty line");
        Require(status == ReadStatus.Done || consumed == 0, "bytes of no head are consumed");
        Require(error == ProtocolError.None == (status != ReadStatus.Invalid), $"{status} with {error}");
        var ends = Ends(input);
        CheckPieces(input, ends, status, head, consumed, error);

        var text = Raw.Text(input);
        var method = input.Length % 5 == 0 ? Method.Head : Method.Get;
        var strict = ReferenceParser.Reply(text, Name(method), ended: true);
        var framing = default(Framing);
        var isTaken = status == ReadStatus.Done && MessageFraming.TryOfResponse(head, method, out framing, out error);
        if (!isTaken)
        {
            Require(strict.Verdict != Verdict.Whole || text.Length > SmallBytes || error is ProtocolError.BadFieldValue or ProtocolError.TooManyFields, $"refused with {status} {error}, but right: {strict}");
            return status == ReadStatus.NeedMore ? FuzzOutcome.Incomplete : FuzzOutcome.Refused;
        }
        var decoded = Decode(framing, input, consumed, ends);
        var isWhole = decoded.Status == DecodeStatus.End || (framing.Kind == FramingKind.UntilClose && decoded.Status == DecodeStatus.NeedMore);
        CheckMeaning(head, framing, consumed, decoded, isWhole, text, method);
        Require(strict.Verdict != Verdict.Whole || isWhole || text.Length > SmallBytes, $"content {decoded}, but right: {strict}");
        if (head.Status < 200) return FuzzOutcome.HeadOnly;         // interim responses are consumed
        CheckWritten(head, framing, isWhole ? decoded.Content : null, method, clientMinorVersion: input.Length % 3 == 0 ? 0 : 1);
        return isWhole ? FuzzOutcome.Whole : FuzzOutcome.HeadOnly;
    }

    private static void CheckPieces(byte[] input, int[] ends, ReadStatus status, ResponseHead whole, int consumed, ProtocolError error)
    {
        var bytes = input.AsSpan().ToArray();                       // folds are mended in place, also in a head that is not complete
        var head = new ResponseHead();
        var scanned = 0;
        var (found, foundConsumed, foundError) = (ReadStatus.NeedMore, 0, ProtocolError.None);
        foreach (var end in ends)
        {
            found = ResponseReader.Read(bytes.AsMemory(0, end), ref scanned, Limits, head, out foundConsumed, out foundError);
            Require(scanned <= end && foundConsumed <= end, "the reader went beyond its input");
            Require(bytes.AsSpan(end).SequenceEqual(input.AsSpan(end)), "the reader wrote beyond its input");
            if (found != ReadStatus.NeedMore) break;
        }
        if (status == ReadStatus.Invalid && found == ReadStatus.NeedMore)
        {
            Require(input.AsSpan().IndexOf("\r\n\r\n"u8) < 0, $"a complete head is refused as a whole ({error}), not in pieces");
            byte[] ended = [.. bytes, .. "\r\n\r\n"u8];
            found = ResponseReader.Read(ended, ref scanned, Limits, head, out foundConsumed, out foundError);
        }
        Require(found == status && foundConsumed == consumed && IsSameFault(error, foundError), $"{status} {error} {consumed} as a whole, {found} {foundError} {foundConsumed} in pieces");
        if (status == ReadStatus.Done) Require(Form(whole) == Form(head), $"{Form(whole)} as a whole, {Form(head)} in pieces");
    }

    private static void CheckMeaning(ResponseHead head, Framing framing, int consumed, Decoded decoded, bool isWhole, string text, Method method)
    {
        var reference = ReferenceParser.Reply(text, Name(method), ended: true, tolerance: Tolerance.Tolerant);
        Require(reference.HasHead, $"taken, but not right: {reference}");
        Require(reference.Status == head.Status && reference.Reason == Raw.Text(head.Reason) && reference.MinorVersion == head.MinorVersion &&
            reference.Framing == KindOf(framing), $"understood as {Form(head)} {framing}, by the reference as {reference}");
        // What is doubted is not kept; else both must say the same.
        Require(!MessageFraming.IsPersistent(head, framing) || reference.IsPersistent, "a connection is kept that its server closes");
        RequireSameFields(head.Fields, reference);
        if (!isWhole) return;
        Require(reference.Verdict == Verdict.Whole && reference.Content == decoded.Content && reference.Length == consumed + decoded.Consumed, $"content {decoded}, by the reference {reference}");
    }

    /// <summary>Writes it anew: held until it is whole, and on the way.</summary>
    private static void CheckWritten(ResponseHead head, Framing framing, string? content, Method method, int clientMinorVersion)
    {
        var into = new HeadBuffer();
        ResponseHeadWriter.WriteHead(into, head, "Sat, 01 Jan 2000 00:00:00 GMT"u8);
        var length = into.Length;
        CheckWritten(into, head, MessageFraming.ToClient(framing, null, method, head.Status, clientMinorVersion), content, method, clientMinorVersion);
        into.Truncate(length);
        if (content is not null)
            CheckWritten(into, head, MessageFraming.ToClient(framing, content.Length, method, head.Status, clientMinorVersion), content, method, clientMinorVersion);
    }

    private static void CheckWritten(HeadBuffer into, ResponseHead head, Framing framing, string? content, Method method, int clientMinorVersion)
    {
        ResponseHeadWriter.WriteEnd(into, framing, persistent: true, clientMinorVersion);
        if (framing.Kind == FramingKind.None || framing.Length == 0) content = "";      // what a 205 brought is not sent
        var message = new StringBuilder(Raw.Text(into.Written));
        if (content is not null) Append(message, framing, content);
        var text = message.ToString();
        var written = ReferenceParser.Reply(text, Name(method), ended: true);
        Require(written.HasHead && (content is null || written.Verdict == Verdict.Whole), $"a reply is written that is none: {written}\n{text}");
        Require(content is null || (written.Content == content && written.Length == text.Length), $"a reply is written with other content: {written}\n{text}");
        Require(written.Status == head.Status && written.Reason == Raw.Text(head.Reason) && written.MinorVersion == 1 && written.Framing == KindOf(framing),
            $"another reply is written: {written}\n{text}");
        var received = Raw.Lines(head.Fields);
        foreach (var (name, value) in written.Fields)
        {
            var known = FieldNames.Parse(Raw.Bytes(name));
            Require(Ours.Has(known) || !ConnectionFields.OfTheHop.Has(known), $"{name} is passed on");
            Require(Ours.Has(known) || Array.IndexOf(received, $"{name}: {value}") >= 0, $"{name}: {value} was never received");
        }
        var keeps = framing.Kind != FramingKind.UntilClose;
        var said = string.Join(',', written.All("connection"));
        Require(said == (!keeps ? "close" : clientMinorVersion == 0 ? "keep-alive" : ""), $"Connection says '{said}'");
    }

    private static string Name(Method method) => method == Method.Head ? "HEAD" : "GET";

    private static string Form(ResponseHead head) => $"1.{head.MinorVersion} {head.Status} {Raw.Text(head.Reason)}\n{string.Join('\n', Raw.Lines(head.Fields))}";
}
