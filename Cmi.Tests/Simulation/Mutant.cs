using Cmi.Tests.Docs;

namespace Cmi.Tests.Simulation;

/// <summary>
/// The sources of the engine with a fault put in: what is read from a file of <c>Simulation/Mutants</c>. The first line says what it does wrong, the second which
/// rules of the oracle catch it; then, for each place, the file, the old lines behind <c>-</c>, the new ones behind <c>+</c>.
/// </summary>
internal sealed record Mutant(string Name, string What, IReadOnlyList<string> CaughtBy, IReadOnlyList<Replacement> Replacements)
{
    private const string Rules = "caught by: ", Place = "in ";

    public static IEnumerable<Mutant> All =>
        Directory.GetFiles(Path.Combine(Repository.Root, "Cmi.Tests", "Simulation", "Mutants"), "*.mutant").Order(StringComparer.Ordinal).Select(Read);

    public override string ToString() => Name;

    private static Mutant Read(string path)
    {
        var lines = File.ReadAllLines(path);
        if (lines.Length < 5 || !lines[1].StartsWith(Rules, StringComparison.Ordinal)) throw new FormatException($"{path} does not say what catches it.");
        var replacements = new List<Replacement>();
        for (var at = 2; at < lines.Length;)
        {
            if (!lines[at].StartsWith(Place, StringComparison.Ordinal)) throw new FormatException($"{path}, line {at + 1}: a file is to be named.");
            var file = lines[at++][Place.Length..];
            replacements.Add(new(file, Text(lines, '-', ref at), Text(lines, '+', ref at)));
        }
        return new(Path.GetFileNameWithoutExtension(path), lines[0], lines[1][Rules.Length..].Split(", "), replacements);
    }

    private static string Text(string[] lines, char mark, ref int at)
    {
        var first = at;
        while (at < lines.Length && lines[at].StartsWith(mark)) at++;
        return string.Join('\n', lines[first..at].Select(line => line[1..]));
    }
}

/// <summary>One place of a mutant.</summary>
/// <param name="File">From the root of the repository.</param>
/// <param name="Old">What stands there, once.</param>
/// <param name="New">What shall stand there.</param>
internal sealed record Replacement(string File, string Old, string New)
{
    /// <summary>Makes the replacement.</summary>
    /// <exception cref="AssertionException">The old text is not there, or more than once.</exception>
    public string ApplyTo(string source)
    {
        var at = source.IndexOf(Old, StringComparison.Ordinal);
        Assert.That(at >= 0 && source.IndexOf(Old, at + 1, StringComparison.Ordinal) < 0, $"{File} must have this once, so that the mutant can change it:\n{Old}");
        return source.Replace(Old, New, StringComparison.Ordinal);
    }
}
