using System.Net;
using System.Text;
using Cmi.Forwarding;
using Cmi.Http1;
using Cmi.Messages;
using NUnit.Framework;

namespace Cmi.Tests.Http1;

/// <summary>Messages as text, an octet a character, so that tests show what is on the wire.</summary>
internal static class Raw
{
    public static readonly HeadLimits Limits = new(MaxBytes: 8192, MaxLineBytes: 4096, MaxFields: 100);

    /// <summary>A client at 9.9.9.9 of which servers are told as by default.</summary>
    public static readonly Peer Peer = new PeerRule(new()).Describe(new(IPAddress.Parse("9.9.9.9"), 1));

    public static byte[] Bytes(string text) => Encoding.Latin1.GetBytes(text);

    public static string Text(ReadOnlySpan<byte> bytes) => Encoding.Latin1.GetString(bytes);

    public static (ReadStatus Status, RequestHead Head, int Consumed, ProtocolError Error) ReadRequest(string text, HeadLimits? limits = null)
    {
        var head = new RequestHead();
        var scanned = 0;
        var status = RequestReader.Read(Bytes(text), ref scanned, limits ?? Limits, head, out var consumed, out var error);
        return (status, head, consumed, error);
    }

    public static (ReadStatus Status, ResponseHead Head, int Consumed, ProtocolError Error) ReadResponse(string text, HeadLimits? limits = null)
    {
        var head = new ResponseHead();
        var scanned = 0;
        var status = ResponseReader.Read(Bytes(text), ref scanned, limits ?? Limits, head, out var consumed, out var error);
        return (status, head, consumed, error);
    }

    /// <summary>A request head that must be valid.</summary>
    public static RequestHead Request(string text)
    {
        var (status, head, consumed, error) = ReadRequest(text);
        Assert.That((status, consumed, error), Is.EqualTo((ReadStatus.Done, text.Length, ProtocolError.None)), text);
        return head;
    }

    /// <summary>A GET of HTTP/1.1 with these field lines, each ended by CRLF.</summary>
    public static RequestHead RequestWith(string lines) => Request($"GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");

    /// <summary>A response head that must be valid.</summary>
    public static ResponseHead Response(string text)
    {
        var (status, head, consumed, error) = ReadResponse(text);
        Assert.That((status, consumed, error), Is.EqualTo((ReadStatus.Done, text.Length, ProtocolError.None)), text);
        return head;
    }

    /// <summary>The field lines as "name: value", one per element.</summary>
    public static string[] Lines(FieldSection fields) =>
        [.. Enumerable.Range(0, fields.Count).Select(i => fields[i]).Select(f => $"{Text(fields.NameOf(f))}: {Text(fields.ValueOf(f))}")];

    /// <summary>What a writer wrote.</summary>
    public static string Written(Action<HeadBuffer> write)
    {
        var into = new HeadBuffer();
        write(into);
        return Text(into.Written);
    }

    /// <summary>A message cut into the pieces that a network might make of it; never an empty one.</summary>
    public static IEnumerable<int> Ends(int length, IReadOnlyList<int> steps)
    {
        var end = 0;
        for (var i = 0; end < length; i++)
        {
            end = Math.Min(length, end + (steps.Count == 0 ? length : 1 + Math.Abs(steps[i % steps.Count] % 32)));
            yield return end;
        }
    }
}
