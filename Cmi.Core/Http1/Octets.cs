using System.Buffers;

namespace Cmi.Http1;

/// <summary>The classes of octets that HTTP/1.1 is written in (RFC 9110 §5.5 and §5.6). Threading: any thread.</summary>
internal static class Octets
{
    /// <summary>Carriage return.</summary>
    public const byte CR = (byte)'\r';

    /// <summary>Line feed.</summary>
    public const byte LF = (byte)'\n';

    /// <summary>Space.</summary>
    public const byte SP = (byte)' ';

    /// <summary>Horizontal tab.</summary>
    public const byte Tab = (byte)'\t';

    /// <summary>
    /// What may not stand in a field value or reason phrase: all controls but the tab. Octets from 0x80 are opaque and pass (RFC 9110 §5.5).
    /// </summary>
    public static readonly SearchValues<byte> Controls = SearchValues.Create(
    [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 127,
    ]);

    /// <summary>Names are short: a table walked octet by octet is faster than setting up a vector.</summary>
    private static readonly bool[] Tokens = MakeTokens();

    /// <summary>RFC 9110 §5.6.2: tchar.</summary>
    public static bool IsToken(byte octet) => Tokens[octet];

    /// <summary>Whether this is a token: at least one octet, and all of them of its class.</summary>
    public static bool IsToken(ReadOnlySpan<byte> octets) => octets.Length > 0 && TokenLength(octets) == octets.Length;

    /// <summary>How many octets at the start are of a token.</summary>
    public static int TokenLength(ReadOnlySpan<byte> octets)
    {
        var tokens = Tokens;
        var length = 0;
        while (length < octets.Length && tokens[octets[length]]) length++;
        return length;
    }

    /// <summary>A blank: what OWS, RWS and BWS are made of (RFC 9110 §5.6.3).</summary>
    public static bool IsBlank(byte octet) => octet is SP or Tab;

    /// <summary>A control that is nowhere allowed in a field value.</summary>
    public static bool IsControl(byte octet) => octet is < SP and not Tab or 0x7F;

    /// <summary>A decimal digit.</summary>
    public static bool IsDigit(byte octet) => octet is >= (byte)'0' and <= (byte)'9';

    /// <summary>Removes the blanks at both ends.</summary>
    public static ReadOnlySpan<byte> TrimBlanks(ReadOnlySpan<byte> octets)
    {
        while (octets.Length > 0 && IsBlank(octets[0])) octets = octets[1..];
        while (octets.Length > 0 && IsBlank(octets[^1])) octets = octets[..^1];
        return octets;
    }

    /// <summary>Reads 1*DIGIT: no sign, no blank, and no more than a <see cref="long"/> holds.</summary>
    public static bool TryReadDigits(ReadOnlySpan<byte> octets, out long number)
    {
        number = 0;
        foreach (var octet in octets)
        {
            if (!IsDigit(octet)) return false;
            var digit = octet - '0';
            if (number > (long.MaxValue - digit) / 10) return false;
            number = number * 10 + digit;
        }
        return octets.Length > 0;
    }

    private static bool[] MakeTokens()
    {
        var tokens = new bool[256];
        foreach (var octet in "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"u8)
            tokens[octet] = true;
        return tokens;
    }
}
