namespace Cmi.Queues;

/// <summary>
/// The queue of one server group, in memory: limits that are exact over all loops, and one bounded line in order of asking. Priorities, fair keys and
/// outcomes of grants are not heeded; grants do not lapse.
/// <para>
/// While nobody waits, a grant costs a few compare-and-swaps, no lock and no allocation. Those who wait stand in one lane per set of servers that they
/// can use (nearly always one lane: a retry that avoids a server is in another); a free slot goes to whoever asked first among the heads of the lanes
/// that can use it. So the order is exact, and the work per free slot grows with the number of lanes, never with the number of tickets.
/// </para>
/// <para>
/// Only servers that the group's <see cref="ServerAvailability"/> calls usable are granted, which costs one volatile read. Tickets that wait stay when a
/// server goes out: they are granted others, or wait for their deadline.
/// </para>
/// <para>
/// The group's selector is called on the thread that asks, or that gives a grant back; for tickets that wait, under the queue's lock: it must not call
/// the queue.
/// </para>
/// <para>Threading: any thread.</para>
/// </summary>
public sealed partial class JobQueue : IAdjustableJobQueue
{
    /// <summary>The default of the most tickets that wait.</summary>
    public const int DefaultCapacity = 10_000;

    private volatile QueuedServers _group;
    private volatile QueuedServer[] _known;                        // those of the group, and those that have left it with requests in flight
    private volatile int _capacity;
    private readonly LeaseTable _leases = new();
    private readonly Lane _unchoosy;
    private readonly List<Lane> _lanes;
    private readonly Lock _gate = new();
    private long _asked;
    private int _waiting;
    private volatile bool _disposed;

    /// <summary>Makes a queue; nothing is in flight.</summary>
    /// <param name="group">The servers, their limit and their selector.</param>
    /// <param name="capacity">The most tickets that wait; 0: none ever waits.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="capacity"/> is negative.</exception>
    public JobQueue(ServerGroup group, int capacity = DefaultCapacity)
    {
        ArgumentNullException.ThrowIfNull(group);
        ArgumentOutOfRangeException.ThrowIfNegative(capacity);
        (_known, _capacity) = ([], capacity);
        _group = Take(group);
        _group.Availability.Changed += AvailabilityChanged;
        _unchoosy = new(default, UsableWithout(default));
        _lanes = [_unchoosy];
    }

    /// <summary>The most tickets that wait.</summary>
    /// <value>0: none ever waits. When it is lowered, those that wait already stay.</value>
    public int Capacity
    {
        get => _capacity;
        internal set => _capacity = value;
    }

    /// <inheritdoc/>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>The grants that are out for all servers; 0 when no request is in flight. While grants come and go it is the sum of momentary counts.</summary>
    public int InFlightTotal
    {
        get
        {
            var total = 0;
            foreach (var server in _known) total += server.InFlight.Count;
            return total;
        }
    }

    /// <summary>The grants that are out for one server.</summary>
    /// <param name="server">A server of the group.</param>
    /// <returns>How many; above the group's limit only while it was lowered below what was out.</returns>
    /// <exception cref="ArgumentException">The group has no such server.</exception>
    public int InFlight(ServerAddress server)
    {
        var known = Array.Find(_group.Servers, one => one.Address == server) ?? throw new ArgumentException($"The group has no server {server}.", nameof(server));
        return known.InFlight.Count;
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The group's selector chose what was not offered.</exception>
    public bool TryAcquire(JobTicket ticket, out JobGrant grant)
    {
        if (Volatile.Read(ref _waiting) == 0 && !_disposed) return TryTake(ticket, out grant);
        grant = default;
        return false;
    }

    /// <inheritdoc/>
    /// <remarks>
    /// Completes synchronously with a grant if one is there, and with <see langword="null"/> if the queue is full or disposed. If a withdrawal crosses a
    /// grant, one of them wins: a grant that is returned is to be completed, and a slot is never lost. If the selector throws, so does this.
    /// </remarks>
    public ValueTask<JobGrant?> AcquireAsync(JobTicket ticket, CancellationToken withdrawn)
    {
        WaitingTicket waiter;
        WaitingTicket? decided;
        lock (_gate)
        {
            if (_disposed || withdrawn.IsCancellationRequested) return default;
            if (_waiting == 0 && TryTake(ticket, out var grant)) return new(grant);
            if (_waiting >= _capacity) return default;
            var lane = LaneOf(ticket.Avoid);
            waiter = new(this, ticket, lane, _asked++);
            lane.Append(waiter);
            // The race to mind: this raises _waiting and *then* tries (again); Complete lowers the count of the server and *then* reads _waiting. Both
            // writes are full fences, so one of the two sees the other: a slot cannot be free while a ticket that could use it sleeps.
            Interlocked.Increment(ref _waiting);
            decided = Serve();
        }
        Tell(decided);
        if (withdrawn.CanBeCanceled && !waiter.Task.IsCompleted) Register(waiter, withdrawn);
        return new(waiter.Task);
    }

    /// <inheritdoc/>
    /// <remarks>Grants of this queue do not lapse: it is always <see langword="true"/>.</remarks>
    public ValueTask<bool> RenewAsync(JobGrant grant, CancellationToken cancellationToken) => new(true);

    /// <inheritdoc/>
    /// <remarks>Works after disposal too. The outcome is not heeded.</remarks>
    /// <exception cref="InvalidOperationException">The grant was completed before, or is not of this queue.</exception>
    public void Complete(JobGrant grant, GrantOutcome outcome)
    {
        if (!_leases.TryReturn(grant.Lease, out var server))
            throw new InvalidOperationException($"The grant {grant.Lease} for {grant.Server} was completed before, or is not of this queue.");
        server.InFlight.Release();                                 // a full fence; only then is _waiting read: see AcquireAsync
        if (Volatile.Read(ref _waiting) == 0) return;
        WaitingTicket? decided;
        lock (_gate) decided = Serve();
        Tell(decided);
    }

    /// <inheritdoc/>
    /// <remarks>Counts of servers that stay, or come back while they have requests in flight, go on; from the return on no grant exceeds the new limit.</remarks>
    public void Adjust(ServerGroup group)
    {
        ArgumentNullException.ThrowIfNull(group);
        WaitingTicket? decided;
        lock (_gate)
        {
            _group.Availability.Changed -= AvailabilityChanged;
            _group = Take(group);
            _group.Availability.Changed += AvailabilityChanged;
            foreach (var lane in _lanes) lane.Servers = UsableWithout(lane.Avoid);
            decided = Serve();
        }
        Tell(decided);
    }

    private QueuedServers Take(ServerGroup group)
    {
        var servers = group.Servers.Select(address => Array.Find(_known, known => known.Address == address) ?? new(address)).ToArray();
        foreach (var server in servers) server.InFlight.SetLimit(group.MaxRequestsPerServer);
        var left = _known.Except(servers).ToArray();
        foreach (var server in left) server.InFlight.Close();
        _known = [.. servers, .. left.Where(server => server.InFlight.Count > 0)];
        return new(servers, group.Selector, group.Availability);
    }

    /// <summary>Refuses all that wait and all that will ask. Grants that are out are still to be completed.</summary>
    /// <returns>When it is done.</returns>
    public ValueTask DisposeAsync()
    {
        WaitingTicket? decided = null;
        lock (_gate)
        {
            _disposed = true;
            _group.Availability.Changed -= AvailabilityChanged;
            foreach (var lane in _lanes)
            {
                while (lane.First is { } waiter)
                {
                    Decide(waiter);
                    waiter.Next = decided;
                    decided = waiter;
                }
            }
            _lanes.RemoveRange(1, _lanes.Count - 1);
        }
        Tell(decided);
        return default;
    }
}
