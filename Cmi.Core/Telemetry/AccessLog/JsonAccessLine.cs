using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;

namespace Cmi.Telemetry;

/// <summary>Writes a record as one line of JSON. <para>Threading: one thread at a time.</para></summary>
internal sealed class JsonAccessLine : IAccessLineFormat, IDisposable
{
    // Quotes, backslashes and control characters are escaped all the same; what is left as it is would matter in HTML only.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    private readonly Utf8JsonWriter _json = new(Stream.Null, Options);
    private byte[] _utf8 = [];

    public void Write(in AccessLogEntry entry, ArrayBufferWriter<byte> into)
    {
        _json.Reset(into);
        _json.WriteStartObject();
        _json.WriteString("time"u8, entry.Time);
        _json.WriteNumber("id"u8, entry.Id);
        Text("client"u8, entry.Client);
        Text("method"u8, entry.Method);
        Text("target"u8, entry.Target);
        Text("host"u8, entry.RequestField("Host"u8));
        _json.WriteString("version"u8, entry.ClientMinorVersion == 0 ? "1.0"u8 : "1.1"u8);
        _json.WriteNumber("status"u8, entry.Status);
        _json.WriteNumber("bytes_in"u8, entry.RequestBytes);
        _json.WriteNumber("bytes_out"u8, entry.ReplyBytes);
        foreach (var time in AccessLine.Times) _json.WriteNumber(time.Utf8Name, Math.Round(time.Of(entry.Times).TotalMilliseconds, 3));
        if (entry.Group is { } group) _json.WriteString("group"u8, group);
        if (entry.Server is { } server) _json.WriteString("server"u8, server);
        _json.WriteNumber("attempts"u8, entry.Attempts);
        if (entry.Resumes > 0) _json.WriteNumber("resumes"u8, entry.Resumes);
        _json.WriteString("end"u8, AccessLine.NameOf(entry.End));
        if (entry.Reason.Length > 0) _json.WriteString("reason"u8, entry.Reason);
        Text("referer"u8, entry.RequestField("Referer"u8));
        Text("user_agent"u8, entry.RequestField("User-Agent"u8));
        if (entry.TraceId is { } trace) _json.WriteString("trace"u8, trace);
        _json.WriteEndObject();
        _json.Flush();
    }

    public void Dispose() => _json.Dispose();

    // What a client sends need not be UTF-8, and JSON must be: such bytes stand for the characters of their numbers (ISO 8859-1).
    private void Text(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        if (value.IsEmpty) return;
        if (!Utf8.IsValid(value))
        {
            if (_utf8.Length < 2 * value.Length) _utf8 = new byte[2 * value.Length];
            var length = 0;
            foreach (var octet in value) length += new Rune(octet).EncodeToUtf8(_utf8.AsSpan(length));
            value = _utf8.AsSpan(0, length);
        }
        _json.WriteString(name, value);
    }
}
