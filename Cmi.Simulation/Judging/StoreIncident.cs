using Cmi.Simulation.Plans;

namespace Cmi.Simulation.Judging;

/// <summary>One time that the store was not as one would wish.</summary>
/// <param name="fault">What it did.</param>
/// <param name="phase">Where that showed.</param>
/// <param name="buffer">With which content; none where it would not even begin.</param>
/// <param name="at">When, in milliseconds.</param>
internal sealed class StoreIncident(Fault fault, Phase phase, ObservedBuffer? buffer, long at)
{
    public Fault Fault => fault;
    public Phase Phase => phase;

    /// <summary>Whose content it was, as far as that is known.</summary>
    public AskedRequest? Owner => buffer?.Owner;

    /// <summary>When it was over, in milliseconds; of those that last.</summary>
    public long Until { get; set; }

    /// <summary>Whether its owner waited for it.</summary>
    public bool HasLasted => Until > at;

    /// <summary>Whether it can have harmed a request: its own, or any while nobody knows whose it is. What has no room takes it from anybody.</summary>
    public bool MayConcern(AskedRequest request) => fault == Fault.StoreFull || Owner is null || Owner == request;
}
