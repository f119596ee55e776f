using System.Globalization;

namespace Cmi.Messages;

/// <summary>Status codes, a bit each. <para>Threading: immutable.</para></summary>
internal sealed class StatusSet
{
    /// <summary>No status code.</summary>
    public static StatusSet Empty { get; } = new();

    private const int Lowest = 100, Highest = 599;

    private readonly ulong[] _bits = new ulong[(Highest - Lowest + 64) / 64];

    private StatusSet()
    {
    }

    /// <summary>Whether there is none.</summary>
    public bool IsEmpty { get; private set; } = true;

    /// <summary>Reads a list such as <c>200-299, 404</c>; an empty text is an empty set.</summary>
    /// <param name="text">The list.</param>
    /// <param name="set">The result.</param>
    /// <returns>Whether it is such a list, of codes from 100 to 599.</returns>
    public static bool TryParse(string? text, out StatusSet set)
    {
        set = new();
        if (string.IsNullOrWhiteSpace(text)) return true;
        foreach (var element in text.Split(','))
        {
            var dash = element.IndexOf('-', StringComparison.Ordinal);
            if (!TryRead(dash < 0 ? element : element[..dash], out var first)) return false;
            var last = first;
            if (dash >= 0 && (!TryRead(element[(dash + 1)..], out last) || last < first)) return false;
            for (var status = first; status <= last; status++) set._bits[(status - Lowest) / 64] |= 1UL << (status - Lowest);
            set.IsEmpty = false;
        }
        return true;
    }

    /// <summary>Whether a status code is one of them.</summary>
    public bool Has(int status) => (uint)(status - Lowest) <= Highest - Lowest && (_bits[(status - Lowest) / 64] >> (status - Lowest) & 1) != 0;

    private static bool TryRead(string text, out int status) =>
        int.TryParse(text.AsSpan().Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out status) && status is >= Lowest and <= Highest;
}
