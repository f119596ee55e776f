namespace Cmi.Buffers;

/// <summary>
/// Tasks that come when there is work and go when there is none, so many at most: whoever finds more work than it takes itself calls the next. So what comes
/// together is done in one go, by one of them where that is quick, and by all where each has to wait for the device.
/// <para>Threading: any thread.</para>
/// </summary>
/// <param name="most">How many are at work at once.</param>
/// <param name="scheduler">Where they run, all of their way: a device may block, so it must not be a loop.</param>
/// <param name="hasWork">Whether there is work for one more.</param>
/// <param name="work">Works until there is none; throws nothing.</param>
internal sealed class WorkerCrew(int most, TaskScheduler scheduler, Func<bool> hasWork, Func<Task> work)
{
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _allGone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _atWork;
    private bool _isEnding;

    /// <summary>Calls one if there is work for it. Whoever adds work calls this after it.</summary>
    public void Call()
    {
        lock (_gate)
        {
            if (_atWork == most || !hasWork()) return;
            _atWork++;
        }
        _ = Task.Factory.StartNew(WorkAsync, CancellationToken.None, TaskCreationOptions.DenyChildAttach, scheduler);
    }

    /// <summary>Waits until all are gone; there is no work for others any more.</summary>
    public Task EndAsync()
    {
        lock (_gate)
        {
            _isEnding = true;
            if (_atWork == 0) _allGone.TrySetResult();
        }
        return _allGone.Task;
    }

    private async Task WorkAsync()
    {
        await work();
        lock (_gate)
        {
            if (--_atWork == 0 && _isEnding) _allGone.TrySetResult();
        }
        Call();                                                    // for what came between its last look and its going
    }
}
