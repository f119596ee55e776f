using System.Text;
using Cmi.Forwarding;
using Cmi.Http1;
using Cmi.Messages;
using Cmi.Tests.Http1;
using static Cmi.Tests.Fuzz.FuzzInput;

namespace Cmi.Tests.Fuzz;

/// <summary>
/// What holds for any bytes that a client may send: they are read alike in any pieces; a request that is taken is one by the tolerant reference, with the
/// same meaning; a request that is one by the strict reference is taken; and what goes to the server is one by the strict reference, again with the same
/// meaning, and nothing behind it.
/// </summary>
internal static class RequestProperties
{
    private static readonly FieldNameSet NeverForwarded = ConnectionFields.OfTheHop
        .With(FieldName.Expect).With(FieldName.ProxyAuthorization).With(FieldName.Http2Settings);

    private static readonly FieldNameSet Ours = FieldNameSet.Of(
        FieldName.Host, FieldName.ContentLength, FieldName.TransferEncoding, FieldName.Via, FieldName.XForwardedFor, FieldName.XForwardedProto,
        FieldName.XForwardedHost, FieldName.Forwarded, FieldName.MaxForwards, FieldName.Connection, FieldName.Upgrade);

    public static FuzzOutcome Check(byte[] input)
    {
        var bytes = input.AsSpan().ToArray();
        var head = new RequestHead();
        var scanned = 0;
        var status = RequestReader.Read(bytes, ref scanned, Limits, head, out var consumed, out var error);
        Require(bytes.AsSpan().SequenceEqual(input), "the reader wrote to its input");
        Require(status != ReadStatus.Done || (consumed <= input.Length && bytes.AsSpan(0, consumed).EndsWith("\r\n\r\n"u8)), "a head does not end with an empty line");
        Require(status == ReadStatus.Done || consumed == 0, "bytes of no head are consumed");
        Require(error == ProtocolError.None == (status != ReadStatus.Invalid), $"{status} with {error}");
        Require(error == ProtocolError.None || (error.Status is >= 400 and < 600 && error.Explanation.Length > 0), $"{error} has no answer");
        var ends = Ends(input);
        CheckPieces(input, ends, status, head, consumed, error);

        var text = Raw.Text(input);
        var strict = ReferenceParser.Request(text);
        var framing = default(Framing);
        var isTaken = status == ReadStatus.Done && MessageFraming.TryOfRequest(head, out framing, out error);
        if (!isTaken)
        {
            Require(strict.Verdict != Verdict.Whole || MayRefuse(strict, text, error), $"refused with {status} {error}, but right: {strict}");
            return status == ReadStatus.NeedMore ? FuzzOutcome.Incomplete : FuzzOutcome.Refused;
        }
        var decoded = Decode(framing, input, consumed, ends);
        CheckMeaning(head, framing, consumed, decoded, text);
        Require(strict.Verdict != Verdict.Whole || decoded.Status == DecodeStatus.End || text.Length > SmallBytes, $"content {decoded}, but right: {strict}");
        CheckWritten(head, framing, decoded);
        return decoded.Status == DecodeStatus.End ? FuzzOutcome.Whole : FuzzOutcome.HeadOnly;
    }

    private static void CheckPieces(byte[] input, int[] ends, ReadStatus status, RequestHead whole, int consumed, ProtocolError error)
    {
        var head = new RequestHead();
        var scanned = 0;
        var (found, foundConsumed, foundError) = (ReadStatus.NeedMore, 0, ProtocolError.None);
        foreach (var end in ends)
        {
            found = RequestReader.Read(input.AsMemory(0, end), ref scanned, Limits, head, out foundConsumed, out foundError);
            Require(scanned <= end && foundConsumed <= end, "the reader went beyond its input");
            if (found != ReadStatus.NeedMore) break;
        }
        if (status == ReadStatus.Invalid && found == ReadStatus.NeedMore)
        {
            // What is wrong behind the first line is seen in pieces at the latest when the head is complete.
            Require(input.AsSpan().IndexOf("\r\n\r\n"u8) < 0 || input.AsSpan().StartsWith("\r\n"u8), $"a complete head is refused as a whole ({error}), not in pieces");
            byte[] ended = [.. input, .. "\r\n\r\n"u8];
            found = RequestReader.Read(ended, ref scanned, Limits, head, out foundConsumed, out foundError);
        }
        Require(found == status && foundConsumed == consumed && IsSameFault(error, foundError), $"{status} {error} {consumed} as a whole, {found} {foundError} {foundConsumed} in pieces");
        if (status == ReadStatus.Done) Require(Form(whole) == Form(head), $"{Form(whole)} as a whole, {Form(head)} in pieces");
    }

    private static void CheckMeaning(RequestHead head, Framing framing, int consumed, Decoded decoded, string text)
    {
        var reference = ReferenceParser.Request(text, tolerance: Tolerance.Tolerant);
        Require(reference.HasHead, $"taken, but not right: {reference}");
        Require(reference.Method == Raw.Text(head.MethodBytes) && reference.Path == Raw.Text(head.PathAndQuery) && reference.Authority == Raw.Text(head.Authority) &&
            reference.MinorVersion == head.MinorVersion && reference.Framing == KindOf(framing), $"understood as {Form(head)} {framing}, by the reference as {reference}");
        Require(reference.IsPersistent == MessageFraming.IsPersistent(head), "persistence is understood in two ways");
        RequireSameFields(head.Fields, reference);
        if (decoded.Status != DecodeStatus.End) return;
        Require(reference.Verdict == Verdict.Whole && reference.Content == decoded.Content && reference.Length == consumed + decoded.Consumed, $"content {decoded}, by the reference {reference}");
    }

    /// <summary>Writes it anew in each framing that it may get.</summary>
    private static void CheckWritten(RequestHead head, Framing framing, Decoded decoded)
    {
        var into = new HeadBuffer();
        RequestWriter.WriteHead(into, head, Raw.Peer, "cmi"u8);
        var upgrades = UpgradeField.IsAsked(head) && head.MethodBytes.Length % 2 == 1;
        if (upgrades) RequestWriter.WriteUpgrade(into, head);
        var length = into.Length;
        var isWhole = decoded.Status == DecodeStatus.End;
        CheckWritten(into, head, MessageFraming.ToServer(framing, null), isWhole ? decoded.Content : null, upgrades);
        into.Truncate(length);
        if (isWhole) CheckWritten(into, head, MessageFraming.ToServer(framing, decoded.Content.Length), decoded.Content, upgrades);
    }

    private static void CheckWritten(HeadBuffer into, RequestHead head, Framing framing, string? content, bool upgrades)
    {
        RequestWriter.WriteEnd(into, framing);
        var message = new StringBuilder(Raw.Text(into.Written));
        if (content is not null) Append(message, framing, content);
        var text = message.ToString();
        var written = ReferenceParser.Request(text);
        Require(written.HasHead && (content is null || written.Verdict == Verdict.Whole), $"a request is written that is none: {written}\n{text}");
        Require(content is null || (written.Content == content && written.Length == text.Length), $"a request is written with other content: {written}\n{text}");
        Require(written.Method == Raw.Text(head.MethodBytes) && written.Path == Raw.Text(head.PathAndQuery) && written.Authority == Raw.Text(head.Authority) &&
            written.MinorVersion == 1 && written.Framing == KindOf(framing), $"another request is written: {written}\n{text}");
        var received = Raw.Lines(head.Fields);
        var trailers = RequestWriter.TakesTrailers(head);           // then it is said anew of the next hop
        foreach (var (name, value) in written.Fields)
        {
            var known = FieldNames.Parse(Raw.Bytes(name));
            if (trailers && (name, value) is ("TE", "trailers") or ("Connection", "TE")) continue;
            Require(!NeverForwarded.Has(known) || Ours.Has(known), $"{name} is passed on");
            Require(known is not (FieldName.Connection or FieldName.Upgrade) || upgrades, $"{name} is passed on");
            Require(Ours.Has(known) || Array.IndexOf(received, $"{name}: {value}") >= 0, $"{name}: {value} was never received");
        }
    }

    /// <summary>Why a right request may be refused: limits, and what is right but not served.</summary>
    private static bool MayRefuse(ReferenceMessage request, string text, ProtocolError error) =>
        text.Length > SmallBytes ||
        error switch
        {
            ProtocolError.BadHost or ProtocolError.BadTarget => !IsPlain(request.Authority) || request.All("host").Any(host => !IsPlain(host)),
            ProtocolError.ExpectationFailed => request.All("expect").Any(value => value != "100-continue"),
            ProtocolError.BadFieldValue => request.All("connection").Sum(value => 1 + value.Count(c => c == ',')) > ConnectionFields.MaxOptions,
            ProtocolError.TooManyFields => request.Fields.Count > Limits.MaxFields,
            _ => false,
        };

    /// <summary>Whether nobody can doubt that this is a host, with or without a port.</summary>
    public static bool IsPlain(string host)
    {
        var parts = host.Split(':');
        return parts.Length <= 2 && parts[0].Length > 0 && parts[0].All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.') &&
            (parts.Length == 1 || (parts[1].Length is > 0 and < 5 && parts[1].All(char.IsAsciiDigit)));
    }

    private static string Form(RequestHead head) =>
        $"{Raw.Text(head.MethodBytes)} {Raw.Text(head.Target)} {Raw.Text(head.PathAndQuery)} {Raw.Text(head.Authority)} {head.Form} 1.{head.MinorVersion}\n{string.Join('\n', Raw.Lines(head.Fields))}";
}
