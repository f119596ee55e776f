namespace Cmi.Samples.CustomJobQueue;

/// <summary>
/// A queue of one's own: of those that wait the highest priority goes first, and in it clients take turns, so one that asks for a thousand things at once
/// delays another that asks for one by a single request. What one client asks for with one priority stays in order. It is short rather than fast: one lock, and every free slot is offered along the line.
/// <para>Threading: any thread. It holds at most as many tickets as its capacity says.</para>
/// </summary>
internal sealed class FairJobQueue : IJobQueue
{
    private readonly ServerGroup _group;
    private readonly int _capacity;
    private readonly Lock _gate = new();                            // guards all below
    private readonly int[] _inFlight;
    private readonly Dictionary<long, int> _granted = [];           // which server, by the lease of each grant that is out
    private readonly LinkedList<Client> _turns = [];                // who waits; the next one to be served is first
    private long _leases;
    private int _waiting;
    private bool _disposed;

    /// <param name="group">The servers, which of them are usable, the limit of each, and who chooses among those that have a slot free.</param>
    /// <param name="capacity">The most tickets that wait.</param>
    public FairJobQueue(ServerGroup group, int capacity)
    {
        (_group, _capacity, _inFlight) = (group, capacity, new int[group.Servers.Count]);
        group.Availability.Changed += ServeUnderLock;               // a server has gone out or come back
    }

    public int Waiting
    {
        get { lock (_gate) return _waiting; }
    }

    public bool TryAcquire(JobTicket ticket, out JobGrant grant)
    {
        grant = default;
        lock (_gate) return !_disposed && _waiting == 0 && TryTake(ticket, out grant);
    }

    public ValueTask<JobGrant?> AcquireAsync(JobTicket ticket, CancellationToken withdrawn)
    {
        lock (_gate)
        {
            if (_disposed || withdrawn.IsCancellationRequested) return default;
            if (_waiting == 0 && TryTake(ticket, out var grant)) return new(grant);
            if (_waiting >= _capacity) return default;               // full is an answer
            var waiter = Append(ticket);
            Serve();                                                // those before it may all avoid the server that is free
            if (!waiter.Task.IsCompleted) waiter.Registration = withdrawn.Register(() => Withdraw(waiter));
            return new(waiter.Task);
        }
    }

    public ValueTask<bool> RenewAsync(JobGrant grant, CancellationToken cancellationToken) => new(true);      // grants do not lapse

    public void Complete(JobGrant grant, GrantOutcome outcome)
    {
        lock (_gate)
        {
            if (!_granted.Remove(grant.Lease, out var server)) throw new InvalidOperationException("The grant was completed before.");
            _inFlight[server]--;
            Serve();
        }
    }

    public ValueTask DisposeAsync()
    {
        _group.Availability.Changed -= ServeUnderLock;
        lock (_gate)
        {
            _disposed = true;
            while (_turns.First is { } turn) Leave(turn.Value.Waiters[0], grant: null);
        }
        return default;
    }

    private void ServeUnderLock(object? sender, EventArgs e)
    {
        lock (_gate) Serve();
    }

    private void Serve()
    {
        for (var turn = _turns.First; turn is not null;)
        {
            JobGrant grant = default;
            var waiter = turn.Value.Waiters.FirstOrDefault(w => TryTake(w.Ticket, out grant));
            if (waiter is null)
            {
                turn = turn.Next;                                   // nothing is free that this client could use
                continue;
            }
            _turns.Remove(turn);
            Line(turn);                                             // it has had its turn
            Leave(waiter, grant);
            turn = _turns.First;
        }
    }

    private bool TryTake(JobTicket ticket, out JobGrant grant)
    {
        grant = default;
        var (servers, limit, usable) = (_group.Servers, _group.MaxRequestsPerServer, _group.Availability.Usable.ToArray());
        var avoidable = usable.Any(i => !ticket.Avoid.Contains(servers[i]));   // if all are to be avoided, none is
        var free = usable
            .Where(i => (limit == 0 || _inFlight[i] < limit) && !(avoidable && ticket.Avoid.Contains(servers[i])))
            .Select(i => new ServerLoad(i, _inFlight[i], limit)).ToArray();
        if (free.Length == 0) return false;
        var chosen = free[_group.Selector.Select(free, ticket)].Index;
        _inFlight[chosen]++;
        _granted.Add(++_leases, chosen);
        grant = new(servers[chosen], _leases, ExpiresAt: long.MaxValue);
        return true;
    }

    private Waiter Append(JobTicket ticket)
    {
        var client = _turns.FirstOrDefault(c => c.Key == ticket.FairKey && c.Priority == ticket.Priority)
            ?? Line(new(new Client(ticket.FairKey, ticket.Priority, [])));
        var waiter = new Waiter(ticket, client);
        client.Waiters.Add(waiter);
        _waiting++;
        return waiter;
    }

    // Behind all of its priority, before those of lower ones.
    private Client Line(LinkedListNode<Client> client)
    {
        var next = _turns.First;
        while (next is not null && next.Value.Priority >= client.Value.Priority) next = next.Next;
        if (next is null) _turns.AddLast(client);
        else _turns.AddBefore(next, client);
        return client.Value;
    }

    private void Withdraw(Waiter waiter)
    {
        lock (_gate)
        {
            if (!waiter.Task.IsCompleted) Leave(waiter, grant: null);          // else a grant was first, and stands
        }
    }

    private void Leave(Waiter waiter, JobGrant? grant)
    {
        waiter.Client.Waiters.Remove(waiter);
        if (waiter.Client.Waiters.Count == 0) _turns.Remove(waiter.Client);
        _waiting--;
        waiter.Registration.Unregister();
        waiter.SetResult(grant);
    }

    private sealed record Client(ulong Key, byte Priority, List<Waiter> Waiters);

    // Whoever waits goes on elsewhere and later, never inside the lock.
    private sealed class Waiter(JobTicket ticket, Client client) : TaskCompletionSource<JobGrant?>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public JobTicket Ticket => ticket;

        public Client Client => client;

        public CancellationTokenRegistration Registration { get; set; }
    }
}
