using Cmi.Http1;
using Cmi.Messages;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace Cmi.Tests.Http1;

/// <summary>What holds for any input, found by chance. A failing case is printed with its seed.</summary>
[TestFixture]
internal sealed class ParserProperties
{
    private static readonly string[] Requests =
    [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nPOST /a?b HTTP/1.1\r\nHost: a:80\r\nContent-Length: 5\r\nX-Long: " + new string('x', 60) + "\r\n\r\nhello",
        "OPTIONS * HTTP/1.0\r\nConnection: keep-alive, x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "GET http://[::1]:8?q HTTP/1.1\r\nHost: b\r\nExpect: 100-continue\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
    ];

    private static readonly string[] Responses =
    [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.0 404\r\nA : b\r\n\tc\r\n d\r\nB:\r\n \r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n",
    ];

    private static readonly string[] Chunked =
    [
        "5\r\nhello\r\n0\r\n\r\n",
        "1;a=\"b\"\r\nx\r\n00A\r\n0123456789\r\n0\r\nTrailer: x\r\nB:\r\n\r\nGET / HTTP/1.1",
        "7fffffffffffffff\r\nabc",
    ];

    [Test]
    public void AnyFragmentation_OfARequestHeadParsesLikeTheWhole() => Holds(Mutated(Requests), (bytes, steps) =>
    {
        var whole = RequestOutcome(bytes, [bytes.Length]);
        var pieces = RequestOutcome(bytes, Raw.Ends(bytes.Length, steps));
        return pieces == whole || IsEarlierRefusal(whole.Status, pieces.Status);
    });

    [Test]
    public void AnyFragmentation_OfAResponseHeadParsesLikeTheWhole() => Holds(Mutated(Responses), (bytes, steps) =>
    {
        var whole = ResponseOutcome(bytes, [bytes.Length]);
        var pieces = ResponseOutcome(bytes, Raw.Ends(bytes.Length, steps));
        return pieces == whole || IsEarlierRefusal(whole.Status, pieces.Status);
    });

    [Test]
    public void AnyFragmentation_OfChunkedContentDecodesLikeTheWhole() => Holds(Mutated(Chunked), (bytes, steps) =>
        Decoded.Of(new Framing(FramingKind.Chunked), bytes) == Decoded.Of(new Framing(FramingKind.Chunked), bytes, Raw.Ends(bytes.Length, steps)));

    [Test]
    public void RandomBytes_NeverThrowNorReadBeyondTheInput() => Holds(ArbMap.Default.GeneratorFor<byte[]>(), (bytes, steps) =>
    {
        RequestOutcome(bytes, Raw.Ends(bytes.Length, steps));
        ResponseOutcome(bytes, Raw.Ends(bytes.Length, steps));
        Decoded.Of(new Framing(FramingKind.Chunked), bytes, Raw.Ends(bytes.Length, steps));
        return true;
    });

    [Test]
    public void EncodedContent_DecodesToItself() => Holds(ArbMap.Default.GeneratorFor<byte[]>(), (content, steps) =>
    {
        var encoded = new MemoryStream();
        Span<byte> size = stackalloc byte[ChunkedEncoder.MaxSizeBytes];
        var start = 0;
        foreach (var end in Raw.Ends(content.Length, steps))
        {
            encoded.Write(size[..ChunkedEncoder.WriteSize(size, end - start)]);
            encoded.Write(content.AsSpan(start, end - start));
            encoded.Write(ChunkedEncoder.DataEnd);
            start = end;
        }
        encoded.Write(ChunkedEncoder.LastChunk);
        var bytes = encoded.ToArray();
        return Decoded.Of(new Framing(FramingKind.Chunked), bytes, Raw.Ends(bytes.Length, [.. steps.Reverse()]))
            == new Decoded(DecodeStatus.End, Raw.Text(content), bytes.Length, ProtocolError.None);
    });

    [Test]
    public void WrittenRequest_ParsesBackToTheSame() => Holds(RequestTexts(), (bytes, _) =>
    {
        var head = Raw.Request(Raw.Text(bytes));
        var written = Raw.Request(Raw.Written(into =>
        {
            RequestWriter.WriteHead(into, head, Raw.Peer, "cmi"u8);
            RequestWriter.WriteEnd(into, new Framing(FramingKind.None));
        }));
        return written.MethodBytes.SequenceEqual(head.MethodBytes)
            && written.Target.SequenceEqual(head.PathAndQuery)
            && written.Authority.SequenceEqual(head.Authority)
            && Raw.Lines(written.Fields).SkipLast(4).SequenceEqual(Raw.Lines(head.Fields));
    });

    /// <summary>
    /// What is wrong behind the first line may be seen only when the head is complete; in one piece it is seen at once, also if it never ends.
    /// </summary>
    private static bool IsEarlierRefusal(ReadStatus whole, ReadStatus pieces) => whole == ReadStatus.Invalid && pieces != ReadStatus.Done;

    private static (ReadStatus Status, int Consumed, string Parts) RequestOutcome(byte[] original, IEnumerable<int> ends)
    {
        var bytes = original.ToArray();
        var (scanned, consumed, status) = (0, 0, ReadStatus.NeedMore);
        var head = new RequestHead();
        foreach (var end in ends)
        {
            status = RequestReader.Read(bytes.AsMemory(0, end), ref scanned, Raw.Limits, head, out consumed, out _);
            if (consumed > end || scanned > end) throw new InvalidOperationException("It read beyond its input.");
            if (status != ReadStatus.NeedMore) break;
        }
        if (status != ReadStatus.Done) return (status, consumed, "");
        MessageFraming.TryOfRequest(head, out var framing, out var error);
        return (status, consumed, $"{Raw.Text(head.MethodBytes)} {Raw.Text(head.Target)} {Raw.Text(head.Authority)} {framing} {error} " +
            string.Join('\n', Raw.Lines(head.Fields)));
    }

    private static (ReadStatus Status, int Consumed, string Parts) ResponseOutcome(byte[] original, IEnumerable<int> ends)
    {
        var bytes = original.ToArray();
        var (scanned, consumed, status) = (0, 0, ReadStatus.NeedMore);
        var head = new ResponseHead();
        foreach (var end in ends)
        {
            status = ResponseReader.Read(bytes.AsMemory(0, end), ref scanned, Raw.Limits, head, out consumed, out _);
            if (consumed > end || scanned > end) throw new InvalidOperationException("It read beyond its input.");
            if (status != ReadStatus.NeedMore) break;
        }
        if (status != ReadStatus.Done) return (status, consumed, "");
        MessageFraming.TryOfResponse(head, Method.Get, out var framing, out var error);
        return (status, consumed, $"{head.Status} {Raw.Text(head.Reason)} {framing} {error} {string.Join('\n', Raw.Lines(head.Fields))}");
    }

    /// <summary>Messages of which some octets were replaced by ones that parsers stumble over.</summary>
    private static Gen<byte[]> Mutated(string[] texts) =>
        from text in Gen.Elements(texts)
        from count in Gen.Choose(0, 2)
        from places in Gen.Choose(0, text.Length - 1).ArrayOf(count)
        from octets in Gen.OneOf(Gen.Elements<byte>(0, 9, 10, 13, 32, 44, 48, 58, 59, 127, 128), ArbMap.Default.GeneratorFor<byte>()).ArrayOf(count)
        select Mutate(Raw.Bytes(text), places, octets);

    private static byte[] Mutate(byte[] bytes, int[] places, byte[] octets)
    {
        for (var i = 0; i < places.Length; i++) bytes[places[i]] = octets[i];
        return bytes;
    }

    private static Gen<byte[]> RequestTexts() =>
        from method in TextOf("ABCxyz!#$%&'*+-.^_`|~09", 1)
        from path in TextOf("abc/?&=%.:@!|{}[]~", 0)
        from names in TextOf("abcXYZ-_09", 1).Select(name => "z" + name).ArrayOf(5)
        from values in TextOf("abc ,;=\"\t\u00e9\u00ff:", 0).Select(value => value.Trim(' ', '\t')).ArrayOf(5)
        select Raw.Bytes($"{method} /{path} HTTP/1.1\r\nHost: a.example:80\r\n{string.Concat(names.Zip(values, (n, v) => $"{n}:{v} \r\n"))}\r\n");

    private static Gen<string> TextOf(string octets, int least) =>
        from length in Gen.Choose(least, 12)
        from chosen in Gen.Elements(octets.ToCharArray()).ArrayOf(length)
        select new string(chosen);

    private static void Holds(Gen<byte[]> inputs, Func<byte[], int[], bool> property)
    {
        var steps = ArbMap.Default.GeneratorFor<int[]>();
        var cases = (from input in inputs from step in steps select (input, step)).ToArbitrary();
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(2000), Prop.ForAll(cases, c => property(c.input, c.step)));
    }
}
