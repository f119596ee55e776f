namespace Cmi.Servers;

/// <summary>
/// The bound on open connections to one server, exact over all loops. Whoever finds none free waits in turn, and the pools are asked to close an idle
/// connection rather than to block it. Dialling is rare, so a lock will do.
/// <para>Threading: any thread.</para>
/// </summary>
/// <param name="limit">Open connections; 0: no limit.</param>
/// <param name="maxIdle">Idle connections that one loop keeps; 0: none.</param>
internal sealed class ConnectionSlots(int limit, int maxIdle)
{
    private readonly Lock _gate = new();
    private readonly LinkedList<TaskCompletionSource> _waiting = [];
    private volatile int _waitingCount;
    private volatile int _limit = limit, _maxIdle = maxIdle;
    private int _open;
    private bool _ended;

    /// <summary>Whether a connection that falls idle should be closed: for someone who waits, or since there are more than there may be by now.</summary>
    public bool IsWanted => _waitingCount > 0 || (_limit is var limit and > 0 && Open > limit);

    /// <summary>Idle connections that one loop keeps.</summary>
    /// <value>0: none; so it is too when the server is not one of any group any more.</value>
    public int MaxIdle => _maxIdle;

    /// <summary>Connections that are open or being dialled.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>Takes a slot, or waits for one; the bound on waiting is the caller's timeout.</summary>
    /// <param name="reclaim">Called when none is free: closes idle connections of this server elsewhere.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="IOException">The server left its groups, and nothing was open to it.</exception>
    public ValueTask AcquireAsync(Action reclaim, CancellationToken cancellationToken)
    {
        LinkedListNode<TaskCompletionSource> node;
        lock (_gate)
        {
            if (_ended) throw new IOException("It is not a server of any group any more.");
            if (_limit == 0 || (_open < _limit && _waiting.Count == 0))
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

    /// <summary>Changes the bounds. Connections beyond them are closed when they fall idle; until then none is added.</summary>
    public void Change(int newLimit, int newMaxIdle)
    {
        var served = new List<TaskCompletionSource>();
        lock (_gate)
        {
            (_limit, _maxIdle) = (newLimit, newMaxIdle);
            for (; _waiting.First is { } first && (newLimit == 0 || _open < newLimit); _open++)
            {
                served.Add(first.Value);
                _waiting.RemoveFirst();
            }
            _waitingCount = _waiting.Count;
        }
        foreach (var next in served) next.SetResult();
    }

    /// <summary>The server is not one of any group any more: nothing of it stays idle.</summary>
    public void KeepNoneIdle() => _maxIdle = 0;

    /// <summary>Ends the count of a server that is not one of any group any more, if nothing is open to it.</summary>
    /// <returns>Whether it has ended: should the server come back, its count begins anew.</returns>
    public bool TryEnd()
    {
        lock (_gate) return _ended = _open == 0 && _waiting.Count == 0;
    }

    /// <summary>Gives a slot back: its connection is closed, or was never made.</summary>
    public void Release()
    {
        TaskCompletionSource? next = null;
        lock (_gate)
        {
            if (_waiting.First is { } first && (_limit == 0 || _open <= _limit))
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
