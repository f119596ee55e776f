using Cmi.Health;
using Cmi.Queues;
using Cmi.Servers;

namespace Cmi.Engine;

/// <summary>
/// What lives longer than a configuration: the queues of the server groups, and the counts of open connections of the servers. A group keeps its queue as
/// long as its name is there, and a server its count as long as anything is open to it, so that limits are exact across a change.
/// <para>Threading: one change at a time; <see cref="SlotsOf"/> and <see cref="OpenConnections"/> are for any thread.</para>
/// </summary>
/// <param name="create">Makes a queue; <see langword="null"/>: a <see cref="JobQueue"/>.</param>
/// <param name="engine">Whose groups they are.</param>
internal sealed class ServerGroups(Func<ServerGroup, IJobQueue>? create, CmiEngine engine)
{
    private bool _watches;
    private volatile Dictionary<ServerAddress, ConnectionSlots> _slots = [];
    private List<ActiveGroup> _groups = [];
    private readonly List<ActiveGroup> _removed = [];               // without a route, but perhaps with requests in flight or waiting
    private HashSet<ServerAddress> _left = [];                      // servers that are in no group since the last change

    /// <summary>All queues that were not disposed.</summary>
    public IEnumerable<IJobQueue> Queues => _groups.Concat(_removed).Select(group => group.Queue);

    /// <summary>Begins to look at the health of servers.</summary>
    public void Watch()
    {
        _watches = true;
        foreach (var group in _groups.Concat(_removed)) group.Care.Watch();
    }

    /// <summary>Ends that.</summary>
    public void StopWatching()
    {
        foreach (var group in _groups.Concat(_removed)) group.Care.StopWatching();
    }

    /// <summary>Takes over the groups of options that have no faults. A queue that cannot be made is an exception, and nothing has changed.</summary>
    /// <param name="options">The options.</param>
    /// <param name="fixedGroups">Gets the names of groups that stay as they are, since their queues cannot take other servers or fail to.</param>
    public IReadOnlyList<ActiveGroup> Change(CmiOptions options, List<(string Name, Exception? Why)> fixedGroups)
    {
        var wanted = new List<(string Name, ServerOptions Servers)>();
        if (options.Servers.Addresses.Count > 0) wanted.Add((CmiOptions.DefaultName, options.Servers));
        wanted.AddRange(options.Groups.Select(group => (group.Key, group.Value)));
        var groups = new List<ActiveGroup>();
        foreach (var (name, servers) in wanted)
        {
            var known = Known(name);
            var group = Describe(name, servers, known?.Group);
            if (known is { Queue: not IAdjustableJobQueue } && group != known.Group)
            {
                fixedGroups.Add((name, null));
                group = known.Group;
            }
            groups.Add(new(group, known?.Queue ?? CreateQueue(group, options, groups), known?.Care ?? CreateCare(group, options), servers.MaxIdleConnections));
        }
        ChangeSlots(groups);                                        // first: servers have their counts before a queue grants them
        for (var i = 0; i < groups.Count; i++)
        {
            if (create is null) ((JobQueue)groups[i].Queue).Capacity = options.Limits.MaxQueuedRequests;
            if (Known(groups[i].Name) is not { } known) continue;
            groups[i].Care.Change(groups[i].Group, options);        // first: the queue finds out at once who may be granted
            if (known.Group != groups[i].Group) groups[i] = Adjust(groups[i], known, options, fixedGroups);
        }
        _removed.RemoveAll(removed => groups.Exists(group => group.Queue == removed.Queue));
        _removed.AddRange(_groups.Where(known => !groups.Exists(group => group.Queue == known.Queue)));
        _groups = groups;
        return groups;
    }

    /// <summary>The groups that were removed by an earlier change, for whoever finds out that nothing uses them any more.</summary>
    public IReadOnlyList<ActiveGroup> Removed => [.. _removed];

    /// <summary>Forgets a group that was removed.</summary>
    /// <returns>Whether its queue is to be disposed: it is not in use again.</returns>
    public bool Forget(ActiveGroup removed) => _removed.Remove(removed);

    /// <summary>The count of a server's connections.</summary>
    /// <exception cref="IOException">It is not a server of any group.</exception>
    public ConnectionSlots SlotsOf(ServerAddress server) =>
        _slots.TryGetValue(server, out var slots) ? slots : throw new IOException($"The job queue granted {server}, which is not a server of any group.");

    /// <summary>Connections to a server that are open or being dialled; 0 for one that is in no group.</summary>
    public int OpenConnections(ServerAddress server) => _slots.TryGetValue(server, out var slots) ? slots.Open : 0;

    private static ActiveGroup Adjust(ActiveGroup group, ActiveGroup known, CmiOptions options, List<(string Name, Exception? Why)> fixedGroups)
    {
        try
        {
            ((IAdjustableJobQueue)group.Queue).Adjust(group.Group);
            return group;
        }
        catch (Exception e)
        {
            fixedGroups.Add((group.Name, e));
            known.Care.Change(known.Group, options);
            return known;
        }
    }

    private GroupCare CreateCare(ServerGroup group, CmiOptions options)
    {
        var (connections, loops) = (engine.Connections, engine.Connections.Loops);
        var health = new GroupHealth(group, new(options.Health), loops.Count);
        var budget = new RetryBudget(loops.Count, options.Retry.BudgetShare, options.Retry.BudgetMinimumPerSecond);
        var care = new GroupCare(health, budget, new(health, connections, SlotsOf, engine.Reclaim, loops[0], engine.Logger, engine.DropIdle), loops[0]);
        if (_watches) care.Watch();
        return care;
    }

    private IJobQueue CreateQueue(ServerGroup group, CmiOptions options, List<ActiveGroup> before)
    {
        if (create is null) return new JobQueue(group, options.Limits.MaxQueuedRequests);
        try
        {
            return create(group);
        }
        catch
        {
            _removed.AddRange(before.Where(made => Known(made.Name) is null));              // those made before are taken at the next change, or disposed
            throw;
        }
    }

    private ActiveGroup? Known(string name) =>
        _groups.Concat(_removed).FirstOrDefault(group => group.Name.Equals(name, StringComparison.OrdinalIgnoreCase));

    /// <summary>A group as the options have it; the same object if it is as before, so that its turn goes on.</summary>
    private static ServerGroup Describe(string name, ServerOptions options, ServerGroup? before)
    {
        var servers = options.Addresses.Select(url =>
            ServerAddress.TryParse(url, out var server, out var fault) ? server : throw new ArgumentException($"The server '{url}' {fault}.", nameof(options)));
        IServerSelector selector = options.Selection == ServerSelection.RoundRobin ? new RoundRobinSelector() : new LeastJobsSelector();
        if (before?.Selector.GetType() == selector.GetType()) selector = before.Selector;
        var group = new ServerGroup(name, servers, selector, options.MaxRequests, options.MaxConnections ?? options.MaxRequests);
        var same = before is not null && before.Selector == selector && before.Servers.SequenceEqual(group.Servers)
            && before.MaxRequestsPerServer == group.MaxRequestsPerServer && before.MaxConnectionsPerServer == group.MaxConnectionsPerServer;
        return same ? before! : group;
    }

    private void ChangeSlots(List<ActiveGroup> groups)
    {
        var before = _slots;
        var after = new Dictionary<ServerAddress, ConnectionSlots>();
        foreach (var server in groups.SelectMany(group => group.Group.Servers).Distinct())
        {
            var owners = groups.Where(group => group.Group.Servers.Contains(server)).ToList();
            // Together they may have as many as each was promised: a grant of one never waits for the connections of another.
            var limit = owners.Exists(group => group.Group.MaxConnectionsPerServer == 0) ? 0 : owners.Sum(group => group.Group.MaxConnectionsPerServer);
            var maxIdle = owners.Max(group => group.MaxIdleConnections);
            if (before.TryGetValue(server, out var slots)) slots.Change(limit, maxIdle);
            after.Add(server, slots ?? new(limit, maxIdle));
        }
        // A server that has left its groups is kept for one more change at least, since a grant may be on its way to a connection; and as long as
        // requests may wait in a group that was removed.
        var left = before.Keys.Where(server => !after.ContainsKey(server)).ToHashSet();
        foreach (var server in left)
        {
            before[server].KeepNoneIdle();
            var mayBeGranted = !_left.Contains(server) || _removed.Exists(group => group.Group.Servers.Contains(server));
            if (mayBeGranted || !before[server].TryEnd()) after.Add(server, before[server]);
        }
        (_left, _slots) = (left, after);
    }
}
