using System.Globalization;
using System.Text;

namespace Cmi.Tests.Wire;

/// <summary>Makes bytes of a transcript's blocks, each byte one character (Latin-1), and shows bytes so that they can be read.</summary>
internal static class WireText
{
    private const string Forwarded = "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: example\r\nVia: 1.1 cmi";

    /// <summary>What a placeholder of a block that only the comparison can fill in stands as in its text: behind it comes what is in the braces, then a closing brace.</summary>
    public const char Placeholder = '\uE000';

    /// <summary>The text of a block: every line ends with CRLF but those that end with a backslash.</summary>
    /// <exception cref="FormatException">An escape or placeholder is not known.</exception>
    public static string OfBlock(string block)
    {
        var text = new StringBuilder();
        if (block.Length == 0) return "";
        foreach (var line in block.Split('\n'))
        {
            if (!Append(text, line)) text.Append("\r\n");
        }
        return text.ToString();
    }

    /// <summary>Bytes for a message of a test: one line for each that there is, controls and what is not ASCII as escapes, long runs shortened.</summary>
    public static string Show(string bytes)
    {
        var text = new StringBuilder();
        for (var i = 0; i < bytes.Length; i++)
        {
            var run = 1;
            while (i + run < bytes.Length && bytes[i + run] == bytes[i]) run++;
            if (run > 32)
            {
                text.Append(CultureInfo.InvariantCulture, $"{{repeat {run} {bytes[i]}}}");
                i += run - 1;
                continue;
            }
            text.Append(bytes[i] switch
            {
                '\n' => "\\n\n",
                '\r' => "\\r",
                '\\' => "\\\\",
                Placeholder => "{",
                < ' ' or > '~' => $"\\x{(int)bytes[i]:X2}",
                _ => bytes[i].ToString(),
            });
        }
        return text.ToString();
    }

    /// <summary>Appends a line without its end.</summary>
    /// <returns>Whether it ends with a backslash, and so has no end.</returns>
    private static bool Append(StringBuilder text, string line)
    {
        for (var i = 0; i < line.Length; i++)
        {
            switch (line[i])
            {
                case '\\' when i + 1 == line.Length:
                    return true;
                case '\\':
                    text.Append(Unescape(line, ref i));
                    break;
                case '{':
                    var end = line.IndexOf('}', i);
                    if (end < 0) throw new FormatException($"A brace does not close: {line}");
                    Fill(text, line[(i + 1)..end]);
                    i = end;
                    break;
                default:
                    text.Append(line[i]);
                    break;
            }
        }
        return false;
    }

    private static char Unescape(string line, ref int i)
    {
        var escape = line[++i];
        if (escape != 'x') return escape switch { 'r' => '\r', 'n' => '\n', '0' => '\0', 't' => '\t', '\\' => '\\', _ => throw new FormatException($"Not an escape: \\{escape}") };
        i += 2;
        return (char)byte.Parse(line.AsSpan(i - 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
    }

    private static void Fill(StringBuilder text, string placeholder)
    {
        var words = placeholder.Split(' ', 3);
        switch (words)
        {
            case ["repeat", var count, var what]:
                var unit = new StringBuilder();
                Append(unit, what);
                text.Insert(text.Length, unit.ToString(), int.Parse(count, CultureInfo.InvariantCulture));
                break;
            case ["forwarded"]:
                text.Append(Forwarded);
                break;
            case ["date"] or ["chunks", ..]:
                text.Append(Placeholder).Append(placeholder).Append('}');
                break;
            default:
                throw new FormatException($"Not a placeholder: {{{placeholder}}}");
        }
    }
}
