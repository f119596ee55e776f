using System.Text;
using Cmi.Http1;
using Cmi.Messages;
using Cmi.Tests.Http1;

namespace Cmi.Tests.Fuzz;

/// <summary>What became of an input; counted, so that a run whose inputs are all refused is seen.</summary>
internal enum FuzzOutcome { Refused, Incomplete, HeadOnly, Whole }

/// <summary>What is common to the judgement of requests and of replies.</summary>
internal static class FuzzInput
{
    /// <summary>Below it no limit of a reader can be the reason of a refusal.</summary>
    public const int SmallBytes = 4000;

    public static readonly HeadLimits Limits = Raw.Limits;

    public static void Require(bool holds, string what)
    {
        if (!holds) throw new AssertionException(what);
    }

    /// <summary>The pieces in which an input comes; they follow from the input alone, so that a case is its bytes and nothing else.</summary>
    public static int[] Ends(byte[] input)
    {
        var seed = 17;
        foreach (var octet in input) seed = unchecked((seed * 31) + octet);
        if (input.Length < 600 && seed % 8 == 0) return [.. Enumerable.Range(1, input.Length)];      // octet by octet
        var random = new FuzzChance(unchecked((uint)seed));
        var ends = new int[1 + (int)random.Next(5)];
        for (var i = 0; i < ends.Length - 1; i++) ends[i] = (int)random.Next((uint)input.Length + 1);
        ends[^1] = input.Length;
        Array.Sort(ends);
        return ends;
    }

    /// <summary>Whether a refusal in pieces is the same refusal as that of the whole.</summary>
    /// <remarks>
    /// A start line is judged while it comes, so of two faults in it the first may be named that was seen; both are of the start line then. All behind it
    /// is judged in order, whenever that is.
    /// </remarks>
    public static bool IsSameFault(ProtocolError whole, ProtocolError pieces) => whole == pieces || (IsOfStartLine(whole) && IsOfStartLine(pieces));

    private static bool IsOfStartLine(ProtocolError error) => error is
        ProtocolError.BadRequestLine or ProtocolError.BadStatusLine or ProtocolError.BadTarget or ProtocolError.BadMethod or
        ProtocolError.VersionNotSupported or ProtocolError.RequestLineTooLong or ProtocolError.MethodNotAllowed;

    /// <summary>What a decoder makes of the bytes behind a head, whole and in pieces, which must be the same.</summary>
    public static Decoded Decode(Framing framing, byte[] input, int at, int[] ends)
    {
        var rest = input.AsSpan(at).ToArray();
        var whole = Decoded.Of(framing, rest);
        var pieces = Decoded.Of(framing, rest, ends.Where(end => end > at).Select(end => end - at));
        if (rest.Length == 0) pieces = Decoded.Of(framing, rest, [0]);
        Require(whole == pieces, $"content: {whole} as a whole, {pieces} in pieces");
        return whole;
    }

    /// <summary>Content in a framing, as whoever sends a message writes it.</summary>
    public static void Append(StringBuilder into, Framing framing, string content)
    {
        if (framing.Kind != FramingKind.Chunked)
        {
            into.Append(content);
            return;
        }
        Span<byte> size = stackalloc byte[ChunkedEncoder.MaxSizeBytes];
        for (var at = 0; at < content.Length;)
        {
            var piece = Math.Min(content.Length - at, 1 + (at * 7));
            into.Append(Raw.Text(size[..ChunkedEncoder.WriteSize(size, piece)])).Append(content, at, piece).Append(Raw.Text(ChunkedEncoder.DataEnd));
            at += piece;
        }
        into.Append(Raw.Text(ChunkedEncoder.LastChunk));
    }

    /// <summary>Whether two readers found the same fields. A fold may have become any number of spaces.</summary>
    public static void RequireSameFields(FieldSection found, ReferenceMessage reference)
    {
        Require(found.Count == reference.Fields.Count, $"{found.Count} fields, {reference.Fields.Count} by the reference");
        for (var i = 0; i < found.Count; i++)
        {
            var (name, value) = (Raw.Text(found.NameOf(found[i])), Raw.Text(found.ValueOf(found[i])));
            var (otherName, otherValue) = reference.Fields[i];
            Require(name == otherName && (value == otherValue || Squeezed(value) == Squeezed(otherValue)), $"field {name}: '{value}', {otherName}: '{otherValue}' by the reference");
        }
    }

    public static ReferenceFraming KindOf(Framing framing) => framing.Kind switch
    {
        FramingKind.Length => ReferenceFraming.Length,
        FramingKind.Chunked => ReferenceFraming.Chunked,
        FramingKind.UntilClose => ReferenceFraming.UntilClose,
        _ => ReferenceFraming.None,
    };

    private static string Squeezed(string value) => string.Join(' ', value.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries));
}

/// <summary>A small source of chance that costs nothing to make: one is made for each input.</summary>
internal struct FuzzChance(uint seed)
{
    private uint _state = (seed * 2654435769u) | 1;

    public uint Next(uint below)
    {
        _state ^= _state << 13;
        _state ^= _state >> 17;
        _state ^= _state << 5;
        return (uint)((ulong)_state * below >> 32);
    }
}
