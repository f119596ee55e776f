using System.Globalization;
using Microsoft.Extensions.Options;

namespace Cmi.Buffers;

/// <summary>
/// How a <see cref="FlashBufferStore"/> uses flash. <para>Threading: set up before the store is made, only read after it.</para>
/// </summary>
public sealed class FlashBufferOptions
{
    internal const long MemoryBytesOfATier = 16L << 20;

    /// <summary>The directory of the log's files; made if it is not there, for this user alone.</summary>
    /// <value>A path; <see langword="null"/> (the default): that of the system for temporary files.</value>
    public string? Path { get; set; }

    /// <summary>
    /// What the log may take of the file system, what is dead in it included: it keeps room free by copying forward, and can be filled with contents to about
    /// two thirds. It takes less where less is free at the start: a tenth of that is left to others.
    /// </summary>
    /// <value>Bytes; 16,777,216 or more; 1 GiB by default.</value>
    public long MaxTotalBytes { get; set; } = 1L << 30;

    /// <summary>The memory of what waits to be written, and of what was read back.</summary>
    /// <value>Bytes; 1,048,576 or more; 64 MiB by default, 16 MiB below another store, which has its own. Beside it each worker has up to 64 KiB.</value>
    public long MaxMemoryBytes { get; set; } = 64L << 20;

    /// <summary>The memory of the end of the log, until it is in its files. It is taken whole, and again for each log that failed and still holds contents.</summary>
    /// <value>Bytes, of which the next lower power of two is taken; 1,048,576 or more; 16 MiB by default.</value>
    public long LogMemoryBytes { get; set; } = 16L << 20;

    /// <summary>
    /// What may wait in that memory without being written: what is read before there is more is never written. A tier below another one is given only what waits,
    /// and writes it at once in any case.
    /// </summary>
    /// <value>Bytes; 0 (all is written at once) to half of <see cref="MaxMemoryBytes"/>; <see langword="null"/> (the default): a quarter of it.</value>
    public long? WriteBehindBytes { get; set; }

    /// <summary>No buffer is made while less than this share of <see cref="MaxTotalBytes"/> is free, so that those which live can go on growing.</summary>
    /// <value>0 to 0.5; 1/16 by default.</value>
    public double ReserveShare { get; set; } = 1.0 / 16;

    /// <summary>The share of <see cref="MaxTotalBytes"/> that one buffer may hold.</summary>
    /// <value>Above 0 to 1; 0.5 by default.</value>
    public double MaxShare { get; set; } = 0.5;

    /// <summary>Whether contents are encrypted on flash, by AES-256-GCM with a key that lives in the store only. If not, a checksum finds what went wrong.</summary>
    /// <value><see langword="true"/> by default.</value>
    public bool Encrypt { get; set; } = true;

    /// <summary>How many entries are read at once. Four times as many are written at once: those share a commit, and wait for it without a thread.</summary>
    /// <value>1 to 64; 4 by default.</value>
    public int Workers { get; set; } = 4;

    /// <summary>Whether a directory that cannot be used stops the start. If not, the store makes no buffers until it can, and tries again and again.</summary>
    /// <value><see langword="true"/> by default; <see langword="false"/> where another store can do the work.</value>
    public bool IsRequired { get; set; } = true;

    internal string Directory => System.IO.Path.GetFullPath(Path ?? System.IO.Path.GetTempPath());

    internal EntryStoreOptions ForStore => new()
    {
        MaxMemoryBytes = MaxMemoryBytes,
        WriteBehindBytes = WriteBehindBytes ?? MaxMemoryBytes / 4,
        ReserveShare = ReserveShare,
        MaxShare = MaxShare,
        Encrypt = Encrypt,
        Workers = Workers,
        Writers = Workers * 4,
    };

    internal List<string> FindFaults()
    {
        var faults = new List<string>();
        if (MaxTotalBytes < LogLayout.LowestCapacityBytes) Add(nameof(MaxTotalBytes), MaxTotalBytes, $"it must be {LogLayout.LowestCapacityBytes} or more");
        if (MaxMemoryBytes < BlockMemory.LowestLimit) Add(nameof(MaxMemoryBytes), MaxMemoryBytes, $"it must be {BlockMemory.LowestLimit} or more");
        if (LogMemoryBytes < LogLayout.LowestMemoryBytes) Add(nameof(LogMemoryBytes), LogMemoryBytes, $"it must be {LogLayout.LowestMemoryBytes} or more");
        if (WriteBehindBytes is { } behind && (behind < 0 || behind > MaxMemoryBytes / 2)) Add(nameof(WriteBehindBytes), behind, "it must be 0 to half of MaxMemoryBytes");
        if (ReserveShare is not (>= 0 and <= 0.5)) Add(nameof(ReserveShare), ReserveShare, "it must be 0 to 0.5");
        if (MaxShare is not (> 0 and <= 1)) Add(nameof(MaxShare), MaxShare, "it must be above 0 and at most 1");
        if (Workers is < 1 or > 64) Add(nameof(Workers), Workers, "it must be 1 to 64");
        return faults;

        void Add(string name, IFormattable value, string rule) =>
            faults.Add($"FlashBufferOptions.{name} is {value.ToString(null, CultureInfo.InvariantCulture)}; {rule}.");
    }
}

internal sealed class FlashBufferOptionsValidator : IValidateOptions<FlashBufferOptions>
{
    public ValidateOptionsResult Validate(string? name, FlashBufferOptions options)
    {
        var faults = options.FindFaults();
        if (options.IsRequired && FindFault(options.Directory) is { } fault) faults.Add(fault);
        return faults.Count > 0 ? ValidateOptionsResult.Fail(faults) : ValidateOptionsResult.Success;
    }

    private static string? FindFault(string directory)
    {
        try
        {
            SegmentFiles.TryDirectory(directory);
            return null;
        }
        catch (IOException e)
        {
            return "FlashBufferOptions.Path: " + e.Message;
        }
    }
}
