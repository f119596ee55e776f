namespace Cmi.Servers;

/// <summary>
/// The bound on open connections to one server, exact over all loops. Whoever finds none free waits in turn, and the pools are asked to close an idle
/// connection rather than to block it. Dialling is rare, so a lock will do.
/// <para>Threading: any thread.</para>
/// </summary>
/// <param name="limit">Open connections; 0: no limit.</param>
internal sealed class ConnectionSlots(int limit)
{
    private readonly Lock _gate = new();
    private readonly LinkedList<TaskCompletionSource> _waiting = [];
    private volatile int _waitingCount;
    private int _open;

    /// <summary>Whether a connection that falls idle should be closed for someone who waits.</summary>
    public bool IsWanted => _waitingCount > 0;

    /// <summary>Connections that are open or being dialled.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>Takes a slot, or waits for one; the bound on waiting is the caller's timeout.</summary>
    /// <param name="reclaim">Called when none is free: closes idle connections of this server elsewhere.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public ValueTask AcquireAsync(Action reclaim, CancellationToken cancellationToken)
    {
        LinkedListNode<TaskCompletionSource> node;
        lock (_gate)
        {
            if (limit == 0 || (_open < limit && _waiting.Count == 0))
            {
                _open++;
                return default;
            }
            node = _waiting.AddLast(new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            _waitingCount = _waiting.Count;
        }
        reclaim();
        return new(WaitAsync(node, cancellationToken));
    }

    // Not Task.WaitAsync: it would take the grant to the thread pool before it comes home to the loop.
    private async Task WaitAsync(LinkedListNode<TaskCompletionSource> node, CancellationToken cancellationToken)
    {
        using var _ = cancellationToken.UnsafeRegister(_ => GiveUp(node, cancellationToken), null);
        await node.Value.Task;
    }

    private void GiveUp(LinkedListNode<TaskCompletionSource> node, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (node.List is null) return;                          // a slot crossed this: whoever asked gets it, and gives it back
            _waiting.Remove(node);
            _waitingCount = _waiting.Count;
        }
        node.Value.SetCanceled(cancellationToken);
    }

    /// <summary>Gives a slot back: its connection is closed, or was never made.</summary>
    public void Release()
    {
        TaskCompletionSource? next = null;
        lock (_gate)
        {
            if (_waiting.First is { } first)
            {
                next = first.Value;                                 // handed over: the count of open ones stays
                _waiting.RemoveFirst();
                _waitingCount = _waiting.Count;
            }
            else
            {
                _open--;
            }
        }
        next?.SetResult();
    }
}
