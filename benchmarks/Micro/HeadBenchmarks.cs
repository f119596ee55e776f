using System.Net;
using System.Text;
using BenchmarkDotNet.Attributes;
using Cmi.Forwarding;
using Cmi.Http1;
using Cmi.Messages;

namespace Cmi.Benchmarks.Micro;

/// <summary>Heads: read from bytes, written anew. The larger ones show whether time is linear in bytes.</summary>
[MemoryDiagnoser]
public class HeadBenchmarks
{
    private static readonly HeadLimits Limits = new(MaxBytes: 64 * 1024, MaxLineBytes: 16 * 1024, MaxFields: 256);

    private static readonly Peer Client = new PeerRule(new()).Describe(new PeerAddress(IPAddress.Parse("192.0.2.1"), 49152));

    private readonly RequestHead _request = new();
    private readonly ResponseHead _response = new();
    private readonly HeadBuffer _written = new();
    private byte[] _requestBytes = [], _responseBytes = [];

    /// <summary>Field lines of a head, each of about 160 bytes beyond the first few.</summary>
    [Params(3, 12, 100)]
    public int Fields { get; set; }

    [GlobalSetup]
    public void MakeHeads()
    {
        var fields = string.Concat(Enumerable.Range(0, Fields - 1).Select(i => Fields > 12 ? $"X-Field-{i}: {new string('v', 150)}\r\n" : $"X-Field-{i}: a usual value\r\n"));
        _requestBytes = Encoding.ASCII.GetBytes($"GET /images/logo.png?size=large HTTP/1.1\r\nHost: www.example.org\r\n{fields}\r\n");
        _responseBytes = Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n{fields}\r\n");
        Console.WriteLine($"// the request's head has {_requestBytes.Length} bytes");
        ReadRequest();
        ReadResponse();
    }

    [Benchmark]
    public int ReadRequest()
    {
        var scanned = 0;
        if (RequestReader.Read(_requestBytes, ref scanned, Limits, _request, out var consumed, out _) != ReadStatus.Done) throw new InvalidOperationException();
        return consumed;
    }

    [Benchmark]
    public int ReadResponse()
    {
        var scanned = 0;
        if (ResponseReader.Read(_responseBytes, ref scanned, Limits, _response, out var consumed, out _) != ReadStatus.Done) throw new InvalidOperationException();
        return consumed;
    }

    [Benchmark]
    public int WriteRequest()
    {
        _written.Reset();
        RequestWriter.WriteHead(_written, _request, Client, "cmi"u8);
        RequestWriter.WriteEnd(_written, new Framing(FramingKind.None));
        return _written.Length;
    }

    [Benchmark]
    public int WriteResponse()
    {
        _written.Reset();
        ResponseHeadWriter.WriteHead(_written, _response, "Sun, 06 Nov 1994 08:49:37 GMT"u8);
        ResponseHeadWriter.WriteEnd(_written, new Framing(FramingKind.Length, 1024), persistent: true, clientMinorVersion: 1);
        return _written.Length;
    }
}
