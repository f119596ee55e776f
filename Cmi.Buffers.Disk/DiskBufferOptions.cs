using System.Globalization;
using Microsoft.Extensions.Options;

namespace Cmi.Buffers;

/// <summary>
/// How a <see cref="DiskBufferStore"/> uses a disk. <para>Threading: set up before the store is made, only read after it.</para>
/// </summary>
public sealed class DiskBufferOptions
{
    internal const long LowestMaxTotalBytes = 256L << 10;
    internal const long MemoryBytesOfATier = 16L << 20;

    /// <summary>The directory of the scratch file; made if it is not there, for this user alone.</summary>
    /// <value>A path; <see langword="null"/> (the default): that of the system for temporary files.</value>
    public string? Path { get; set; }

    /// <summary>What the store may take of the disk. It takes less where less is free: a tenth of that is left to others.</summary>
    /// <value>Bytes; 262,144 or more; 4 GiB by default.</value>
    public long MaxTotalBytes { get; set; } = 4L << 30;

    /// <summary>The memory of what waits to be written, and of what was read back.</summary>
    /// <value>Bytes; 1,048,576 or more; 64 MiB by default, 16 MiB below another store, which has its own. Beside it each worker has up to 64 KiB.</value>
    public long MaxMemoryBytes { get; set; } = 64L << 20;

    /// <summary>
    /// What may wait in that memory without being written: what is read before there is more is never written. A tier below another one is given only what waits,
    /// and writes it at once in any case.
    /// </summary>
    /// <value>Bytes; 0 (all is written at once) to half of <see cref="MaxMemoryBytes"/>; <see langword="null"/> (the default): a quarter of it.</value>
    public long? WriteBehindBytes { get; set; }

    /// <summary>No buffer is made while less than this share of the disk's part is free, so that those which live can go on growing.</summary>
    /// <value>0 to 0.5; 1/16 by default.</value>
    public double ReserveShare { get; set; } = 1.0 / 16;

    /// <summary>The share of the disk's part that one buffer may hold.</summary>
    /// <value>Above 0 to 1; 0.5 by default.</value>
    public double MaxShare { get; set; } = 0.5;

    /// <summary>Whether contents are encrypted on the disk, by AES-256-GCM with a key that lives in the store only. If not, a checksum finds what went wrong.</summary>
    /// <value><see langword="true"/> by default.</value>
    public bool Encrypt { get; set; } = true;

    /// <summary>How many entries are written at once, and how many are read at once; each takes a thread of the pool while the disk works.</summary>
    /// <value>1 to 64; 2 by default.</value>
    public int Workers { get; set; } = 2;

    /// <summary>Whether a directory that cannot be used stops the start. If not, the store makes no buffers until it can, and tries again and again.</summary>
    /// <value><see langword="true"/> by default; <see langword="false"/> where another store can do the work.</value>
    public bool IsRequired { get; set; } = true;

    internal EntryStoreOptions ForStore => new()
    {
        MaxMemoryBytes = MaxMemoryBytes,
        WriteBehindBytes = WriteBehindBytes ?? MaxMemoryBytes / 4,
        ReserveShare = ReserveShare,
        MaxShare = MaxShare,
        Encrypt = Encrypt,
        Workers = Workers,
    };

    internal List<string> FindFaults()
    {
        var faults = new List<string>();
        if (MaxTotalBytes < LowestMaxTotalBytes) Add(nameof(MaxTotalBytes), MaxTotalBytes, $"it must be {LowestMaxTotalBytes} or more");
        if (MaxMemoryBytes < BlockMemory.LowestLimit) Add(nameof(MaxMemoryBytes), MaxMemoryBytes, $"it must be {BlockMemory.LowestLimit} or more");
        if (WriteBehindBytes is { } behind && (behind < 0 || behind > MaxMemoryBytes / 2)) Add(nameof(WriteBehindBytes), behind, "it must be 0 to half of MaxMemoryBytes");
        if (ReserveShare is not (>= 0 and <= 0.5)) Add(nameof(ReserveShare), ReserveShare, "it must be 0 to 0.5");
        if (MaxShare is not (> 0 and <= 1)) Add(nameof(MaxShare), MaxShare, "it must be above 0 and at most 1");
        else if (MaxTotalBytes >= LowestMaxTotalBytes && MaxTotalBytes * MaxShare < 2 * Block.Largest)
            Add(nameof(MaxShare), MaxShare, $"of MaxTotalBytes it must leave a buffer {2 * Block.Largest} bytes");
        if (Workers is < 1 or > 64) Add(nameof(Workers), Workers, "it must be 1 to 64");
        return faults;

        void Add(string name, IFormattable value, string rule) =>
            faults.Add($"DiskBufferOptions.{name} is {value.ToString(null, CultureInfo.InvariantCulture)}; {rule}.");
    }
}

internal sealed class DiskBufferOptionsValidator : IValidateOptions<DiskBufferOptions>
{
    public ValidateOptionsResult Validate(string? name, DiskBufferOptions options)
    {
        var faults = options.FindFaults();
        if (options.IsRequired && FindFault(options.Path) is { } fault) faults.Add(fault);
        return faults.Count > 0 ? ValidateOptionsResult.Fail(faults) : ValidateOptionsResult.Success;
    }

    private static string? FindFault(string? path)
    {
        try
        {
            ScratchDirectory.Open(path).DisposeAsync().AsTask().GetAwaiter().GetResult();
            return null;
        }
        catch (IOException e)
        {
            return "DiskBufferOptions.Path: " + e.Message;
        }
    }
}
