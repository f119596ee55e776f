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
    private readonly List<StoreIncident> _incidents = [], _delays = [];
    private readonly List<StoreIncident> _broken = [];              // of buffers that have failed and are alive

    /// <summary>Buffers that are alive.</summary>
    public int Live { get; private set; }

    /// <summary>Slices that are out.</summary>
    public int SlicesOut { get; set; }

    /// <summary>Whether there was no room at any time.</summary>
    public bool HasBeenFull { get; private set; }

    /// <summary>Whether anything was wrong with it at any time.</summary>
    public bool HasFailed { get; private set; }

    /// <summary>
    /// Whether something that went wrong can be the store's doing. Each fault of it excuses one thing; one that lasts excuses as many as come. What it has done
    /// to the content of one request excuses nothing of another.
    /// </summary>
    /// <param name="request">What went wrong; it has felt the fault.</param>
    public bool TryExcuse(AskedRequest request)
    {
        if (_broken.Find(one => one.MayConcern(request)) is not { } lasting) return TryExcuse(_incidents, request);
        world.Feel(request, lasting.Fault, lasting.Phase);
        return true;
    }

    /// <summary>
    /// Whether a reply that was whole can have been lost since the store took its time: what waits behind others of its client is put aside at once, or not at all.
    /// </summary>
    public bool TryExcuseByDelay(AskedRequest request) => TryExcuse(_delays, request);

    public IBuffer? TryCreate(ILoop loop, long? expectedBytes)
    {
        if (Strikes() || inner.TryCreate(loop, expectedBytes) is not { } buffer)
        {
            Full(buffer: null);
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
    /// <returns>What is to be told when it is over.</returns>
    public StoreIncident Waits(ObservedBuffer buffer, Phase phase)
    {
        var delay = new StoreIncident(Fault.StoreSlow, phase, buffer, world.Now);
        _delays.Add(delay);
        return delay;
    }

    /// <summary>A call has come to its end.</summary>
    public void HasWaited(StoreIncident delay) => delay.Until = world.Now;

    /// <summary>Has something done later, on a loop.</summary>
    public void Later(ILoop loop, Action act) =>
        world.Agenda.In(_random.Next(1, 200), () => loop.Post(static act => ((Action)act!)(), act));

    /// <summary>There is no room.</summary>
    /// <param name="buffer">For what; none if not even for a beginning.</param>
    public void Full(ObservedBuffer? buffer)
    {
        HasBeenFull = HasFailed = true;
        _incidents.Add(new(Fault.StoreFull, Phase.Storing, buffer, world.Now));
    }

    /// <summary>Content is lost.</summary>
    /// <param name="buffer">Which.</param>
    /// <param name="phase">Where that showed.</param>
    /// <param name="why">What the store has said, if anything.</param>
    /// <returns>What is to be told when the buffer is gone.</returns>
    public StoreIncident Broke(ObservedBuffer buffer, Phase phase, Exception? why)
    {
        HasFailed = true;
        var incident = new StoreIncident(IsCorruption(why) ? Fault.StoreCorrupts : Fault.StoreFails, phase, buffer, world.Now);
        _incidents.Add(incident);
        _broken.Add(incident);
        return incident;
    }

    /// <summary>Whose content begins with these bytes.</summary>
    public AskedRequest? OwnerOf(ReadOnlySpan<byte> beginning) => Pattern.IdOf(beginning) is { } id ? world.Find(id) : null;

    /// <summary>A buffer is gone.</summary>
    /// <param name="broken">What has broken it, if anything.</param>
    public void Disposed(StoreIncident? broken)
    {
        Live--;
        if (broken is not null) _broken.Remove(broken);
    }

    /// <summary>
    /// Has what excused nothing counted: for whoever waited for it, whatever became of that; for the content of clients that have left; else as what harmed none.
    /// </summary>
    public void CountTheRest()
    {
        foreach (var incident in _incidents.Concat(_delays))
            world.Feel(incident.HasLasted || incident.Owner is { Outcome: Outcome.ClientLeft } ? incident.Owner : null, incident.Fault, incident.Phase);
    }

    private bool TryExcuse(List<StoreIncident> by, AskedRequest request)
    {
        var at = by.FindIndex(one => one.Owner == request);
        if (at < 0) at = by.FindIndex(one => one.MayConcern(request));
        if (at < 0) return false;
        world.Feel(request, by[at].Fault, by[at].Phase);
        by.RemoveAt(at);
        return true;
    }

    private static bool IsCorruption(Exception? why) => why is InvalidDataException || (why?.InnerException is { } inner && IsCorruption(inner));
}
