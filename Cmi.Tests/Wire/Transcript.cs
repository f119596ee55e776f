namespace Cmi.Tests.Wire;

/// <summary>One line of a transcript that does something, with the block of bytes that belongs to it, if any.</summary>
internal sealed record Step(int Line, string Words, string? Block);

/// <summary>A rule of the protocol as a play of bytes; README.md beside it says how it is written. A row of an examples table is a transcript of its own.</summary>
internal sealed record Transcript(string File, string Title, IReadOnlyList<Step> Steps)
{
    private const string Fence = "```";

    /// <summary>Reads all transcripts of a file.</summary>
    /// <exception cref="FormatException">It cannot be read; the message says where and why.</exception>
    public static IEnumerable<Transcript> ReadAll(string file, string text)
    {
        string? title = null;
        var steps = new List<Step>();
        var table = new List<string[]>();
        var lines = text.Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            var line = lines[i].TrimEnd();
            if (line.StartsWith("## ", StringComparison.Ordinal))
            {
                foreach (var transcript in Expand(file, title, steps, table)) yield return transcript;
                (title, steps, table) = (line[3..].Trim(), [], []);
            }
            else if (title is null)
            {
                continue;                                          // what the file is about
            }
            else if (line.StartsWith(Fence, StringComparison.Ordinal))
            {
                var first = i + 1;
                while (++i < lines.Length && lines[i].TrimEnd() != Fence) { }
                if (i >= lines.Length) throw new FormatException($"{file}:{first}: the block does not end.");
                steps.Add(new(first, line[Fence.Length..].Trim(), string.Join('\n', lines[first..i])));
            }
            else if (line.StartsWith("- ", StringComparison.Ordinal))
            {
                steps.Add(new(i + 1, line[2..].Trim(), null));
            }
            else if (line.StartsWith('|'))
            {
                table.Add(CellsOf(line));
            }
        }
        foreach (var transcript in Expand(file, title, steps, table)) yield return transcript;
    }

    public override string ToString() => $"{Path.GetFileNameWithoutExtension(File)}: {Title}";

    private static IEnumerable<Transcript> Expand(string file, string? title, List<Step> steps, List<string[]> table)
    {
        if (title is null) yield break;
        if (steps.Count == 0) throw new FormatException($"{file}: '{title}' has no steps.");
        if (table.Count == 0) yield return new(file, title, steps);
        foreach (var row in table.Skip(2))                         // the names, and the line below them
        {
            if (row.Length != table[0].Length) throw new FormatException($"{file}: '{title}' has a row of {row.Length} cells, not {table[0].Length}: {string.Join(" | ", row)}.");
            var cells = table[0].Zip(row).ToArray();
            yield return new(file, $"{title}: {string.Join(", ", row)}", [.. steps.Select(s => new Step(s.Line, Fill(s.Words, cells), s.Block is { } block ? Fill(block, cells) : null))]);
        }
    }

    private static string Fill(string text, (string Name, string Value)[] cells) => cells.Aggregate(text, (t, cell) => t.Replace($"{{{cell.Name}}}", cell.Value, StringComparison.Ordinal));

    private static string[] CellsOf(string line)
    {
        var cells = line.Trim().Trim('|').Split('|', StringSplitOptions.TrimEntries);
        return [.. cells.Select(cell => cell.Length > 1 && cell[0] == '`' && cell[^1] == '`' ? cell[1..^1] : cell)];
    }
}
