namespace Cmi.Samples.Gateway;

/// <summary>Which buffer store was asked for, and how much it may hold.</summary>
internal sealed record BufferArguments
{
    /// <summary>The least that a tier can work with.</summary>
    internal const long LowestBudget = 256 * 1024;

    internal const string Default = "tiered";

    internal static readonly string[] Kinds = ["ram", "flash", "disk", Default];

    /// <summary>One of <see cref="Kinds"/>; <see langword="null"/>: not said.</summary>
    internal string? Kind { get; init; }

    internal string? Path { get; init; }

    /// <summary><see langword="null"/>: the store's own default, which heeds how much memory there is.</summary>
    internal long? RamBytes { get; init; }

    internal long? FlashBytes { get; init; }

    internal long? DiskBytes { get; init; }

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
