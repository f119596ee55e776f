namespace Cmi.Samples.Gateway;

/// <summary>Which buffer store was asked for, and how much it may hold.</summary>
internal sealed record BufferArguments
{
    /// <summary>The least that a tier can work with: one piece of memory as the engine asks for it.</summary>
    internal const long LowestBudget = 64 * 1024;

    internal const string Default = "tiered";

    internal static readonly string[] Kinds = ["ram", "flash", "disk", Default];

    private const long DefaultRamBytes = 256L << 20;

    /// <summary>One of <see cref="Kinds"/>; <see langword="null"/>: not said.</summary>
    internal string? Kind { get; init; }

    internal string? Path { get; init; }

    internal long? RamBytes { get; init; }

    internal long? FlashBytes { get; init; }

    internal long? DiskBytes { get; init; }

    /// <summary>What was asked for; by default 256M, and no more than a quarter of what this process may use (a container's limit counts).</summary>
    internal long EffectiveRamBytes(long availableBytes) => RamBytes ?? Math.Clamp(availableBytes / 4 / 1024 * 1024, LowestBudget, DefaultRamBytes);

    /// <summary>What was asked for and is not there yet; <see langword="null"/>: nothing.</summary>
    internal string? Notice()
    {
        var unused = new List<string>();
        if (Path is not null) unused.Add("--buffer-path");
        if (FlashBytes is not null) unused.Add("--buffer-flash");
        if (DiskBytes is not null) unused.Add("--buffer-disk");
        var notice = Kind is null or "ram" ? "" : $"--buffer {Kind} is not available yet; RAM is used. ";
        if (unused.Count > 0) notice += $"{string.Join(", ", unused)} {(unused.Count == 1 ? "has" : "have")} no effect yet.";
        return notice.Length == 0 ? null : notice.TrimEnd();
    }
}
