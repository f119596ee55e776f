using System.Text;
using BenchmarkDotNet.Attributes;
using Cmi.Http1;

namespace Cmi.Benchmarks.Micro;

/// <summary>64 KiB of content out of its chunks.</summary>
public class ChunkedBenchmarks
{
    private const int ContentBytes = 64 * 1024;
    private byte[] _coded = [];

    [Params(256, 4096, 65536)]
    public int ChunkBytes { get; set; }

    [GlobalSetup]
    public void MakeChunks()
    {
        var chunk = Encoding.ASCII.GetBytes($"{ChunkBytes:x}\r\n{new string('x', ChunkBytes)}\r\n");
        _coded = [.. Enumerable.Repeat(chunk, ContentBytes / ChunkBytes).SelectMany(bytes => bytes), .. "0\r\n\r\n"u8];
    }

    [Benchmark]
    public long Decode()
    {
        var decoder = new ContentDecoder(new Framing(FramingKind.Chunked));
        var input = _coded.AsSpan();
        var content = 0L;
        for (; ; )
        {
            var status = decoder.Decode(input, out var consumed, out _, out var count);
            content += count;
            input = input[consumed..];
            if (status == DecodeStatus.End) return content;
            if (status is DecodeStatus.Invalid or DecodeStatus.NeedMore) throw new InvalidOperationException($"{status}");
        }
    }
}
