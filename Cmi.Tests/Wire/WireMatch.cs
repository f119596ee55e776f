using System.Globalization;

namespace Cmi.Tests.Wire;

/// <summary>Compares bytes with what a transcript expects, byte for byte but for what no transcript can know: the present time, and how content is cut into chunks.</summary>
internal static class WireMatch
{
    private const int DateLength = 29;                             // of IMF-fixdate (RFC 9110 §5.6.7)

    /// <summary>How long the start of some bytes is that is as expected.</summary>
    /// <param name="expected">What is expected, with placeholders.</param>
    /// <param name="actual">What came.</param>
    /// <param name="now">The present time, which no Date may be beyond.</param>
    /// <param name="length">The length if it is as expected; else how far it is.</param>
    /// <returns>Whether all that is expected is there.</returns>
    public static bool Starts(string expected, string actual, DateTimeOffset now, out int length)
    {
        length = 0;
        for (var i = 0; i < expected.Length; i++)
        {
            if (expected[i] != WireText.Placeholder)
            {
                if (length == actual.Length || expected[i] != actual[length]) return false;
                length++;
                continue;
            }
            var end = expected.IndexOf('}', i);
            var placeholder = expected[(i + 1)..end];
            var taken = placeholder == "date" ? TakeDate(actual.AsSpan(length), now) : TakeChunks(actual.AsSpan(length), placeholder["chunks ".Length..]);
            if (taken < 0) return false;
            length += taken;
            i = end;
        }
        return true;
    }

    private static int TakeDate(ReadOnlySpan<char> text, DateTimeOffset now) =>
        text.Length >= DateLength && DateTimeOffset.TryParseExact(text[..DateLength], "r", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var date)
            && date <= now && date > now.AddDays(-1) ? DateLength : -1;

    /// <summary>Takes chunks, without the last one of size 0, that together are some content (RFC 9112 §7.1).</summary>
    private static int TakeChunks(ReadOnlySpan<char> text, string content)
    {
        var at = 0;
        for (var left = content.AsSpan(); left.Length > 0;)
        {
            var sizeLength = text[at..].IndexOf('\r');
            if (sizeLength <= 0 || !int.TryParse(text.Slice(at, sizeLength), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var size)) return -1;
            at += sizeLength + 2;
            if (size <= 0 || size > left.Length || text.Length < at + size + 2 || !text.Slice(at, size).SequenceEqual(left[..size]) || !text.Slice(at + size, 2).SequenceEqual("\r\n")) return -1;
            at += size + 2;
            left = left[size..];
        }
        return at;
    }
}
