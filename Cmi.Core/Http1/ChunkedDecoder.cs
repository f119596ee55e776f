namespace Cmi.Http1;

/// <summary>
/// Takes the chunked coding off a content (RFC 9112 §7.1), strictly: each octet that another hop might read in another way is refused.
/// <code>
/// Size ─▶ SizeMore ─▶ (Extension) ─▶ SizeEnd ─┬─▶ Data ─▶ DataCr ─▶ DataLf ─▶ Size                              size > 0
///                                             └─▶ Trailer ─▶ (TrailerName ─▶ TrailerValue ─▶ TrailerLf ─▶ Trailer)  size = 0
///                                                    └─▶ LastLf ─▶ Done                                        an empty line
/// </code>
/// Extensions are skipped (RFC 9112 §7.1.1: their total length has to have a limit). Trailer fields are checked; where they lie tells <see cref="TrailerLength"/>
/// (§7.1.2). Bound: both have a limit, and nothing is kept of them here.
/// </summary>
internal struct ChunkedDecoder
{
    /// <summary>How long the extensions of one chunk may be, in bytes.</summary>
    public const int MaxExtensionBytes = 4096;

    /// <summary>How much longer than their chunks all extensions together may be, in bytes: many small chunks are no way around the bound.</summary>
    public const int MaxExtensionSurplus = 16 * 1024;

    /// <summary>How long the trailer section may be, in bytes.</summary>
    public const int MaxTrailerBytes = 16 * 1024;

    /// <summary>How many digits a size may have, leading zeros among them: as many as a <see cref="long"/> needs.</summary>
    private const int MaxSizeDigits = 16;

    private enum Phase : byte
    {
        Size, SizeMore, Extension, SizeEnd, Data, DataCr, DataLf, Trailer, TrailerName, TrailerValue, TrailerLf, LastLf, Done, Failed,
    }

    private long _left;
    private int _count, _surplus;
    private Phase _phase;

    /// <summary>Why, after Invalid.</summary>
    public ProtocolError Error { get; private set; }

    /// <summary>How many of the last bytes that the last step consumed belong to the trailer section, its empty line included.</summary>
    public int TrailerLength { get; private set; }

    /// <summary>As <see cref="ContentDecoder.Decode"/>.</summary>
    public DecodeStatus Decode(ReadOnlySpan<byte> input, out int consumed, out int contentStart, out int contentLength)
    {
        consumed = contentStart = contentLength = TrailerLength = 0;
        while (_phase < Phase.Done)
        {
            if (consumed == input.Length) return DecodeStatus.NeedMore;
            if (_phase == Phase.Data)
            {
                contentStart = consumed;
                contentLength = (int)Math.Min(_left, input.Length - consumed);
                consumed += contentLength;
                _left -= contentLength;
                if (_left == 0) _phase = Phase.DataCr;
                return DecodeStatus.Content;
            }
            var isOfTrailer = _phase >= Phase.Trailer;
            Error = Step(input[consumed]);
            if (Error != ProtocolError.None)
            {
                _phase = Phase.Failed;
                break;
            }
            consumed++;
            if (isOfTrailer) TrailerLength++;
        }
        return _phase == Phase.Done ? DecodeStatus.End : DecodeStatus.Invalid;
    }

    /// <summary>Takes one octet that is not content.</summary>
    private ProtocolError Step(byte octet)
    {
        switch (_phase)
        {
            case Phase.Size:
                _left = 0;
                _count = 0;
                if (!char.IsAsciiHexDigit((char)octet)) return ProtocolError.BadChunkSize;          // No sign, no blank.
                _phase = Phase.SizeMore;
                return AddDigit(octet);
            case Phase.SizeMore:
                return StepSize(octet);
            case Phase.Extension:
                if (octet == Octets.CR) return To(Phase.SizeEnd);
                return Octets.IsControl(octet) || ++_count > MaxExtensionBytes || ++_surplus > MaxExtensionSurplus ? ProtocolError.BadChunkExtension : ProtocolError.None;
            case Phase.SizeEnd:
                _count = 0;
                _surplus = (int)Math.Max(0, _surplus - _left);
                return Expect(octet, Octets.LF, _left > 0 ? Phase.Data : Phase.Trailer, ProtocolError.BadChunkSize);
            case Phase.DataCr:
                return Expect(octet, Octets.CR, Phase.DataLf, ProtocolError.BadChunkEnd);
            case Phase.DataLf:
                return Expect(octet, Octets.LF, Phase.Size, ProtocolError.BadChunkEnd);
            default:
                return StepTrailer(octet);
        }
    }

    private ProtocolError StepSize(byte octet)
    {
        if (char.IsAsciiHexDigit((char)octet)) return AddDigit(octet);
        if (octet is not (Octets.CR or (byte)';')) return ProtocolError.BadChunkSize;               // "0x", a blank, a bare LF.
        _count = 0;
        return To(octet == Octets.CR ? Phase.SizeEnd : Phase.Extension);
    }

    private ProtocolError AddDigit(byte octet)
    {
        // RFC 9112 §7.1: large sizes must not overflow.
        if (++_count > MaxSizeDigits || _left > long.MaxValue >> 4) return ProtocolError.BadChunkSize;
        _left = _left << 4 | (uint)HexValue(octet);
        return ProtocolError.None;
    }

    private static int HexValue(byte digit) => digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;

    /// <summary>RFC 9112 §7.1.2: field lines as in a request's head.</summary>
    private ProtocolError StepTrailer(byte octet)
    {
        if (++_count > MaxTrailerBytes) return ProtocolError.BadTrailer;
        switch (_phase)
        {
            case Phase.Trailer when octet == Octets.CR:
                return To(Phase.LastLf);
            case Phase.Trailer:
                return Octets.IsToken(octet) ? To(Phase.TrailerName) : ProtocolError.BadTrailer;
            case Phase.TrailerName when octet == ':':
                return To(Phase.TrailerValue);
            case Phase.TrailerName:
                return Octets.IsToken(octet) ? ProtocolError.None : ProtocolError.BadTrailer;
            case Phase.TrailerValue when octet == Octets.CR:
                return To(Phase.TrailerLf);
            case Phase.TrailerValue:
                return Octets.IsControl(octet) ? ProtocolError.BadTrailer : ProtocolError.None;
            case Phase.TrailerLf:
                return Expect(octet, Octets.LF, Phase.Trailer, ProtocolError.BadTrailer);
            default:
                return Expect(octet, Octets.LF, Phase.Done, ProtocolError.BadTrailer);
        }
    }

    private ProtocolError Expect(byte octet, byte expected, Phase next, ProtocolError otherwise) => octet == expected ? To(next) : otherwise;

    private ProtocolError To(Phase next)
    {
        _phase = next;
        return ProtocolError.None;
    }
}
