namespace Cmi.Tests.Fuzz;

/// <summary>Breaks messages in the ways in which hops are known to read them differently, and in ways that only chance finds.</summary>
internal sealed class Mutator(Random random)
{
    private static readonly string[] Blanks = [" ", "\t", "\v", "\f", "\0", "\r", "\n", "\u00a0", "\u0085", "\r\n ", "\r\n\t", "\n ", "\r ", "  ", "\x7f", "\x1b"];

    private static readonly string[] LineEnds = ["\n", "\r", "\r\r\n", "\n\r", "\r\n\r\n", " \r\n", "\t\r\n", "\0\r\n", "", "\r\n "];

    private static readonly string[] Numbers =
    [
        "+5", "-1", "-0", " 5", "5 ", "05", "000", "0000000000000000000005", "5,5", "5, 5", "5,6", "5,", ",5", "0x5", "5x", "1e1", "5.0", "", "\"5\"", "5;a",
        "4294967296", "4294967301", "9223372036854775807", "9223372036854775808", "18446744073709551616", "18446744073709551621", "7fffffffffffffff",
        "8000000000000000", "ffffffffffffffff", "10000000000000005", "FFFFFFFF", "\u00b2", "\u0661", "5_0", "1", "2", "3", "7", "5\t", "0",
    ];

    private static readonly string[] Codings =
    [
        "chunked", "Chunked", "CHUNKED", "chunked ", "\tchunked", "chunked,", ",chunked", "chunked, chunked", "chunked,identity", "identity", "identity, chunked",
        "gzip, chunked", "gzip", "chunked;q=1", "\"chunked\"", "xchunked", "chunked\v", "\vchunked", "chun\0ked", "chunke", "x, chunked", "chunked\r\n ", "",
    ];

    private static readonly string[] Starts =
    [
        "GET  / HTTP/1.1\r\n", "GET /  HTTP/1.1\r\n", " GET / HTTP/1.1\r\n", "GET\t/\tHTTP/1.1\r\n", "GET / HTTP/1.1 \r\n", "GET / HTTP/1.2\r\n", "GET / HTTP/2.0\r\n",
        "GET /\r\n", "GET / HTTP/0.9\r\n", "GET / http/1.1\r\n", "GET / HTTP/1.1\n", "\r\nGET / HTTP/1.1\r\n", "\r\n\r\nGET / HTTP/1.1\r\n", "\nGET / HTTP/1.1\r\n",
        "GET /a b HTTP/1.1\r\n", "GET /#f HTTP/1.1\r\n", "GET a HTTP/1.1\r\n", "GET * HTTP/1.1\r\n", "CONNECT a:80 HTTP/1.1\r\n", "GET http:///x HTTP/1.1\r\n",
        "GET http://u@a/ HTTP/1.1\r\n", "GET ftp://a/ HTTP/1.1\r\n", "HEAD / HTTP/1.1\r\n", "GET / HTTP/1.10\r\n", "GET / HTTP/1.\r\n", "GET(/ HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n",
        "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200\r\n", "HTTP/1.1  200 OK\r\n", "HTTP/1.1 2OO OK\r\n", "HTTP/1.1 99 x\r\n", "HTTP/1.1 600 x\r\n", "HTTP/1.1 1000 x\r\n",
        "HTTP/1.1 204 x\r\n", "HTTP/1.1 304 x\r\n", "HTTP/1.1 205 x\r\n", "HTTP/1.1 100 x\r\n", "HTTP/2 200\r\n", "HTTP/1.1 +20 x\r\n", "HTTP/1.1 200 a\rb\r\n", "ICY 200 OK\r\n",
        "HTTP/1.0 200 OK\r\n", "HTTP/1.5 200 OK\r\n", "\r\nHTTP/1.1 200 OK\r\n",
    ];

    private static readonly string[] Extra =
    [
        "Host: b", "Host:", "host : b", "HOST: b, c", "Host: a/b", "Host: a b", "Host: u@b", "Content-Length", ": x", "Content-Length : 5", "Content_Length: 5",
        "Content-Length\0: 5", "Transfer-Encoding : chunked", " Transfer-Encoding: chunked", "Transfer_Encoding: chunked", "Transfer-Encoding\v: chunked",
        "Transfer\rEncoding: chunked", "X: a\rTransfer-Encoding: chunked", "X: a\nTransfer-Encoding: chunked", "X: a\n\nGET /hidden HTTP/1.1\r\nHost: x",
        "Expect: 100-continue, x", "Expect: ", "Expect: 200-ok", "Connection: close, close", "Connection: transfer-encoding", "Connection: content-length",
        "Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p",
        "Connection: upgrade", "Connection: Upgrade\r\nUpgrade: websocket", "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings", "Max-Forwards: x", "X",
        "X-Answers: 00000000", "Via: 1.1 cmi, 1.1 cmi, 1.1 cmi, 1.1 cmi, 1.1 cmi", "X: \"a\r\n b\"",
    ];

    private static readonly string[] Hidden =
    [
        "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", "0\r\n\r\n", "0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n", "\r\n\r\n", "\n",
        "5\r\nhello\r\n", "Host: x\r\n", "Transfer-Encoding: chunked\r\n", "Content-Length: 3\r\n",
    ];

    private static readonly byte[] Octets = [0, 9, 10, 13, 32, 34, 43, 44, 45, 47, 48, 49, 58, 59, 61, 64, 92, 127, 128, 255];

    /// <summary>Appends a message, changed at most a few times.</summary>
    /// <param name="into">Where to; what is there before is only touched by a splice.</param>
    /// <param name="message">A message of the caller's, to be used up.</param>
    /// <param name="other">Another one, from which pieces may be taken.</param>
    public void Append(List<byte> into, FuzzMessage message, FuzzMessage other)
    {
        // Few changes find more than many: a message with ten faults is refused for the first.
        var changes = random.Next(8) switch { 0 => 0, < 4 => 1, < 6 => 2, 6 => 3, _ => random.Next(4, 8) };
        var ofBytes = 0;
        for (; changes > 0; changes--)
        {
            if (random.Next(4) == 0) ofBytes++;
            else Change(message, other);
        }
        var start = into.Count;
        message.AppendTo(into);
        for (; ofBytes > 0; ofBytes--) ChangeBytes(into, start, other);
    }

    private void Change(FuzzMessage message, FuzzMessage other)
    {
        var lines = message.Lines;
        var line = lines.Count > 0 ? random.Next(lines.Count) : -1;
        switch (random.Next(line < 0 ? 7 : 20))
        {
            case 0: message.Start = Put(message.Start, random.Next(message.Start.Length), Blanks.Any(random)); break;
            case 1: message.Start = random.Next(2) == 0 ? Starts.Any(random) : other.Start; break;
            case 2: message.Start = WithEnd(message.Start); break;
            case 3: lines.Insert(random.Next(lines.Count + 1), string.Concat(Extra.Any(random), "\r\n")); break;
            case 4: lines.Insert(random.Next(lines.Count + 1), AnyFraming()); break;
            case 5: message.HeadEnd = LineEnds.Any(random); break;
            case 6: ChangeContent(message.Content, other); break;
            case 7: lines.RemoveAt(line); break;
            case 8: lines.Insert(random.Next(lines.Count + 1), lines[line]); break;
            case 9: (lines[0], lines[line]) = (lines[line], lines[0]); break;
            case 10: lines[line] = Put(lines[line], Colon(lines[line]), Blanks.Any(random)); break;
            case 11: lines[line] = Put(lines[line], Math.Min(lines[line].Length, Colon(lines[line]) + 1), Blanks.Any(random)); break;
            case 12: lines[line] = Put(lines[line], random.Next(lines[line].Length + 1), Blanks.Any(random)); break;
            case 13: lines[line] = WithEnd(lines[line]); break;
            case 14: lines[line] = OtherCase(lines[line]); break;
            case 15: ChangeNumber(message); break;
            case 16 when other.Lines.Count > 0: lines[line] = other.Lines[random.Next(other.Lines.Count)]; break;
            case 17: ChangeContent(message.Content, other); break;
            case 18: lines[line] = string.Concat(lines[line].AsSpan(0, Colon(lines[line])), "\r\n"); break;
            default: ChangeNumber(message); break;
        }
    }

    private string AnyFraming() => random.Next(2) == 0
        ? string.Concat("Content-Length: ", Numbers.Any(random), "\r\n")
        : string.Concat(random.Next(6) == 0 ? "transfer-encoding:" : "Transfer-Encoding: ", Codings.Any(random), "\r\n");

    private void ChangeNumber(FuzzMessage message)
    {
        var lines = message.Lines;
        var framing = lines.FindIndex(l => l.StartsWith("Content-L", StringComparison.Ordinal) || l.StartsWith("Transfer-E", StringComparison.Ordinal));
        if (framing >= 0 && random.Next(3) > 0) lines[framing] = AnyFraming();
        else if (message.Content.Count > 1) message.Content[0] = string.Concat(Numbers.Any(random), random.Next(4) == 0 ? LineEnds.Any(random) : "\r\n");
        else lines.Add(AnyFraming());
    }

    private void ChangeContent(List<string> content, FuzzMessage other)
    {
        if (content.Count == 0)
        {
            content.Add(Hidden.Any(random));
            return;
        }
        var at = random.Next(content.Count);
        switch (random.Next(9))
        {
            case 0: content.RemoveAt(at); break;
            case 1: content.Insert(at, content[random.Next(content.Count)]); break;
            case 2: content[at] = Put(content[at], random.Next(content[at].Length + 1), Blanks.Any(random)); break;
            case 3: content.Insert(at, Hidden.Any(random)); break;
            case 4: content[at] = string.Concat(Numbers.Any(random), "\r\n"); break;
            case 5: content[at] = WithEnd(content[at]); break;
            case 6: content.Insert(at, other.ToString()); break;
            case 7: content.Insert(content.Count - 1, string.Concat(Extra.Any(random), "\r\n")); break;
            default: content.RemoveRange(at, content.Count - at); break;
        }
    }

    private void ChangeBytes(List<byte> bytes, int start, FuzzMessage other)
    {
        var length = bytes.Count - start;
        if (length == 0) return;
        var at = start + random.Next(length);
        var count = Math.Min(bytes.Count - at, 1 + random.Next(random.Next(4) == 0 ? length : 8));
        switch (random.Next(10))
        {
            case 0: bytes[at] ^= (byte)(1 << random.Next(8)); break;
            case 1: bytes[at] = Octets.Any(random); break;
            case 2: bytes.Insert(at, Octets.Any(random)); break;
            case 3: bytes.RemoveRange(at, count); break;
            case 4: bytes.InsertRange(at, bytes.GetRange(at, count)); break;
            case 5: bytes.RemoveRange(at, bytes.Count - at); break;
            case 6: bytes.InsertRange(at, Enumerable.Repeat(bytes[at], random.Next(40) == 0 ? random.Next(10_000) : random.Next(1, 20))); break;
            case 7: Splice(bytes, at, other); break;
            case 8: bytes.InsertRange(at, Hidden.Any(random).Select(c => (byte)c)); break;
            default: bytes[at] = (byte)random.Next(256); break;
        }
    }

    private void Splice(List<byte> bytes, int at, FuzzMessage other)
    {
        var rest = new List<byte>();
        other.AppendTo(rest);
        bytes.RemoveRange(at, bytes.Count - at);
        bytes.AddRange(rest.Skip(random.Next(rest.Count)));
    }

    private string WithEnd(string line) => string.Concat(line.EndsWith("\r\n", StringComparison.Ordinal) ? line.AsSpan(0, line.Length - 2) : line, LineEnds.Any(random));

    private static string OtherCase(string line) => line.Length > 0 && char.IsAsciiLetterUpper(line[0]) ? line.ToLowerInvariant() : line.ToUpperInvariant();

    private static int Colon(string line) => Math.Max(0, line.IndexOf(':', StringComparison.Ordinal));

    private static string Put(string text, int at, string piece) => text.Insert(Math.Min(at, text.Length), piece);
}
