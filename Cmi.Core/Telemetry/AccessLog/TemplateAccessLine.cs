using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Cmi.Http1;

namespace Cmi.Telemetry;

/// <summary>
/// Writes a record by a template such as <c>{client} "{method} {target}" {status}</c>. In values, bytes outside of printable ASCII, quotes and
/// backslashes are written as <c>\xHH</c>: no value can end the line, or quotes around it. A value that is not there is <c>-</c>.
/// <para>Threading: immutable, any thread; what is written into belongs to the caller.</para>
/// </summary>
internal sealed class TemplateAccessLine : IAccessLineFormat
{
    private const string FieldPrefix = "field:";

    private delegate void Writer(in AccessLogEntry entry, HeadBuffer into);

    private static readonly Dictionary<string, Writer> Values = new(StringComparer.Ordinal)
    {
        ["time"] = static (in e, into) => AccessLine.WriteTime(e.Time, into),
        ["id"] = static (in e, into) => into.AppendNumber(e.Id),
        ["client"] = static (in e, into) => Escape(into, e.Client),
        ["method"] = static (in e, into) => Escape(into, e.Method),
        ["target"] = static (in e, into) => Escape(into, e.Target),
        ["path"] = static (in e, into) => Escape(into, e.Target.IndexOf((byte)'?') is var query and >= 0 ? e.Target[..query] : e.Target),
        ["version"] = static (in e, into) => Escape(into, AccessLine.NameOfVersion(e)),
        ["status"] = static (in e, into) => into.AppendNumber(e.Status),
        ["bytes_in"] = static (in e, into) => into.AppendNumber(e.RequestBytes),
        ["bytes_out"] = static (in e, into) => into.AppendNumber(e.ReplyBytes),
        ["group"] = static (in e, into) => Text(into, e.Group),
        ["server"] = static (in e, into) => Text(into, e.Server),
        ["attempts"] = static (in e, into) => into.AppendNumber(e.Attempts),
        ["hedges"] = static (in e, into) => into.AppendNumber(e.Hedges),
        ["resumes"] = static (in e, into) => into.AppendNumber(e.Resumes),
        ["end"] = static (in e, into) => into.Append(AccessLine.NameOf(e.End)),
        ["reason"] = static (in e, into) => Text(into, e.Reason),
        ["trace"] = static (in e, into) => Text(into, e.TraceId),
    };

    private readonly List<Writer> _parts = [];

    static TemplateAccessLine()
    {
        for (var i = 0; i < AccessLine.TimeNames.Length; i++)
        {
            var number = i;
            Values.Add(AccessLine.TimeNames[i], (in e, into) => Time(e, number, into));
        }
    }

    private TemplateAccessLine() { }

    /// <summary>Reads a template.</summary>
    /// <param name="template">Text with names in braces; a brace itself is doubled.</param>
    /// <param name="format">The result.</param>
    /// <param name="fault">What is wrong, as the end of a sentence that began with the template.</param>
    public static bool TryParse(string template, [NotNullWhen(true)] out TemplateAccessLine? format, [NotNullWhen(false)] out string? fault)
    {
        (format, fault) = (null, null);
        var parsed = new TemplateAccessLine();
        var literal = new StringBuilder();
        for (var i = 0; i < template.Length; i++)
        {
            var c = template[i];
            if (char.IsControl(c)) fault = "must not have control characters: one record is one line";
            var doubled = i + 1 < template.Length && template[i + 1] == c;
            if (c is '{' or '}' && doubled) i++;
            else if (c == '}') fault = "has a } without its {";
            else if (c == '{')
            {
                var end = template.IndexOf('}', i);
                var name = end < 0 ? "" : template[(i + 1)..end];
                parsed.AddLiteral(literal);
                if (end < 0) fault = "has a { without its }";
                else if (!parsed.TryAdd(name))
                    fault = $"names {{{name}}}; it must be one of {string.Join(", ", Values.Keys.Order(StringComparer.Ordinal))} or {FieldPrefix}NAME";
                else i = end;
                if (fault is null) continue;
            }
            if (fault is not null) return false;
            literal.Append(c);
        }
        parsed.AddLiteral(literal);
        if (parsed._parts.Count == 0) fault = "must not be empty";
        format = fault is null ? parsed : null;
        return format is not null;
    }

    public void Write(in AccessLogEntry entry, HeadBuffer into)
    {
        foreach (var part in _parts) part(entry, into);
    }

    private bool TryAdd(string name)
    {
        if (name.StartsWith(FieldPrefix, StringComparison.Ordinal) && name.Length > FieldPrefix.Length && Ascii.IsValid(name))
        {
            var field = Encoding.ASCII.GetBytes(name[FieldPrefix.Length..]);
            _parts.Add((in e, into) => Escape(into, e.RequestField(field)));
            return true;
        }
        if (!Values.TryGetValue(name, out var value)) return false;
        _parts.Add(value);
        return true;
    }

    private void AddLiteral(StringBuilder literal)
    {
        if (literal.Length == 0) return;
        var bytes = Encoding.UTF8.GetBytes(literal.ToString());
        literal.Clear();
        _parts.Add((in _, into) => into.Append(bytes));
    }

    private static void Text(HeadBuffer into, string? text)
    {
        Span<byte> utf8 = stackalloc byte[256];
        if (!Encoding.UTF8.TryGetBytes(text, utf8, out var length)) Escape(into, Encoding.UTF8.GetBytes(text!));
        else Escape(into, utf8[..length]);
    }

    private static void Time(in AccessLogEntry entry, int number, HeadBuffer into)
    {
        Span<TimeSpan> times = stackalloc TimeSpan[AccessLine.TimeNames.Length];
        AccessLine.Fill(entry.Times, times);
        AccessLine.WriteMilliseconds(times[number], into);
    }

    private static void Escape(HeadBuffer into, ReadOnlySpan<byte> value)
    {
        if (value.IsEmpty) value = "-"u8;
        while (!value.IsEmpty)
        {
            var plain = value.IndexOfAny(Escaped);
            into.Append(plain < 0 ? value : value[..plain]);
            if (plain < 0) return;
            into.Append([(byte)'\\', (byte)'x', HexDigits[value[plain] >> 4], HexDigits[value[plain] & 0xF]]);
            value = value[(plain + 1)..];
        }
    }

    private static ReadOnlySpan<byte> HexDigits => "0123456789ABCDEF"u8;

    private static readonly SearchValues<byte> Escaped =
        SearchValues.Create([.. Enumerable.Range(0, 256).Where(b => b is < 0x20 or >= 0x7F or '"' or '\\').Select(b => (byte)b)]);
}
