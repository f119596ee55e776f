using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Cmi.Http1;
using Cmi.Messages;

namespace Cmi.Forwarding;

/// <summary>
/// A reply that broke off after it had begun to leave, as far as another server must know it to go on with it: which part of which representation the client
/// is being given, and the strong validator by which servers know that representation (RFC 9110 §13.1.5, §14).
/// <para>Threading: the loop that owns it.</para>
/// </summary>
internal sealed class ResumePoint
{
    // RFC 9110 §8.8.2.2: a date alone is strong only if the content had rested when it was given out; a minute makes up for clocks that differ.
    private static readonly TimeSpan Rest = TimeSpan.FromMinutes(1);

    private readonly long _first;                                   // of the representation: the place of the first byte of the reply
    private readonly byte[] _validator;
    private readonly bool _isDate;
    private readonly byte[]? _type, _coding;
    private long _last, _total;                                     // -1: not known

    private ResumePoint(ContentRange range, byte[] validator, bool isDate, byte[]? type, byte[]? coding) =>
        (_first, _last, _total, _validator, _isDate, _type, _coding) = (range.First, range.Last, range.Total, validator, isDate, type, coding);

    /// <summary>Makes one of a reply to GET.</summary>
    /// <param name="head">The head of the reply.</param>
    /// <param name="length">The length of its content; <see langword="null"/>: it did not tell.</param>
    /// <returns><see langword="null"/>: nobody can go on with it and be sure.</returns>
    public static ResumePoint? Of(ResponseHead head, long? length)
    {
        var fields = head.Fields;
        if (RangeOf(head, length) is not { } range) return null;
        var coding = One(fields, "Content-Encoding"u8);
        // Coded on the way, most likely: then equal tags are no proof of equal bytes.
        if (coding is not null && range.Total < 0) return null;
        if (ValidatorOf(fields, out var isDate) is not { } validator) return null;
        return new(range, validator, isDate, One(fields, "Content-Type"u8), coding);
    }

    /// <summary>Whether a part is missing behind what has come.</summary>
    /// <param name="come">Bytes of the content that have come.</param>
    public bool IsMissing(long come) => _last < 0 || _first + come <= _last;

    /// <summary>Writes the head of the request for the rest, all but its framing.</summary>
    /// <param name="into">Where to.</param>
    /// <param name="requestHead">The head of the request, all but its framing.</param>
    /// <param name="come">Bytes of the content that have come.</param>
    public void WriteRequest(HeadBuffer into, ReadOnlySpan<byte> requestHead, long come)
    {
        for (int length; !requestHead.IsEmpty; requestHead = requestHead[length..])
        {
            length = requestHead.IndexOf("\r\n"u8) + 2;
            if (!Is(requestHead[..length], "Range"u8) && !Is(requestHead[..length], "If-Range"u8)) into.Append(requestHead[..length]);
        }
        into.Append("Range: bytes="u8);
        into.AppendNumber(_first + come);
        into.Append((byte)'-');
        if (_last >= 0) into.AppendNumber(_last);
        into.AppendLineEnd();
        into.AppendField("If-Range"u8, _validator);
    }

    /// <summary>Whether a reply is the rest, and nothing but the rest; if so, where it ends is known from here on.</summary>
    /// <param name="head">Its head.</param>
    /// <param name="framing">Its framing.</param>
    /// <param name="come">Bytes of the content that have come.</param>
    /// <param name="why">Why it is not.</param>
    public bool IsContinuedBy(ResponseHead head, Framing framing, long come, [NotNullWhen(false)] out string? why)
    {
        why = null;
        var fields = head.Fields;
        if (head.Status != 206) why = string.Create(CultureInfo.InvariantCulture, $"it answered {head.Status} where the rest of a reply was asked for");
        else if (!ContentRange.TryParse(One(fields, "Content-Range"u8), out var range) || range.First != _first + come) why = "it gave another part than the rest";
        else if (range.Last != (_last < 0 ? range.Total - 1 : _last) || (_total >= 0 && range.Total != _total)) why = "it gave a rest of another length";
        else if (framing.Kind != FramingKind.Length || framing.Length != range.Last - range.First + 1) why = "it gave a rest whose length is not proven";
        else if (!One(fields, _isDate ? "Last-Modified"u8 : "ETag"u8).AsSpan().SequenceEqual(_validator)) why = "it has another version of what was asked for";
        else if (!IsSame(fields, "Content-Type"u8, _type) || !IsSame(fields, "Content-Encoding"u8, _coding)) why = "it has another form of what was asked for";
        else (_last, _total) = (range.Last, range.Total);
        return why is null;
    }

    private static ContentRange? RangeOf(ResponseHead head, long? length)
    {
        var fields = head.Fields;
        var accepts = One(fields, "Accept-Ranges"u8);
        switch (head.Status)
        {
            case 200 when accepts is not null && ListElements.Have(accepts, "bytes"u8):
                return length is { } total ? new(0, total - 1, total) : new(0, -1, -1);
            case 206 when ContentRange.TryParse(One(fields, "Content-Range"u8), out var range) && (length is null || length == range.Last - range.First + 1):
                return range;                                       // it has shown what it accepts
            default:
                return null;
        }
    }

    // RFC 9110 §13.1.5: a date only where there is no tag.
    private static byte[]? ValidatorOf(FieldSection fields, out bool isDate)
    {
        isDate = !Has(fields, "ETag"u8);
        if (!isDate) return One(fields, "ETag"u8) is [(byte)'"', .., (byte)'"'] tag && !tag.AsSpan(1, tag.Length - 2).Contains((byte)'"') ? tag : null;
        var modified = One(fields, "Last-Modified"u8);
        return TryReadDate(modified, out var then) && TryReadDate(One(fields, "Date"u8), out var now) && now - then >= Rest ? modified : null;
    }

    private static bool TryReadDate(byte[]? value, out DateTimeOffset date)
    {
        date = default;
        return value is not null && DateTimeOffset.TryParseExact(Encoding.ASCII.GetString(value), "r", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out date);
    }

    // RFC 9110 §15.3.7: a part may leave out what its validator stands for already.
    private static bool IsSame(FieldSection fields, ReadOnlySpan<byte> name, byte[]? expected) =>
        !Has(fields, name) || (expected is not null && One(fields, name).AsSpan().SequenceEqual(expected));

    private static bool Has(FieldSection fields, ReadOnlySpan<byte> name)
    {
        for (var i = 0; i < fields.Count; i++)
        {
            if (Ascii.EqualsIgnoreCase(fields.NameOf(fields[i]), name)) return true;
        }
        return false;
    }

    /// <summary>The value of a field that is there in one line; <see langword="null"/> if it is not.</summary>
    private static byte[]? One(FieldSection fields, ReadOnlySpan<byte> name)
    {
        byte[]? found = null;
        for (var i = 0; i < fields.Count; i++)
        {
            if (!Ascii.EqualsIgnoreCase(fields.NameOf(fields[i]), name)) continue;
            if (found is not null) return null;
            found = fields.ValueOf(fields[i]).ToArray();
        }
        return found;
    }

    private static bool Is(ReadOnlySpan<byte> line, ReadOnlySpan<byte> name) =>
        line.Length > name.Length && line[name.Length] == ':' && Ascii.EqualsIgnoreCase(line[..name.Length], name);
}
