namespace Cmi.Simulation.World.Storage;

/// <summary>
/// Where the workers of stores run: between the turns of the loops, on the thread of the simulation. For them as for threads of their own it makes no
/// difference when that is; here it is in order of asking.
/// </summary>
internal sealed class SimulatedScheduler : TaskScheduler
{
    private readonly Queue<Task> _waiting = new();
    private bool _runs;

    /// <summary>Runs what waits at this moment.</summary>
    /// <returns>Whether there was anything.</returns>
    public bool Turn()
    {
        if (_waiting.Count == 0) return false;
        var before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);     // what is awaited is to come back here, and not to a context of whoever runs the simulation
        try
        {
            _runs = true;
            for (var left = _waiting.Count; left > 0; left--) TryExecuteTask(_waiting.Dequeue());
            return true;
        }
        finally
        {
            _runs = false;
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    protected override void QueueTask(Task task) => _waiting.Enqueue(task);

    // On a loop nothing of a worker may run.
    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => _runs && !taskWasPreviouslyQueued && TryExecuteTask(task);

    protected override IEnumerable<Task> GetScheduledTasks() => _waiting;
}
