using Cmi.Http1;

namespace Cmi.Tests.Http1;

/// <summary>What a decoder made of an input.</summary>
internal sealed record Decoded(DecodeStatus Status, string Content, int Consumed, ProtocolError Error)
{
    /// <summary>Decodes an input that comes up to these ends, as whoever reads a connection does.</summary>
    public static Decoded Of(Framing framing, byte[] input, IEnumerable<int>? ends = null)
    {
        var decoder = new ContentDecoder(framing);
        var content = new MemoryStream();
        var (position, status) = (0, DecodeStatus.NeedMore);
        foreach (var end in ends ?? [input.Length])
        {
            do
            {
                var rest = input.AsSpan(position, end - position);
                status = decoder.Decode(rest, out var consumed, out var start, out var length);
                if (consumed > rest.Length || start + length > consumed) throw new InvalidOperationException("It read beyond its input.");
                if (decoder.TrailerLength > consumed) throw new InvalidOperationException("A trailer section is longer than what was consumed.");
                if (length > 0 != (status == DecodeStatus.Content)) throw new InvalidOperationException("Content is told by its status.");
                if (status == DecodeStatus.NeedMore && consumed != rest.Length) throw new InvalidOperationException("It left some of its input.");
                content.Write(rest.Slice(start, length));
                position += consumed;
            }
            while (status == DecodeStatus.Content);
            if (status != DecodeStatus.NeedMore) break;
        }
        return new Decoded(status, Raw.Text(content.ToArray()), position, decoder.Error);
    }

    public static Decoded OfChunked(string text) => Of(new Framing(FramingKind.Chunked), Raw.Bytes(text));
}
