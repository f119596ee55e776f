using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Cmi.Samples.Gateway;

/// <summary>Sizes as people write them: <c>4096</c>, <c>64K</c>, <c>256M</c>, <c>1G</c>; K is 1024.</summary>
internal static class ByteSize
{
    private const string Suffixes = "KMG";

    internal static bool TryParse([NotNullWhen(true)] string? text, out long bytes)
    {
        bytes = 0;
        if (string.IsNullOrEmpty(text)) return false;
        var power = Suffixes.IndexOf(char.ToUpperInvariant(text[^1]), StringComparison.Ordinal) + 1;
        var digits = power > 0 ? text.AsSpan(..^1) : text;
        if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number)) return false;
        if (number > long.MaxValue >> (10 * power)) return false;
        bytes = number << (10 * power);
        return true;
    }

    /// <summary>The shortest form that says exactly this size.</summary>
    internal static string Format(long bytes)
    {
        var power = 0;
        for (; power < Suffixes.Length && bytes != 0 && bytes % 1024 == 0; power++) bytes /= 1024;
        return bytes.ToString(CultureInfo.InvariantCulture) + (power == 0 ? "" : Suffixes[power - 1]);
    }
}
