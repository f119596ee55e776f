using System.Globalization;
using Microsoft.Extensions.Options;

namespace Cmi.Buffers;

/// <summary>When a <see cref="TieredBufferStore"/> moves content down. <para>Threading: set up before the store is made, only read after it.</para></summary>
public sealed class TieredBufferOptions
{
    /// <summary>A tier that is fuller than this takes new content only if no other does, and what waits in it is moved to the next tier. The last tier has no such mark.</summary>
    /// <value>A share of what the tier may hold; above 0 to 1; 0.75 by default.</value>
    public double HighMark { get; set; } = 0.75;

    /// <summary>Moving stops when the tier is no fuller than this.</summary>
    /// <value>A share of what the tier may hold; 0 to <see cref="HighMark"/>; 0.65 by default.</value>
    public double LowMark { get; set; } = 0.65;

    /// <summary>What one content may hold of a tier, so that a huge one cannot starve the rest. What is released does not count.</summary>
    /// <value>A share of what the tier may hold; above 0 to 1; 0.25 by default, and never less than 128 KiB.</value>
    public double MaxShare { get; set; } = 0.25;

    internal List<string> FindFaults()
    {
        var faults = new List<string>();
        if (HighMark is not (> 0 and <= 1)) Add(nameof(HighMark), HighMark, "it must be above 0 and at most 1");
        if (LowMark is not (>= 0 and <= 1) || LowMark > HighMark) Add(nameof(LowMark), LowMark, "it must be 0 to HighMark");
        if (MaxShare is not (> 0 and <= 1)) Add(nameof(MaxShare), MaxShare, "it must be above 0 and at most 1");
        return faults;

        void Add(string name, double value, string rule) =>
            faults.Add(string.Create(CultureInfo.InvariantCulture, $"TieredBufferOptions.{name} is {value}; {rule}."));
    }
}

internal sealed class TieredBufferOptionsValidator : IValidateOptions<TieredBufferOptions>
{
    public ValidateOptionsResult Validate(string? name, TieredBufferOptions options) =>
        options.FindFaults() is { Count: > 0 } faults ? ValidateOptionsResult.Fail(faults) : ValidateOptionsResult.Success;
}
