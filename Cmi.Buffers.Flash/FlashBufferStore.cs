using System.Diagnostics.CodeAnalysis;
using Cmi.Telemetry;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cmi.Buffers;

/// <summary>
/// Keeps contents in a log (FasterLog) on flash, encrypted with a key that is never written down, in files without names: nothing of them outlives the process,
/// however that ends. What waits to be written and what was read back are in memory, within a budget of their own.
/// <para>Threading: any loop, several at once.</para>
/// </summary>
public sealed class FlashBufferStore : IBufferStore, IMeasuredBufferStore, ITrimmableBufferStore
{
    /// <summary>Makes a store. Its files come with the first content.</summary>
    /// <param name="options">Where, and how much; all by default if absent.</param>
    /// <param name="logger">Hears of failures of the flash.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names all that are.</exception>
    /// <exception cref="IOException">The directory cannot be used, and the options say that it must be.</exception>
    public FlashBufferStore(FlashBufferOptions? options = null, ILogger<FlashBufferStore>? logger = null)
        : this(options ?? new(), logger, change: null)
    {
    }

    internal FlashBufferStore(FlashBufferOptions options, ILogger? logger, Func<FlashDeviceSettings, FlashDeviceSettings>? change)
    {
        if (options.FindFaults() is { Count: > 0 } faults) throw new ArgumentException(string.Join(' ', faults), nameof(options));
        logger ??= NullLogger.Instance;
        var capacity = options.MaxTotalBytes;
        Exception? fault = null;
        try
        {
            var free = SegmentFiles.TryDirectory(options.Directory);
            capacity = Math.Clamp(free / 10 * 9, LogLayout.LowestCapacityBytes, capacity);
        }
        catch (IOException e) when (!options.IsRequired)
        {
            fault = e;
        }
        var settings = new FlashDeviceSettings(options.Directory, capacity, options.LogMemoryBytes)
        {
            LogFailed = (failure, entries) => logger.FlashLogFailed(entries, failure),
        };
        Device = new(change is null ? settings : change(settings));
        Entries = new(Device, options.ForStore, logger);
        if (fault is not null) Entries.Health.BeginFailing(fault);
    }

    /// <summary>What the store may take of the file system: what it was given, or less where less is free.</summary>
    /// <value>Bytes.</value>
    public long CapacityBytes => Device.CapacityBytes;

    /// <summary>What contents take on flash, with what the log needs beside them to be kept in order, and on their way there, in memory.</summary>
    /// <value>Bytes; while loops work it may be a moment old.</value>
    public long UsedBytes => Entries.UsedBytes;

    /// <summary>What the log's files take, what is dead in them included.</summary>
    /// <value>Bytes; at most about twice what lives, and at most <see cref="CapacityBytes"/>.</value>
    public long HeldBytes => Device.HeldBytes;

    /// <summary>How many buffers were made and not disposed.</summary>
    public int LiveBuffers => Entries.LiveBuffers;

    /// <inheritdoc/>
    public double Fill => Entries.Fill;

    internal EntryBufferStore Entries { get; }

    internal FlashDevice Device { get; }

    /// <inheritdoc/>
    /// <exception cref="ObjectDisposedException">The store was disposed.</exception>
    public IBuffer? TryCreate(ILoop loop, long? expectedBytes) => Entries.TryCreate(loop, expectedBytes);

    /// <inheritdoc/>
    public IReadOnlyList<BufferTierUsage> GetUsage() => Entries.GetUsage();

    /// <inheritdoc/>
    public void Trim(ILoop loop) => Entries.Trim(loop);

    /// <summary>Ends the store and its log. What had not been written fails; buffers that live can only be disposed.</summary>
    /// <returns>Done when the files are closed.</returns>
    [SuppressMessage("Usage", "CA1816", Justification = "There is no finalizer.")]
    public ValueTask DisposeAsync() => Entries.DisposeAsync();
}
