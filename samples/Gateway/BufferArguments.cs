namespace Cmi.Samples.Gateway;

/// <summary>Which buffer store was asked for, and how much it may hold.</summary>
internal sealed record BufferArguments
{
    /// <summary>The least that RAM, and that flash or disk, can work with.</summary>
    internal const long LowestRam = 256 * 1024, LowestDevice = 16 << 20;

    internal const string Default = "tiered";

    internal static readonly string[] Kinds = ["ram", "flash", "disk", Default];

    /// <summary>One of <see cref="Kinds"/>; <see langword="null"/>: not said.</summary>
    internal string? Kind { get; init; }

    internal string EffectiveKind => Kind ?? Default;

    internal string? Path { get; init; }

    /// <summary><see langword="null"/>: the store's own default, which heeds how much memory there is.</summary>
    internal long? RamBytes { get; init; }

    /// <summary><see langword="null"/>: the store's own default. It takes less where less is free.</summary>
    internal long? FlashBytes { get; init; }

    /// <summary><see langword="null"/>: the store's own default. It takes less where less is free.</summary>
    internal long? DiskBytes { get; init; }
}
