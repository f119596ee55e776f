using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cmi.Buffers;

/// <summary>
/// Keeps contents in a file without a name, encrypted with a key that is never written down: nothing of them outlives the process, however that ends.
/// What waits to be written and what was read back are in memory, within a budget of their own.
/// <para>Threading: any loop, several at once.</para>
/// </summary>
public sealed class DiskBufferStore : IBufferStore, IMeasuredBufferStore, ITrimmableBufferStore
{
    /// <summary>Makes a store and its file.</summary>
    /// <param name="options">Where, and how much; all by default if absent.</param>
    /// <param name="logger">Hears of failures of the disk.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names all that are.</exception>
    /// <exception cref="IOException">The directory cannot be used, and the options say that it must be.</exception>
    public DiskBufferStore(DiskBufferOptions? options = null, ILogger<DiskBufferStore>? logger = null)
        : this(options ??= new(), logger, Opener(options.Path))
    {
    }

    internal DiskBufferStore(DiskBufferOptions options, ILogger? logger, Func<IScratchFile> open, TaskScheduler? scheduler = null, TimeProvider? time = null)
    {
        if (options.FindFaults() is { Count: > 0 } faults) throw new ArgumentException(string.Join(' ', faults), nameof(options));
        scheduler ??= TaskScheduler.Default;
        Device = new(open, options.MaxTotalBytes, scheduler);
        Exception? fault = null;
        try
        {
            Device.Open();
        }
        catch (IOException e) when (!options.IsRequired)
        {
            fault = e;
        }
        Entries = new(Device, options.ForStore with { Scheduler = scheduler, Time = time ?? TimeProvider.System }, logger ?? NullLogger.Instance);
        if (fault is not null) Entries.Health.BeginFailing(fault);
    }

    /// <summary>What the store may take of the disk now: what it was given, or less where less is free.</summary>
    /// <value>Bytes.</value>
    public long CapacityBytes => Device.CapacityBytes;

    /// <summary>What contents take on the disk and, on their way there, in memory.</summary>
    /// <value>Bytes; while loops work it may be a moment old.</value>
    public long UsedBytes => Entries.UsedBytes;

    /// <summary>How many buffers were made and not disposed.</summary>
    public int LiveBuffers => Entries.LiveBuffers;

    /// <inheritdoc/>
    public double Fill => Entries.Fill;

    internal EntryBufferStore Entries { get; }

    internal DiskDevice Device { get; }

    /// <inheritdoc/>
    /// <exception cref="ObjectDisposedException">The store was disposed.</exception>
    public IBuffer? TryCreate(ILoop loop, long? expectedBytes) => Entries.TryCreate(loop, expectedBytes);

    /// <inheritdoc/>
    public IReadOnlyList<BufferTierUsage> GetUsage() => Entries.GetUsage();

    /// <inheritdoc/>
    public void Trim(ILoop loop) => Entries.Trim(loop);

    /// <summary>Ends the store and its file. What had not been written fails; buffers that live can only be disposed.</summary>
    /// <returns>Done when the disk has answered what was under way.</returns>
    [SuppressMessage("Usage", "CA1816", Justification = "There is no finalizer.")]
    public ValueTask DisposeAsync() => Entries.DisposeAsync();

    private static Func<IScratchFile> Opener(string? path) => () => ScratchDirectory.Open(path);
}
