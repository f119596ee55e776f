namespace Cmi.Http1;

/// <summary>What <see cref="ContentDecoder.Decode"/> found.</summary>
internal enum DecodeStatus : byte { Content, NeedMore, End, Invalid }

/// <summary>Takes the framing off a content; a value of a few words that is kept between calls.</summary>
internal struct ContentDecoder
{
    public ContentDecoder(Framing framing) => throw null!;
    public readonly Framing Framing => throw null!;
    /// <summary>With Length: the bytes that are still to come; else -1.</summary>
    public readonly long Remaining => throw null!;
    /// <summary>Why, after Invalid.</summary>
    public readonly ProtocolError Error => throw null!;
    /// <summary>Decodes one step. The content found, if any, is input[contentStart, contentStart+contentLength); call again with input[consumed..] until NeedMore, End or Invalid. UntilClose never gives End.</summary>
    public DecodeStatus Decode(ReadOnlySpan<byte> input, out int consumed, out int contentStart, out int contentLength) => throw null!;
    /// <summary>Content bytes (Length framing) that were received elsewhere than through Decode, straight into a buffer.</summary>
    public void Skip(long received) => throw null!;
}
