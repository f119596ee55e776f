using Cmi.Simulation.Plans;

namespace Cmi.Simulation.World.Storage;

/// <summary>A drive with the latencies and the faults of its plan, in simulated time. What is on it is the business of its files.</summary>
internal sealed class SimulatedDrive(SimulatedWorld world, TierPlan plan, int seed)
{
    private const int NoSpace = 28, Broken = 5;                     // ENOSPC, EIO
    private readonly Random _random = new(seed);

    /// <summary>Whether it has no room for anybody.</summary>
    public bool IsFull => Strikes(DriveFaultKind.Full);

    /// <summary>What it has room for.</summary>
    public long FreeBytes => IsFull ? 0 : long.MaxValue / 16;

    /// <summary>Takes as long as the drive takes for a call, and fails as it fails.</summary>
    public async ValueTask WriteAsync()
    {
        await TakeTimeAsync();
        if (IsFull) throw new IOException("The simulated drive has no room.", NoSpace);
        if (Strikes(DriveFaultKind.WriteFails)) throw new IOException("The simulated drive cannot write.", Broken);
    }

    /// <inheritdoc cref="WriteAsync"/>
    public async ValueTask ReadAsync()
    {
        await TakeTimeAsync();
        if (Strikes(DriveFaultKind.ReadFails)) throw new IOException("The simulated drive cannot read.", Broken);
    }

    /// <summary>How many bytes of those that were asked for a call is good for.</summary>
    public int Shorten(int count)
    {
        if (count < 2 || !Strikes(DriveFaultKind.Short)) return count;
        world.Feel(null, Fault.StoreShort, Phase.Storing);
        return _random.Next(1, count);
    }

    /// <summary>Spoils what is given back, at times.</summary>
    public void Spoil(Span<byte> bytes)
    {
        if (!bytes.IsEmpty && Strikes(DriveFaultKind.Flips)) bytes[_random.Next(bytes.Length)] ^= (byte)(1 << _random.Next(8));
    }

    private Task TakeTimeAsync()
    {
        var slowness = 1;
        foreach (var fault in plan.Faults)
        {
            if (fault.Kind == DriveFaultKind.Slow && IsNow(fault)) slowness = Math.Max(slowness, fault.Amount);
        }
        var time = (plan.Latency == 0 ? 0 : _random.Next(plan.Latency + 1)) * slowness;
        if (time == 0) return Task.CompletedTask;
        // Asynchronous, so that who waits goes on where it waited: with the workers, and not in the agenda.
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        world.Agenda.In(time, done.SetResult);
        return done.Task;
    }

    private bool Strikes(DriveFaultKind kind)
    {
        foreach (var fault in plan.Faults)
        {
            if (fault.Kind == kind && IsNow(fault) && _random.Next(1000) < fault.Amount) return true;
        }
        return false;
    }

    private bool IsNow(DriveFault fault) => fault.From <= world.Now && world.Now < fault.Until;
}
