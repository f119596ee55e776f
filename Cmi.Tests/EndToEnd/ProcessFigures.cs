using System.Globalization;

namespace Cmi.Tests.EndToEnd;

/// <summary>What Linux tells of a process.</summary>
internal static class ProcessFigures
{
    /// <summary>Its open descriptors, but for those of assemblies: they are loaded when first needed, and stay.</summary>
    internal static int Descriptors(int process) => Links(process).Count(target => !target.EndsWith(".dll", StringComparison.Ordinal));

    /// <summary>Its sockets.</summary>
    internal static int Sockets(int process) => Links(process).Count(target => target.StartsWith("socket:", StringComparison.Ordinal));

    /// <summary>Its resident memory, in bytes.</summary>
    internal static long Memory(int process) => NumberIn($"/proc/{process}/status", "VmRSS:", field: 1) * 1024;

    /// <summary>The most that it ever was since the process began, in bytes: the system notes it, so that no peak falls between two looks.</summary>
    internal static long PeakMemory(int process) => NumberIn($"/proc/{process}/status", "VmHWM:", field: 1) * 1024;

    /// <summary>How many descriptors this process may open; those that it starts inherit it.</summary>
    internal static int DescriptorLimit() => (int)Math.Min(1_000_000, NumberIn("/proc/self/limits", "Max open files", field: 3));

    // A descriptor may be closed between the listing and the look at it.
    private static IEnumerable<string> Links(int process) =>
        Directory.GetFileSystemEntries($"/proc/{process}/fd").Select(descriptor => new FileInfo(descriptor).LinkTarget).OfType<string>();

    private static long NumberIn(string file, string line, int field)
    {
        var found = File.ReadLines(file).First(l => l.StartsWith(line, StringComparison.Ordinal));
        return long.Parse(found.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[field], CultureInfo.InvariantCulture);
    }
}
