namespace Cmi.Buffers;

/// <summary>What flash and disk have in common to be set. <para>Threading: set up before the store is made, only read after it.</para></summary>
internal sealed record EntryStoreOptions
{
    /// <summary>The memory of what waits to be written and of what was read, together.</summary>
    /// <value>Bytes; 16 MiB by default.</value>
    public long MaxMemoryBytes { get; init; } = 16 << 20;

    /// <summary>What may wait in that memory without being written: much of what comes is read before there is more.</summary>
    /// <value>Bytes; 0, all is written at once, by default.</value>
    public long WriteBehindBytes { get; init; }

    /// <summary>No buffer is made while less than this share of the device is free.</summary>
    public double ReserveShare { get; init; } = 1.0 / 16;

    /// <summary>The share of the device that one buffer may hold.</summary>
    public double MaxShare { get; init; } = 0.5;

    /// <summary>Whether entries are encrypted, or only guarded by a checksum.</summary>
    public bool Encrypt { get; init; } = true;

    /// <summary>How many entries are read at once.</summary>
    public int Workers { get; init; } = 2;

    /// <summary>How many entries are written at once; more than are read where the device takes what comes together in one go.</summary>
    /// <value><see cref="Workers"/> by default.</value>
    public int Writers { get => field > 0 ? field : Workers; init; }

    /// <summary>Where the workers run, all of their way: not on loops, since a device may block. One of a single thread makes them repeat exactly.</summary>
    public TaskScheduler Scheduler { get; init; } = TaskScheduler.Default;

    /// <summary>The clock that the device's work is measured by.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
