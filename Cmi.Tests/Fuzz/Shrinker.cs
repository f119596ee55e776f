using System.Text;

namespace Cmi.Tests.Fuzz;

/// <summary>Makes a failing input small, and a text that can be pasted into a table of cases.</summary>
internal static class Shrinker
{
    /// <summary>Removes pieces of an input, ever smaller ones, as long as it fails.</summary>
    public static byte[] Shrink(byte[] failing, Func<byte[], bool> fails, int maxTries = 20_000)
    {
        var tries = 0;
        for (var size = Math.Max(1, failing.Length / 2); ; size = Math.Max(1, size / 2))
        {
            var removed = false;
            for (var at = 0; at < failing.Length && tries < maxTries; tries++)
            {
                byte[] shorter = [.. failing.AsSpan(0, at), .. failing.AsSpan(Math.Min(failing.Length, at + size))];
                if (fails(shorter)) (failing, removed) = (shorter, true);
                else at += size;
            }
            if ((size == 1 && !removed) || tries >= maxTries) return failing;
        }
    }

    /// <summary>An input as a C# string literal, each character an octet.</summary>
    public static string Literal(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder("\"");
        foreach (var octet in bytes)
        {
            _ = octet switch
            {
                (byte)'\r' => text.Append("\\r"),
                (byte)'\n' => text.Append("\\n"),
                (byte)'\t' => text.Append("\\t"),
                (byte)'"' => text.Append("\\\""),
                (byte)'\\' => text.Append("\\\\"),
                >= 32 and < 127 => text.Append((char)octet),
                _ => text.Append(System.Globalization.CultureInfo.InvariantCulture, $"\\u{(int)octet:x4}"),
            };
        }
        return text.Append('"').ToString();
    }
}
