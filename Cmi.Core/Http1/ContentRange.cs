using Cmi.Messages;

namespace Cmi.Http1;

/// <summary>The one range of a 206 (RFC 9110 §14.4). Immutable.</summary>
/// <param name="First">The place of its first byte.</param>
/// <param name="Last">The place of its last byte.</param>
/// <param name="Total">The length of the whole.</param>
internal readonly record struct ContentRange(long First, long Last, long Total)
{
    /// <summary>Reads <c>bytes FIRST-LAST/TOTAL</c>, exactly: no other unit, no unknown total, no blanks but the one, no sense that it does not have.</summary>
    /// <returns>Whether it is one.</returns>
    public static bool TryParse(ReadOnlySpan<byte> value, out ContentRange range)
    {
        range = default;
        if (!value.StartsWith("bytes "u8)) return false;
        value = value["bytes ".Length..];
        var (dash, slash) = (value.IndexOf((byte)'-'), value.IndexOf((byte)'/'));
        if (dash < 0 || slash < dash) return false;
        if (!Octets.TryReadDigits(value[..dash], out var first) || !Octets.TryReadDigits(value[(dash + 1)..slash], out var last)) return false;
        if (!Octets.TryReadDigits(value[(slash + 1)..], out var total) || last < first || total <= last) return false;
        range = new(first, last, total);
        return true;
    }
}
