using System.Globalization;

namespace Cmi.Benchmarks.Compare;

/// <summary>What a process and all its descendants use, from <c>/proc</c>.</summary>
internal static class ProcessTree
{
    private const double TicksPerSecond = 100;                      // USER_HZ, the same on every Linux that .NET runs on

    /// <summary>User and system time so far, that of reaped children included.</summary>
    /// <returns>Seconds.</returns>
    public static double CpuSeconds(int root) => Pids(root).Sum(pid => Stat(pid) is { } stat ? stat.Skip(11).Take(4).Sum(long.Parse) / TicksPerSecond : 0);

    /// <summary>Memory, that which is shared divided among its users.</summary>
    /// <returns>Bytes.</returns>
    public static long PssBytes(int root) => Pids(root).Sum(pid =>
        Lines($"/proc/{pid}/smaps_rollup").Where(line => line.StartsWith("Pss:", StringComparison.Ordinal)).Sum(line => 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture)));

    public static IReadOnlyList<int> Pids(int root)
    {
        var children = Directory.EnumerateDirectories("/proc")
            .Select(path => int.TryParse(Path.GetFileName(path), CultureInfo.InvariantCulture, out var pid) ? pid : 0)
            .Where(pid => pid > 0 && Stat(pid) is not null)
            .ToLookup(pid => Stat(pid) is { } stat ? int.Parse(stat[1], CultureInfo.InvariantCulture) : 0);
        var all = new List<int> { root };
        for (var i = 0; i < all.Count; i++) all.AddRange(children[all[i]]);
        return all;
    }

    // The fields behind the name, which may hold blanks: the state is the first (proc(5)).
    private static string[]? Stat(int pid) => Lines($"/proc/{pid}/stat").FirstOrDefault() is { } line ? line[(line.LastIndexOf(')') + 2)..].Split(' ') : null;

    private static string[] Lines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (IOException)
        {
            return [];                                              // it has ended meanwhile
        }
    }
}
