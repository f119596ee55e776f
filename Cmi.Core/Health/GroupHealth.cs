namespace Cmi.Health;

/// <summary>
/// The health of the servers of one group, shared by all loops: it takes note of what happened to attempts, and keeps the group's
/// <see cref="ServerAvailability"/>. A whole reply costs two writes in memory of the loop's own; only failures, probes and operators take the lock.
/// <para>Threading: any thread; <see cref="Succeeded"/> the loop of that number.</para>
/// </summary>
internal sealed class GroupHealth
{
    private const int CellBytes = 24, LineBytes = 128;

    private readonly HealthSettings _settings;
    private readonly ServerAvailability _availability;
    private readonly ServerAddress[] _servers;
    private readonly ServerRecord[] _records;
    private readonly Dictionary<ServerAddress, int> _places, _placesByValue;
    private readonly Cell[][] _cells;                              // of each loop: a place for each server
    private readonly int[] _failing;                               // whether a server has failed since its last whole reply
    private readonly Lock _gate = new(), _publishing = new();
    private int[] _usable = [];
    private int[]? _shares;
    private TimeProvider? _time;
    private long _origin, _timestamp;

    /// <summary>All servers are healthy.</summary>
    public GroupHealth(ServerGroup group, HealthSettings settings, int loops)
    {
        (Group, _settings, _availability, _servers) = (group, settings, group.Availability, [.. group.Servers]);
        _records = [.. _servers.Select(_ => new ServerRecord(settings))];
        _failing = new int[_servers.Length];
        // Queues nearly always grant the very addresses of the group: they are found without looking at their text.
        _places = new(ReferenceEqualityComparer.Instance);
        _placesByValue = [];
        for (var i = 0; i < _servers.Length; i++)
        {
            _places.Add(_servers[i], i);
            _placesByValue.Add(_servers[i], i);
        }
        _cells = [.. Enumerable.Range(0, loops).Select(_ => new Cell[_servers.Length + (LineBytes / CellBytes)])];
        _usable = [.. Enumerable.Range(0, _servers.Length)];
    }

    /// <summary>The group.</summary>
    public ServerGroup Group { get; }

    /// <summary>The settings.</summary>
    public HealthSettings Settings => _settings;

    /// <summary>Sets the clock for those who come from outside of the loops.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="now">What the loops call this moment, in milliseconds.</param>
    public void SetClock(TimeProvider time, long now)
    {
        lock (_gate) (_time, _origin, _timestamp) = (time, now, time.GetTimestamp());
    }

    /// <summary>There may be something to do for whoever probes: called outside of the lock, on any thread.</summary>
    public Action? Attend { get; set; }

    /// <summary>A server was put out (condition, failures in a row) or came back. Called outside of the lock, on any thread.</summary>
    public Action<ServerAddress, ServerCondition, int>? ConditionChanged { get; set; }

    /// <summary>A server gave a whole reply.</summary>
    /// <param name="server">The server; one that is not of the group is passed over.</param>
    /// <param name="loop">The number of the loop that calls.</param>
    /// <param name="startedAt">When the attempt began to ask it.</param>
    /// <param name="now">Milliseconds of the loop.</param>
    public void Succeeded(ServerAddress server, int loop, long startedAt, long now)
    {
        if (!TryFind(server, out var place)) return;
        ref var cell = ref _cells[loop][place];
        cell.Replies++;
        cell.LastAt = now;
        if (Volatile.Read(ref _failing[place]) != 0) Recovered(place, startedAt, now);
    }

    /// <summary>A server gave a reply whose end is the end of its connection, and a FIN was trusted to be that end.</summary>
    public void TrustedClose(ServerAddress server, int loop)
    {
        if (TryFind(server, out var place)) _cells[loop][place].TrustedCloses++;
    }

    /// <summary>An attempt at a server failed.</summary>
    /// <param name="server">The server; one that is not of the group is passed over.</param>
    /// <param name="failure">How.</param>
    /// <param name="startedAt">When the attempt began to ask it.</param>
    /// <param name="now">Milliseconds of the loop that calls.</param>
    /// <param name="random">That loop's chance.</param>
    public void Failed(ServerAddress server, ServerFailure failure, long startedAt, long now, Random random)
    {
        if (!TryFind(server, out var place)) return;
        Change(place, now, record =>
        {
            Volatile.Write(ref _failing[place], 1);
            var sum = Sum(place);
            var silent = failure == ServerFailure.Silence && (sum.Replies == 0 || sum.LastAt < startedAt);
            return record.Failed(failure, silent, sum.Replies, MayEject(), now, random);
        });
    }

    /// <summary>A probe or an active check ended.</summary>
    /// <param name="server">Its place in the group.</param>
    /// <param name="succeeded">Whether the server is as it should be.</param>
    /// <param name="isCheck">Whether it was an active check, which brings back what a probe would.</param>
    /// <param name="answered">Whether it was more than a connect.</param>
    /// <param name="now">Milliseconds of the loop that calls.</param>
    /// <param name="random">That loop's chance.</param>
    public void Probed(int server, bool succeeded, bool isCheck, bool answered, long now, Random random) => Change(server, now, record =>
    {
        if (!succeeded) record.ProbesFailed++;
        var changed = record.AwaitsProbe && now >= record.NextProbe && record.Probed(succeeded, answered, now, random);
        return (isCheck && record.Checked(succeeded, now)) | changed;
    });

    /// <summary>Sets what the operator wants of a server.</summary>
    /// <returns>Whether the group has it.</returns>
    public bool TrySetState(ServerAddress server, ServerState state)
    {
        if (!TryFind(server, out var place)) return false;
        var now = Now();
        Change(place, now, record =>
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
    /// <param name="server">Its place in the group.</param>
    /// <param name="ask">Whether more than a connect is needed.</param>
    public long ProbeDue(int server, out bool ask)
    {
        lock (_gate)
        {
            var record = _records[server];
            ask = record.Condition == ServerCondition.Ejected && _settings.Probe == HealthProbeKind.Ask;
            return record.AwaitsProbe ? record.NextProbe : long.MaxValue;
        }
    }

    /// <summary>Whether a server is to be checked at intervals.</summary>
    public bool IsChecked(int server)
    {
        lock (_gate) return _settings.ChecksActively && _records[server].State != ServerState.Maintenance;
    }

    /// <summary>When a slow start goes on next; <see cref="long.MaxValue"/>: there is none.</summary>
    public long StepDue(long now)
    {
        lock (_gate) return _records.Min(record => record.NextStep(now));
    }

    /// <summary>Whether a server that is not in <paramref name="but"/> is usable and not known to fail.</summary>
    public bool HasHealthy(ServerSet but)
    {
        lock (_gate)
        {
            for (var i = 0; i < _records.Length; i++)
            {
                if (!_records[i].IsOut && _records[i].State == ServerState.Active && !but.Contains(_servers[i])) return true;
            }
            return false;
        }
    }

    /// <summary>What is known of each server.</summary>
    public ServerHealth[] Describe()
    {
        var now = Now();
        lock (_gate)
        {
            return [.. _records.Select((record, i) => new ServerHealth(_servers[i], record.State, record.Condition, Array.IndexOf(_usable, i) >= 0, record.ConsecutiveFailures,
                TimeSpan.FromMilliseconds(record.Condition == ServerCondition.Ejected ? Math.Max(0, record.EjectedUntil - now) : 0),
                Sum(i).Replies, Sum(i).TrustedCloses, record.Failures, record.Ejections, record.ProbesFailed))];
        }
    }

    // A reply to what was asked after the server was put out says more than any probe. One to what was asked before says little: it may have been lucky.
    private void Recovered(int server, long startedAt, long now) => Change(server, now, record =>
    {
        record.ConsecutiveFailures = 0;
        Volatile.Write(ref _failing[server], 0);
        return record.Recovered(startedAt, now);
    });

    private void Change(int server, long now, Func<ServerRecord, bool> change)
    {
        ServerCondition before, after;
        int failures;
        lock (_gate)
        {
            var record = _records[server];
            (before, failures) = (record.Condition, record.ConsecutiveFailures + 1);
            if (!change(record)) return;
            Compute(now);
            after = record.Condition;
        }
        Publish();
        Attend?.Invoke();
        if (before != after) ConditionChanged?.Invoke(_servers[server], after, failures);
    }

    // Those that are out because they failed in use; whether one can be connected to is certain, and needs no bound.
    private bool MayEject()
    {
        var ejected = 0;
        foreach (var record in _records)
        {
            if (record.Condition == ServerCondition.Ejected) ejected++;
        }
        return ejected + 1 <= Math.Max(1, _records.Length * _settings.MaxEjectedShare);
    }

    /// <summary>Who is usable: the healthy; if none is, those that are only ejected, then those whose checks fail, then whoever was not taken out by hand.</summary>
    private void Compute(long now)
    {
        ReadOnlySpan<ServerCondition> fromBest = [ServerCondition.Healthy, ServerCondition.Ejected, ServerCondition.Unhealthy, ServerCondition.Unreachable];
        var usable = new List<int>();
        var shares = new int[_records.Length];
        // Nobody is put on trial alone: all would have to wait for one.
        var isAlone = !_records.Any(record => record is { State: ServerState.Active, Condition: ServerCondition.Healthy or ServerCondition.SlowStart });
        var ramps = false;
        for (var i = 0; i < _records.Length; i++)
        {
            shares[i] = _records[i].Share(now);
            if (isAlone && shares[i] == ServerAvailability.OneAtATime) shares[i] = ServerAvailability.FullShare;
            ramps |= shares[i] < ServerAvailability.FullShare;
        }
        foreach (var accepted in fromBest)
        {
            for (var i = 0; i < _records.Length; i++)
            {
                var condition = _records[i].IsOut ? _records[i].Condition : ServerCondition.Healthy;
                if (condition == accepted && _records[i].State == ServerState.Active) usable.Add(i);
            }
            if (usable.Count > 0) break;
        }
        (_usable, _shares) = ([.. usable], ramps ? shares : null);
    }

    // Two changes may publish in either order, so each publishes what is in force when its turn comes.
    private void Publish()
    {
        lock (_publishing)
        {
            int[] usable;
            int[]? shares;
            lock (_gate) (usable, shares) = (_usable, _shares);
            var now = _availability.Now;
            if (now.Usable.AsSpan().SequenceEqual(usable) && (now.Shares is null ? shares is null : now.Shares.AsSpan().SequenceEqual(shares))) return;
            _availability.Keep(usable, shares);
        }
        _availability.Tell();
    }

    private Cell Sum(int server)
    {
        var sum = default(Cell);
        foreach (var cells in _cells)
        {
            sum.Replies += Volatile.Read(ref cells[server].Replies);
            sum.TrustedCloses += Volatile.Read(ref cells[server].TrustedCloses);
            sum.LastAt = Math.Max(sum.LastAt, Volatile.Read(ref cells[server].LastAt));
        }
        return sum;
    }

    private long Now()
    {
        lock (_gate) return _time is null ? _origin : _origin + (long)_time.GetElapsedTime(_timestamp).TotalMilliseconds;
    }

    private bool TryFind(ServerAddress server, out int place) => _places.TryGetValue(server, out place) || _placesByValue.TryGetValue(server, out place);

    private struct Cell
    {
        public long Replies, LastAt, TrustedCloses;
    }
}
