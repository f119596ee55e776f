namespace Cmi.Http1;

/// <summary>
/// Says whether parsing a head (again) can bring news, so that one that comes byte by byte is not parsed at every byte. A head that comes
/// whole, as nearly all do, is parsed at once and never scanned.
/// </summary>
internal static class HeadScanner
{
    /// <summary>The bytes that a head may take of an input: <see cref="HeadLimits.MaxBytes"/> of them.</summary>
    public static int Window(int inputLength, int start, in HeadLimits limits) => (int)Math.Min(inputLength, (long)start + limits.MaxBytes);

    /// <summary>Whether the bytes from <paramref name="scanned"/> on make it worth to parse.</summary>
    /// <param name="bytes">The head so far.</param>
    /// <param name="start">Where its start line begins.</param>
    /// <param name="scanned">How many bytes were there when it was parsed or scanned last.</param>
    public static bool IsWorthParsing(ReadOnlySpan<byte> bytes, int start, int scanned)
    {
        if (scanned <= start) return true;
        // The start line is checked while it comes and once it is complete: whoever does not speak HTTP shall not have to wait for a timeout.
        // Its end is found anew each time, for there is nowhere to keep it; the limit of the line bounds what that costs.
        var lineEnd = bytes[start..].IndexOf(Octets.LF);
        return lineEnd < 0 || start + lineEnd >= scanned || HasEnd(bytes, Math.Min(scanned, bytes.Length));
    }

    /// <summary>
    /// Whether an empty line, or a bare LF that will be refused, ends in the bytes from <paramref name="at"/> on. A line ended before.
    /// </summary>
    private static bool HasEnd(ReadOnlySpan<byte> bytes, int at)
    {
        while (true)
        {
            var next = bytes[at..].IndexOf(Octets.LF);
            if (next < 0) return false;
            at += next + 1;
            if (bytes[at - 2] != Octets.CR || bytes[at - 3] == Octets.LF) return true;
        }
    }
}
