using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Unicode;
using Cmi.Http1;

namespace Cmi.Telemetry;

/// <summary>Writes a record as one line of JSON. <para>Threading: immutable, any thread; what is written into belongs to the caller.</para></summary>
internal sealed class JsonAccessLine : IAccessLineFormat
{
    // Quotes, backslashes and control characters are escaped all the same; what is left as it is would matter in HTML only.
    private static readonly JavaScriptEncoder Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;

    private static readonly SearchValues<byte> NotPlain =
        SearchValues.Create([.. Enumerable.Range(0, 256).Where(b => b is < 0x20 or >= 0x7F or '"' or '\\').Select(b => (byte)b)]);

    private static readonly byte[][] TimeLabels = [.. AccessLine.TimeNames.Select(name => Encoding.ASCII.GetBytes($",\"{name}\":"))];
    private static readonly byte[][] ZeroTimes = [.. AccessLine.TimeNames.Select(name => Encoding.ASCII.GetBytes($",\"{name}\":0.000"))];

    public void Write(in AccessLogEntry entry, HeadBuffer into)
    {
        entry.FindFields(out var host, out var referer, out var userAgent);
        into.Append("{\"time\":\""u8);
        AccessLine.WriteTime(entry.Time, into);
        into.Append("\""u8);
        Number(",\"id\":"u8, entry.Id, into);
        Text(",\"client\":\""u8, entry.Client, into);
        Text(",\"method\":\""u8, entry.Method, into);
        Text(",\"target\":\""u8, entry.Target, into);
        Text(",\"host\":\""u8, host, into);
        Text(",\"version\":\""u8, AccessLine.NameOfVersion(entry), into);
        Number(",\"status\":"u8, entry.Status, into);
        Number(",\"bytes_in\":"u8, entry.RequestBytes, into);
        Number(",\"bytes_out\":"u8, entry.ReplyBytes, into);
        Times(entry, into);
        Text(",\"group\":\""u8, entry.Group, into);
        Text(",\"server\":\""u8, entry.Server, into);
        Number(",\"attempts\":"u8, entry.Attempts, into);
        if (entry.Hedges > 0) Number(",\"hedges\":"u8, entry.Hedges, into);
        if (entry.Resumes > 0) Number(",\"resumes\":"u8, entry.Resumes, into);
        Text(",\"end\":\""u8, AccessLine.NameOf(entry.End), into);
        Text(",\"reason\":\""u8, entry.Reason, into);
        Text(",\"referer\":\""u8, referer, into);
        Text(",\"user_agent\":\""u8, userAgent, into);
        Text(",\"trace\":\""u8, entry.TraceId, into);
        into.Append("}"u8);
    }

    private static void Times(in AccessLogEntry entry, HeadBuffer into)
    {
        Span<TimeSpan> times = stackalloc TimeSpan[TimeLabels.Length];
        AccessLine.Fill(entry.Times, times);
        for (var i = 0; i < times.Length; i++)
        {
            if (AccessLine.IsZero(times[i])) into.Append(ZeroTimes[i]);         // most of them are
            else
            {
                into.Append(TimeLabels[i]);
                AccessLine.WriteMilliseconds(times[i], into);
            }
        }
    }

    private static void Number(ReadOnlySpan<byte> label, long number, HeadBuffer into)
    {
        into.Append(label);
        into.AppendNumber(number);
    }

    private static void Text(ReadOnlySpan<byte> label, string? text, HeadBuffer into)
    {
        if (string.IsNullOrEmpty(text)) return;
        Span<byte> utf8 = stackalloc byte[256];
        Text(label, Encoding.UTF8.TryGetBytes(text, utf8, out var length) ? utf8[..length] : Encoding.UTF8.GetBytes(text), into);
    }

    // What is not there has no member.
    private static void Text(ReadOnlySpan<byte> label, ReadOnlySpan<byte> value, HeadBuffer into)
    {
        if (value.IsEmpty) return;
        into.Append(label);
        if (!value.ContainsAny(NotPlain)) into.Append(value);
        else if (Utf8.IsValid(value)) Escape(value, into);
        else EscapeLatin1(value, into);
        into.Append("\""u8);
    }

    private static void Escape(ReadOnlySpan<byte> utf8, HeadBuffer into)
    {
        Span<byte> escaped = stackalloc byte[256];
        while (!utf8.IsEmpty)
        {
            Encoder.EncodeUtf8(utf8, escaped, out var consumed, out var length);
            into.Append(escaped[..length]);
            utf8 = utf8[consumed..];
        }
    }

    // What a client sends need not be UTF-8, and JSON must be: such bytes stand for the characters of their numbers (ISO 8859-1).
    private static void EscapeLatin1(ReadOnlySpan<byte> value, HeadBuffer into)
    {
        Span<byte> utf8 = stackalloc byte[2];
        foreach (var octet in value) Escape(utf8[..new Rune(octet).EncodeToUtf8(utf8)], into);
    }
}
