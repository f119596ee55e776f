namespace Cmi.Health;

/// <summary>
/// The health of the servers of one group, shared by all loops: it takes note of what happened to attempts, and keeps the group's
/// <see cref="ServerAvailability"/>. A whole reply costs two writes in memory of the loop's own; only failures, probes and operators take the lock. It goes on
/// when the group changes: what is known of a server that stays is kept.
/// <para>Threading: any thread; <see cref="Succeeded"/> and <see cref="TrustedClose"/> the loop of that number.</para>
/// </summary>
internal sealed class GroupHealth
{
    private readonly int _loops;
    private readonly Lock _gate = new(), _publishing = new();
    private volatile Membership _members;
    private HealthSettings _settings;
    private int[] _usable = [], _reserve = [];
    private int[]? _shares;
    private TimeProvider? _time;
    private long _origin, _timestamp;

    /// <summary>All servers are healthy.</summary>
    /// <param name="group">The group.</param>
    /// <param name="settings">The settings.</param>
    /// <param name="loops">How many loops tell of replies.</param>
    public GroupHealth(ServerGroup group, HealthSettings settings, int loops)
    {
        (_settings, _loops) = (settings, loops);
        _members = new(group, [.. group.Servers.Select(server => new GroupMember(server, settings, loops))]);
        _usable = [.. Enumerable.Range(0, _members.All.Length)];
    }

    /// <summary>The settings.</summary>
    public HealthSettings Settings => Volatile.Read(ref _settings);

    /// <summary>The servers, in the order of the group.</summary>
    public ReadOnlySpan<GroupMember> Members => _members.All;

    /// <summary>There may be something to do for whoever probes: called outside of the lock, on any thread.</summary>
    public Action? Attend { get; set; }

    /// <summary>A server was put out or is back (its condition, its failures in a row until now). Called outside of the lock, on any thread.</summary>
    public Action<ServerAddress, ServerCondition, int>? ConditionChanged { get; set; }

    /// <summary>Sets the clock for those who come from outside of the loops.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="now">What the loops call this moment, in milliseconds.</param>
    public void SetClock(TimeProvider time, long now)
    {
        lock (_gate) (_time, _origin, _timestamp) = (time, now, time.GetTimestamp());
    }

    /// <summary>Goes on with other servers or settings.</summary>
    public void Change(ServerGroup group, HealthSettings settings)
    {
        lock (_gate)
        {
            var before = _members;
            Volatile.Write(ref _settings, settings);
            _members = new(group, [.. group.Servers.Select(server => before.Find(server) ?? new GroupMember(server, settings, _loops))]);
            foreach (var member in _members.All) member.Record.Settings = settings;
            Compute(Now());
        }
        Publish();
        Attend?.Invoke();
    }

    /// <summary>A server gave a whole reply.</summary>
    /// <param name="server">The server; one that is not of the group is passed over.</param>
    /// <param name="loop">The number of the loop that calls.</param>
    /// <param name="startedAt">When the attempt began to ask it.</param>
    /// <param name="now">Milliseconds of the loop.</param>
    public void Succeeded(ServerAddress server, int loop, long startedAt, long now)
    {
        if (_members.Find(server) is not { } member) return;
        ref var tally = ref member.Of(loop);
        tally.Replies++;
        tally.LastAt = now;
        if (member.IsFailing) Recovered(member, startedAt, now);
    }

    /// <summary>A server gave a reply whose end is the end of its connection, and a FIN was trusted to be that end.</summary>
    public void TrustedClose(ServerAddress server, int loop)
    {
        if (_members.Find(server) is { } member) member.Of(loop).TrustedCloses++;
    }

    /// <summary>An attempt at a server failed.</summary>
    /// <param name="server">The server; one that is not of the group is passed over.</param>
    /// <param name="failure">How.</param>
    /// <param name="startedAt">When the attempt began to ask it.</param>
    /// <param name="now">Milliseconds of the loop that calls.</param>
    /// <param name="random">That loop's chance.</param>
    public void Failed(ServerAddress server, ServerFailure failure, long startedAt, long now, Random random)
    {
        if (_members.Find(server) is not { } member) return;
        Change(member, now, record =>
        {
            member.IsFailing = true;
            var sum = member.Sum();
            var silent = failure == ServerFailure.Silence && (sum.Replies == 0 || sum.LastAt < startedAt);
            return record.Failed(failure, silent, sum.Replies, MayEject(), now, random);
        });
    }

    /// <summary>
    /// An attempt was given up since another server answered first. That is no failure. But a server that is overtaken again and again without a word to anyone has
    /// been silent, as soon as all that waiting is as long as one request would have waited for it.
    /// </summary>
    /// <param name="server">The server; one that is not of the group is passed over.</param>
    /// <param name="startedAt">When the attempt began to ask it.</param>
    /// <param name="patience">How long one request would have waited, in milliseconds.</param>
    /// <param name="now">Milliseconds of the loop that calls.</param>
    /// <param name="random">That loop's chance.</param>
    public void Overtaken(ServerAddress server, long startedAt, long patience, long now, Random random)
    {
        if (_members.Find(server) is not { } member) return;
        long since;
        lock (_gate)
        {
            var sum = member.Sum();
            since = member.Record.WaitedInVain(startedAt, sum.Replies > 0 ? sum.LastAt : long.MinValue, patience, now);
        }
        if (since >= 0) Failed(server, ServerFailure.Silence, since, now, random);
    }

    /// <summary>A probe or an active check ended.</summary>
    /// <param name="member">The server.</param>
    /// <param name="succeeded">Whether it is as it should be.</param>
    /// <param name="isCheck">Whether it was an active check, which brings back what a probe would.</param>
    /// <param name="answered">Whether it was more than a connect.</param>
    /// <param name="now">Milliseconds of the loop that calls.</param>
    /// <param name="random">That loop's chance.</param>
    public void Probed(GroupMember member, bool succeeded, bool isCheck, bool answered, long now, Random random) => Change(member, now, record =>
    {
        if (!succeeded) record.ProbesFailed++;
        var changed = record.AwaitsProbe && now >= record.NextProbe && record.Probed(succeeded, answered, now, random);
        return (isCheck && record.Checked(succeeded, now)) | changed;
    });

    /// <summary>Sets what the operator wants of a server.</summary>
    /// <returns>Whether the group has it.</returns>
    public bool TrySetState(ServerAddress server, ServerState state)
    {
        if (_members.Find(server) is not { } member) return false;
        var now = Now();
        Change(member, now, record =>
        {
            if (record.State == state) return false;
            if (state == ServerState.Active) record.Activate(now);
            record.State = state;
            return true;
        });
        return true;
    }

    /// <summary>Lets slow starts go on.</summary>
    public void Step(long now)
    {
        lock (_gate) Compute(now);
        Publish();
    }

    /// <summary>When a server that is out should be probed; <see cref="long.MaxValue"/>: not at all.</summary>
    /// <param name="member">The server.</param>
    /// <param name="ask">Whether more than a connect is needed.</param>
    public long ProbeDue(GroupMember member, out bool ask)
    {
        lock (_gate)
        {
            var record = member.Record;
            ask = record.Condition == ServerCondition.Ejected && _settings.Probe == HealthProbeKind.Ask;
            return record.AwaitsProbe ? record.NextProbe : long.MaxValue;
        }
    }

    /// <summary>Whether a server is to be checked at intervals.</summary>
    public bool IsChecked(GroupMember member)
    {
        lock (_gate) return _settings.ChecksActively && member.Record.State != ServerState.Maintenance;
    }

    /// <summary>When a slow start goes on next; <see cref="long.MaxValue"/>: there is none.</summary>
    public long StepDue(long now)
    {
        lock (_gate) return _members.All.Min(member => member.Record.NextStep(now));
    }

    /// <summary>Whether a server that is not in <paramref name="but"/> is in use and not known to fail.</summary>
    public bool HasHealthy(ServerSet but)
    {
        lock (_gate)
        {
            foreach (var member in _members.All)
            {
                if (member.Record is { IsOut: false, State: ServerState.Active } && !but.Contains(member.Address)) return true;
            }
            return false;
        }
    }

    /// <summary>What is known of each server.</summary>
    public ServerHealth[] Describe()
    {
        var now = Now();
        lock (_gate) return [.. _members.All.Select((member, i) => Describe(member, isUsable: Array.IndexOf(_usable, i) >= 0, now))];
    }

    private static ServerHealth Describe(GroupMember member, bool isUsable, long now)
    {
        var (record, sum) = (member.Record, member.Sum());
        var outFor = TimeSpan.FromMilliseconds(record.Condition == ServerCondition.Ejected ? Math.Max(0, record.EjectedUntil - now) : 0);
        return new(member.Address, record.State, record.Condition, isUsable, record.ConsecutiveFailures, outFor,
            sum.Replies, sum.TrustedCloses, record.Failures, record.Ejections, record.ProbesFailed);
    }

    // A reply to what was asked after the server was put out says more than any probe. One to what was asked before says little: it may have been lucky.
    private void Recovered(GroupMember member, long startedAt, long now) => Change(member, now, record =>
    {
        record.ConsecutiveFailures = 0;
        member.IsFailing = false;
        return record.Recovered(startedAt, now);
    });

    private void Change(GroupMember member, long now, Func<ServerRecord, bool> change)
    {
        ServerCondition before, after;
        int failures;
        lock (_gate)
        {
            var record = member.Record;
            before = record.Condition;
            if (!change(record)) return;
            Compute(now);
            (after, failures) = (record.Condition, record.ConsecutiveFailures);
        }
        Publish();
        Attend?.Invoke();
        if (before != after) ConditionChanged?.Invoke(member.Address, after, failures);
    }

    // Those that are out because they failed in use; whether one can be connected to is certain, and needs no bound.
    private bool MayEject()
    {
        var ejected = _members.All.Count(member => member.Record.Condition == ServerCondition.Ejected);
        return ejected + 1 <= Math.Max(1, _members.All.Length * _settings.MaxEjectedShare);
    }

    /// <summary>Who is usable: the healthy; if none is, those that are only ejected, then those whose checks fail, then whoever was not taken out by hand.</summary>
    private void Compute(long now)
    {
        ReadOnlySpan<ServerCondition> fromBest = [ServerCondition.Healthy, ServerCondition.Ejected, ServerCondition.Unhealthy, ServerCondition.Unreachable];
        var members = _members.All;
        // Nobody is put on trial alone: all would have to wait for one.
        var isAlone = !members.Any(member => member.Record is { State: ServerState.Active, Condition: ServerCondition.Healthy or ServerCondition.SlowStart });
        var shares = new int[members.Length];
        for (var i = 0; i < members.Length; i++)
        {
            shares[i] = members[i].Record.Share(now);
            if (isAlone && shares[i] == ServerAvailability.OneAtATime) shares[i] = ServerAvailability.FullShare;
        }
        var usable = new List<int>();
        foreach (var accepted in fromBest)
        {
            for (var i = 0; i < members.Length; i++)
            {
                var record = members[i].Record;
                var condition = record.IsOut ? record.Condition : ServerCondition.Healthy;
                if (condition == accepted && record.State == ServerState.Active) usable.Add(i);
            }
            if (usable.Count > 0) break;
        }
        // These may have become better, and nobody knows. Of those that cannot be connected to, or whose checks fail, it is known that they have not.
        var reserve = Enumerable.Range(0, members.Length).Where(i => members[i].Record is { Condition: ServerCondition.Ejected, State: ServerState.Active } && !usable.Contains(i));
        (_usable, _reserve, _shares) = ([.. usable], [.. reserve], shares.Any(share => share < ServerAvailability.FullShare) ? shares : null);
    }

    // Two changes may publish in either order, so each publishes what is in force when its turn comes.
    private void Publish()
    {
        ServerAvailability availability;
        lock (_publishing)
        {
            int[] usable, reserve;
            int[]? shares;
            lock (_gate) (usable, reserve, shares, availability) = (_usable, _reserve, _shares, _members.Group.Availability);
            var now = availability.Now;
            if (now.Usable.AsSpan().SequenceEqual(usable) && now.Reserve.AsSpan().SequenceEqual(reserve) && (now.Shares is null ? shares is null : now.Shares.AsSpan().SequenceEqual(shares))) return;
            availability.Keep(usable, reserve, shares);
        }
        availability.Tell();
    }

    private long Now()
    {
        lock (_gate) return _time is null ? _origin : _origin + (long)_time.GetElapsedTime(_timestamp).TotalMilliseconds;
    }

    /// <summary>The servers of one version of the group. Immutable.</summary>
    private sealed class Membership
    {
        private readonly Dictionary<ServerAddress, GroupMember> _byReference = new(ReferenceEqualityComparer.Instance), _byValue = [];

        public Membership(ServerGroup group, GroupMember[] all)
        {
            (Group, All) = (group, all);
            for (var i = 0; i < all.Length; i++)
            {
                _byReference.Add(group.Servers[i], all[i]);
                _byValue.Add(group.Servers[i], all[i]);
            }
        }

        public ServerGroup Group { get; }
        public GroupMember[] All { get; }

        // Queues nearly always grant the very addresses of the group: they are found without looking at their text.
        public GroupMember? Find(ServerAddress server) =>
            _byReference.TryGetValue(server, out var member) || _byValue.TryGetValue(server, out member) ? member : null;
    }
}
