using System.Diagnostics.CodeAnalysis;
using Cmi.Simulation.World;

namespace Cmi.Simulation.Judging;

/// <summary>
/// The store under simulation, made worse: it says no, fails, and takes its time, as often as the terms ask. It counts what is alive, and what its failures
/// excuse.
/// </summary>
internal sealed class ObservedStore(IBufferStore inner, SimulatedWorld world) : IBufferStore
{
    private readonly Random _random = new(world.Scenario.Seed);
    private int _incidents, _delays;
    private int _broken;                                            // buffers that have failed and are alive

    /// <summary>Buffers that are alive.</summary>
    public int Live { get; private set; }

    /// <summary>Slices that are out.</summary>
    public int SlicesOut { get; set; }

    /// <summary>Whether there was no room at any time.</summary>
    public bool HasBeenFull { get; private set; }

    /// <summary>Whether anything was wrong with it at any time.</summary>
    public bool HasFailed { get; private set; }

    /// <summary>Whether something that went wrong can be the store's doing. Each fault of it excuses one thing; one that lasts excuses as many as come.</summary>
    public bool TryExcuse()
    {
        if (_broken > 0) return true;
        if (_incidents == 0) return false;
        _incidents--;
        return true;
    }

    /// <summary>
    /// Whether a reply that was whole can have been lost since the store took its time: what waits behind others of its client is put aside at once, or not at all.
    /// </summary>
    public bool TryExcuseByDelay() => _delays > 0 && _delays-- > 0;

    public IBuffer? TryCreate(ILoop loop, long? expectedBytes)
    {
        var buffer = Strikes() ? null : inner.TryCreate(loop, expectedBytes);
        if (buffer is null)
        {
            Full();
            return null;
        }
        Live++;
        return new ObservedBuffer(this, buffer, loop);
    }

    [SuppressMessage("Usage", "CA1816", Justification = "There is no finalizer.")]
    public ValueTask DisposeAsync() => inner.DisposeAsync();

    /// <summary>Whether the present call comes to nothing.</summary>
    public bool Strikes() => world.Scenario.Terms.StoreFailures > 0 && _random.Next(1000) < world.Scenario.Terms.StoreFailures;

    /// <summary>Whether the present call takes its time.</summary>
    public bool Delays()
    {
        if (world.Scenario.Terms.StoreDelays == 0 || _random.Next(1000) >= world.Scenario.Terms.StoreDelays) return false;
        _delays++;
        return true;
    }

    /// <summary>Has something done later, on a loop.</summary>
    public void Later(ILoop loop, Action act) =>
        world.Agenda.In(_random.Next(1, 200), () => loop.Post(static act => ((Action)act!)(), act));

    public void Full()
    {
        HasBeenFull = HasFailed = true;
        _incidents++;
    }

    public void Broke()
    {
        HasFailed = true;
        _incidents++;
        _broken++;
    }

    public void Disposed(bool wasBroken)
    {
        Live--;
        if (wasBroken) _broken--;
    }
}
