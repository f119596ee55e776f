namespace Cmi.Http1;

/// <summary>What <see cref="ContentDecoder.Decode"/> found.</summary>
internal enum DecodeStatus : byte
{
    /// <summary>A piece of content; there may be more in the input.</summary>
    Content,

    /// <summary>All input is consumed, and the content does not end there.</summary>
    NeedMore,

    /// <summary>The content is whole; what is not consumed belongs to the next message.</summary>
    End,

    /// <summary>The framing is malformed, and where the content ends will never be known.</summary>
    Invalid,
}

/// <summary>
/// Takes the framing off a content; a value of a few words that is kept between calls. It copies nothing and keeps no bytes.
/// <para>Threading: whoever owns the value. It changes with each call, so it must not be held in a readonly field.</para>
/// </summary>
internal struct ContentDecoder
{
    private readonly Framing _framing;
    private long _left;
    private ChunkedDecoder _chunked;

    /// <summary>A decoder at the first byte behind the head.</summary>
    public ContentDecoder(Framing framing)
    {
        if (framing.Kind == FramingKind.Length) ArgumentOutOfRangeException.ThrowIfNegative(framing.Length, nameof(framing));
        _framing = framing;
        _left = framing.Kind == FramingKind.Length ? framing.Length : -1;
    }

    /// <summary>What it was made for.</summary>
    public readonly Framing Framing => _framing;

    /// <summary>With Length: the bytes that are still to come; else -1.</summary>
    public readonly long Remaining => _framing.Kind == FramingKind.Length ? _left : -1;

    /// <summary>How many of the last bytes that the last <see cref="Decode"/> consumed belong to the trailer section, its empty line included.</summary>
    public readonly int TrailerLength => _chunked.TrailerLength;

    /// <summary>Why, after Invalid.</summary>
    public readonly ProtocolError Error => _chunked.Error;

    /// <summary>
    /// Decodes one step. The content found, if any, is input[contentStart, contentStart+contentLength); call again with input[consumed..] until
    /// NeedMore, End or Invalid. UntilClose never gives End.
    /// </summary>
    /// <param name="input">What follows the bytes consumed before; may be empty, to ask whether the content is at its end.</param>
    /// <param name="consumed">How many bytes of the input are dealt with. With End: up to the last of the content's framing, never further.</param>
    /// <param name="contentStart">Where the content found begins.</param>
    /// <param name="contentLength">How long it is; not 0 only with <see cref="DecodeStatus.Content"/>.</param>
    public DecodeStatus Decode(ReadOnlySpan<byte> input, out int consumed, out int contentStart, out int contentLength)
    {
        if (_framing.Kind == FramingKind.Chunked) return _chunked.Decode(input, out consumed, out contentStart, out contentLength);
        contentStart = 0;
        contentLength = consumed = Take(input.Length);
        if (consumed > 0) return DecodeStatus.Content;
        return _framing.Kind == FramingKind.None || _left == 0 ? DecodeStatus.End : DecodeStatus.NeedMore;
    }

    private int Take(int available)
    {
        if (_framing.Kind == FramingKind.None) return 0;
        if (_framing.Kind == FramingKind.UntilClose) return available;   // RFC 9112 §6.3 rule 8: only the connection's end ends it.
        var taken = (int)Math.Min(available, _left);
        _left -= taken;
        return taken;
    }

    /// <summary>Content bytes (Length framing) that were received elsewhere than through Decode, straight into a buffer.</summary>
    /// <exception cref="InvalidOperationException">They are more than remain, or the framing is another.</exception>
    public void Skip(long received)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(received);
        if (received > Remaining) throw new InvalidOperationException($"{received} bytes cannot be skipped: {Remaining} remain of {_framing}.");
        _left -= received;
    }
}
