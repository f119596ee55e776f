using System.Diagnostics.CodeAnalysis;
using Cmi.Simulation.Plans;
using Cmi.Simulation.World;

namespace Cmi.Simulation.Judging;

/// <summary>
/// The store under simulation, made worse: it says no, fails, and takes its time, as often as the terms ask, beside what goes wrong below it. It counts what is
/// alive, and what its failures excuse.
/// </summary>
internal sealed class ObservedStore(IBufferStore inner, SimulatedWorld world) : IBufferStore
{
    private readonly Random _random = new(world.Scenario.Seed);
    private readonly Queue<(Fault Fault, Phase Phase)> _incidents = new(), _delays = new();
    private (Fault Fault, Phase Phase) _lastBreak;
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
    /// <param name="request">What went wrong; it has felt the fault.</param>
    public bool TryExcuse(AskedRequest request)
    {
        if (_broken > 0)
        {
            world.Feel(request, _lastBreak.Fault, _lastBreak.Phase);
            return true;
        }
        return TryExcuse(_incidents, request);
    }

    /// <summary>
    /// Whether a reply that was whole can have been lost since the store took its time: what waits behind others of its client is put aside at once, or not at all.
    /// </summary>
    public bool TryExcuseByDelay(AskedRequest request) => TryExcuse(_delays, request);

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

    /// <summary>Whether the present call is to take its time.</summary>
    public bool Delays() => world.Scenario.Terms.StoreDelays > 0 && _random.Next(1000) < world.Scenario.Terms.StoreDelays;

    /// <summary>A call takes its time.</summary>
    public void Waits(Phase phase) => _delays.Enqueue((Fault.StoreSlow, phase));

    /// <summary>Has something done later, on a loop.</summary>
    public void Later(ILoop loop, Action act) =>
        world.Agenda.In(_random.Next(1, 200), () => loop.Post(static act => ((Action)act!)(), act));

    public void Full()
    {
        HasBeenFull = HasFailed = true;
        _incidents.Enqueue((Fault.StoreFull, Phase.Storing));
    }

    /// <summary>Content is lost.</summary>
    /// <param name="phase">Where that showed.</param>
    /// <param name="why">What the store has said, if anything.</param>
    public void Broke(Phase phase, Exception? why)
    {
        HasFailed = true;
        _lastBreak = (IsCorruption(why) ? Fault.StoreCorrupts : Fault.StoreFails, phase);
        _incidents.Enqueue(_lastBreak);
        _broken++;
    }

    public void Disposed(bool wasBroken)
    {
        Live--;
        if (wasBroken) _broken--;
    }

    /// <summary>Has what no request was harmed by counted as that.</summary>
    public void CountUnfelt()
    {
        foreach (var (fault, phase) in _incidents.Concat(_delays)) world.Feel(null, fault, phase);
    }

    private bool TryExcuse(Queue<(Fault Fault, Phase Phase)> by, AskedRequest request)
    {
        if (!by.TryDequeue(out var incident)) return false;
        world.Feel(request, incident.Fault, incident.Phase);
        return true;
    }

    private static bool IsCorruption(Exception? why) => why is InvalidDataException || (why?.InnerException is { } inner && IsCorruption(inner));
}
