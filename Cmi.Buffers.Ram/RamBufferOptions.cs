using System.Globalization;
using Microsoft.Extensions.Options;

namespace Cmi.Buffers;

/// <summary>
/// How much memory a <see cref="RamBufferStore"/> may use. <para>Threading: set up before the store is made, only read after it.</para>
/// </summary>
public sealed class RamBufferOptions
{
    private const long DefaultMaxTotalBytes = 256L << 20;
    internal const long LowestMaxTotalBytes = 256L << 10;

    /// <summary>The memory of all buffers of all loops together, that which is kept for reuse included.</summary>
    /// <value>Bytes; 262,144 or more; by default 256 MiB, or a quarter of the memory that this process may use where that is less.</value>
    public long MaxTotalBytes { get; set; } = DefaultFor(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);

    /// <summary>
    /// No buffer is made while less than this share of <see cref="MaxTotalBytes"/> is free, so that those which live can go on growing.
    /// </summary>
    /// <value>0 to 0.5; 1/16 by default.</value>
    public double ReserveShare { get; set; } = 1.0 / 16;

    /// <summary>The share of <see cref="MaxTotalBytes"/> that one buffer may hold.</summary>
    /// <value>Above 0 to 1, and large enough for 65,536 bytes; 0.5 by default.</value>
    public double MaxShare { get; set; } = 0.5;

    internal long ReserveBytes => (long)(MaxTotalBytes * ReserveShare);

    internal long MaxBytesPerBuffer => (long)(MaxTotalBytes * MaxShare);

    internal static long DefaultFor(long availableBytes) =>
        availableBytes <= 0 ? DefaultMaxTotalBytes : Math.Clamp(availableBytes / 4, LowestMaxTotalBytes, DefaultMaxTotalBytes);

    internal List<string> FindFaults()
    {
        var faults = new List<string>();
        if (MaxTotalBytes < LowestMaxTotalBytes) Add(nameof(MaxTotalBytes), MaxTotalBytes, $"it must be {LowestMaxTotalBytes} or more");
        if (ReserveShare is not (>= 0 and <= 0.5)) Add(nameof(ReserveShare), ReserveShare, "it must be 0 to 0.5");
        if (MaxShare is not (> 0 and <= 1)) Add(nameof(MaxShare), MaxShare, "it must be above 0 and at most 1");
        else if (MaxTotalBytes >= LowestMaxTotalBytes && MaxBytesPerBuffer < SegmentPool.Large)
            Add(nameof(MaxShare), MaxShare, $"of MaxTotalBytes it must leave a buffer {SegmentPool.Large} bytes");
        return faults;

        void Add(string name, IFormattable value, string rule) =>
            faults.Add($"RamBufferOptions.{name} is {value.ToString(null, CultureInfo.InvariantCulture)}; {rule}.");
    }
}

internal sealed class RamBufferOptionsValidator : IValidateOptions<RamBufferOptions>
{
    public ValidateOptionsResult Validate(string? name, RamBufferOptions options) =>
        options.FindFaults() is { Count: > 0 } faults ? ValidateOptionsResult.Fail(faults) : ValidateOptionsResult.Success;
}
