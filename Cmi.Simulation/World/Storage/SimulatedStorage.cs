using System.Diagnostics.CodeAnalysis;
using Cmi.Buffers;
using Cmi.Simulation.Plans;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cmi.Simulation.World.Storage;

/// <summary>The real stores, over simulated drives: what the terms of a run ask for, and what is left in it at the end.</summary>
[SuppressMessage("Design", "CA1001", Justification = "The run disposes the store.")]
internal sealed class SimulatedStorage
{
    private readonly SimulatedWorld _world;
    private readonly SimulatedScheduler _workers = new();
    private readonly List<EntryBufferStore> _onDrives = [];

    public SimulatedStorage(SimulatedWorld world, IReadOnlyList<TierPlan> tiers)
    {
        _world = world;
        var stores = tiers.Select(Make).ToArray();
        Store = stores is [var only] ? only : new TieredBufferStore(stores);
    }

    /// <summary>What the engine is given.</summary>
    public IBufferStore Store { get; }

    /// <summary>Whether no worker has anything to do any more, and no drive.</summary>
    public bool IsAtRest => _onDrives.TrueForAll(store => store.Unwritten == 0 && store.LiveBuffers == 0 && !store.Health.IsProbing && store.Memory.Reading == 0);

    /// <summary>Memory that is still taken.</summary>
    public long MemoryBytes => _onDrives.Sum(store => store.Memory.Writing + store.Memory.Reading);

    /// <summary>What is still on drives.</summary>
    public long DriveBytes => _onDrives.Sum(store => store.Device.UsedBytes);

    /// <summary>Lets the workers go on.</summary>
    /// <returns>Whether they had anything to do.</returns>
    public bool Turn() => _workers.Turn();

    private IBufferStore Make(TierPlan plan, int index)
    {
        if (plan.Medium == Medium.Ram) return new RamBufferStore(new() { MaxTotalBytes = plan.Bytes });
        var drive = new SimulatedDrive(_world, plan, unchecked((_world.Scenario.Seed * 31) + index));
        if (plan.Medium == Medium.Disk)
        {
            var options = new DiskBufferOptions { MaxTotalBytes = plan.Bytes, MaxMemoryBytes = BlockMemory.LowestLimit, WriteBehindBytes = 0, Encrypt = false };
            var disk = new DiskBufferStore(options, null, () => new SimulatedFile(drive), _workers, _world.Time);
            _onDrives.Add(disk.Entries);
            return disk;
        }
        // The disk is written at once, so that every fault of a drive has its chance; the log writes behind, as stores do by default.
        var behind = new EntryStoreOptions
        {
            MaxMemoryBytes = BlockMemory.LowestLimit, WriteBehindBytes = BlockMemory.LowestLimit / 4, Encrypt = false, Scheduler = _workers, Time = _world.Time,
        };
        var log = new EntryBufferStore(new SimulatedLog(drive, plan.Bytes, _workers), behind, NullLogger.Instance);
        _onDrives.Add(log);
        return log;
    }
}
