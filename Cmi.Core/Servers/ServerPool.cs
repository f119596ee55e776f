using System.Collections.Concurrent;
using System.Diagnostics;
using Cmi.Telemetry;

namespace Cmi.Servers;

/// <summary>Whoever has a server dialled.</summary>
internal interface IDialer
{
    /// <summary>The server is asked from here on; before, only a place among its connections was waited for.</summary>
    void DialBegins();
}

/// <summary>
/// The idle connections of one loop to its servers, reused last in, first out (the warmest first; the rest can age out), bounded per server, dropped when
/// they end, break, bring unasked bytes, or grow old. Also dials, within <see cref="ConnectionSlots"/>.
/// <para>Threading: the loop that owns it.</para>
/// </summary>
/// <param name="loop">The loop.</param>
/// <param name="connections">The transport.</param>
/// <param name="slots">The bounds of each server, shared by all loops.</param>
/// <param name="reclaim">Asks the pools of all loops to close an idle connection to a server.</param>
/// <param name="idleMs">How long one stays idle.</param>
/// <param name="metrics">Is told how long connections were open.</param>
internal sealed class ServerPool(ILoop loop, IConnectionManager connections, Func<ServerAddress, ConnectionSlots> slots, Action<ServerAddress> reclaim, long idleMs, CmiMetrics? metrics = null)
{
    private long _idleMs = idleMs;
    private readonly Dictionary<ServerAddress, IdleList> _idle = [];
    private LoopTimer? _timer;
    private bool _closed;

    private sealed class IdleList(ServerCounters counters)
    {
        public readonly ServerCounters Counters = counters;
        public ServerConnection? Newest, Oldest;
        public int Count;
    }

    /// <summary>Idle connections, over all servers.</summary>
    public int IdleCount { get; private set; }

    /// <summary>What this loop has counted of each server that it has been to.</summary>
    /// <value>Any thread may read it.</value>
    public ConcurrentDictionary<ServerAddress, ServerCounters> Counters { get; } = [];

    /// <summary>What this loop counts of a server.</summary>
    public ServerCounters CountersOf(ServerAddress server) => ListOf(server).Counters;

    /// <summary>Takes the idle connection that was used last.</summary>
    public bool TryTake(ServerAddress server, out ServerLease lease)
    {
        Debug.Assert(loop.IsCurrent);
        lease = default;
        if (!_idle.TryGetValue(server, out var list) || list.Newest is not { } connection) return false;
        Unlink(list, connection);
        lease = new(this, connection);
        return true;
    }

    /// <summary>Dials a server.</summary>
    /// <param name="server">Whom to dial.</param>
    /// <param name="dialer">Who wants to know when there is a place for the connection, and the server itself is asked.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="IOException">It cannot be reached.</exception>
    public async ValueTask<ServerLease> DialAsync(ServerAddress server, IDialer? dialer, CancellationToken cancellationToken)
    {
        var slot = slots(server);
        await slot.AcquireAsync(() => reclaim(server), cancellationToken);
        IConnection connection;
        try
        {
            if (!cancellationToken.IsCancellationRequested) dialer?.DialBegins();
            connection = await connections.ConnectAsync(server, loop, cancellationToken);
        }
        catch
        {
            slot.Release();
            throw;
        }
        return new(this, new ServerConnection(this, server, slot, connection, CountersOf(server), loop.Now));
    }

    /// <summary>Closes the idle connection that is least likely to be used again, if someone waits for its slot.</summary>
    public void Reclaim(ServerAddress server)
    {
        if (_idle.TryGetValue(server, out var list) && list.Oldest is { } oldest && oldest.Slots.IsWanted) DropIdle(oldest);
    }

    /// <summary>Takes over new bounds: closes what is idle beyond them, and forgets servers to which nothing is kept.</summary>
    public void Change(long newIdleMs)
    {
        Debug.Assert(loop.IsCurrent);
        _idleMs = newIdleMs;
        foreach (var (server, list) in _idle.ToArray())
        {
            while (list.Oldest is { } oldest && (list.Count > oldest.Slots.MaxIdle || oldest.Slots.IsWanted)) DropIdle(oldest);
            if (list.Count == 0) _idle.Remove(server);
        }
        if (_timer is { IsSet: true }) Expire();
    }

    /// <summary>Closes all idle connections to a server.</summary>
    public void DropAll(ServerAddress server)
    {
        if (!_idle.TryGetValue(server, out var list)) return;
        while (list.Oldest is { } oldest) DropIdle(oldest);
    }

    /// <summary>Closes all idle connections, and from now on every one that comes back.</summary>
    public void Shut()
    {
        _closed = true;
        foreach (var list in _idle.Values)
        {
            while (list.Oldest is { } oldest) DropIdle(oldest);
        }
        if (_timer is not null) loop.ClearTimer(_timer);
    }

    internal void Return(ServerConnection connection)
    {
        Debug.Assert(loop.IsCurrent);
        var bounds = connection.Slots;
        if (_closed || bounds.MaxIdle == 0 || bounds.IsWanted)
        {
            connection.Close(null);
            return;
        }
        var list = ListOf(connection.Server);
        if (list.Count >= bounds.MaxIdle) DropIdle(list.Oldest!);          // this one is the warmer
        connection.Generation++;
        connection.IsIdle = true;
        connection.IdleSince = loop.Now;
        connection.Older = list.Newest;
        if (list.Newest is { } newest) newest.Newer = connection;
        list.Newest = connection;
        list.Oldest ??= connection;
        list.Count++;
        list.Counters.Idle++;
        IdleCount++;
        connection.Connection.SetOwner(connection);
        _timer ??= new(static pool => ((ServerPool)pool!).Expire(), this);
        if (!_timer.IsSet) loop.SetTimer(_timer, loop.Now + _idleMs);
    }

    internal void DropIdle(ServerConnection connection)
    {
        if (!connection.IsIdle) return;
        Unlink(_idle[connection.Server], connection);
        connection.Close(null);
    }

    internal void NoteClosed(ServerConnection connection) =>
        metrics?.ServerConnectionClosed(connection.Counters.Labels, (loop.Now - connection.OpenedAt) / 1000.0);

    private IdleList ListOf(ServerAddress server)
    {
        if (_idle.TryGetValue(server, out var list)) return list;
        if (!Counters.TryGetValue(server, out var counters)) Counters[server] = counters = new(new(server));        // they outlive the list
        list = new(counters);
        _idle.Add(server, list);
        return list;
    }

    private void Unlink(IdleList list, ServerConnection connection)
    {
        if (connection.Newer is { } newer) newer.Older = connection.Older;
        else list.Newest = connection.Older;
        if (connection.Older is { } older) older.Newer = connection.Newer;
        else list.Oldest = connection.Newer;
        connection.Newer = connection.Older = null;
        connection.IsIdle = false;
        list.Count--;
        list.Counters.Idle--;
        IdleCount--;
        if (IdleCount == 0 && _timer is not null) loop.ClearTimer(_timer);
    }

    private void Expire()
    {
        var next = long.MaxValue;
        foreach (var list in _idle.Values)
        {
            while (list.Oldest is { } oldest && oldest.IdleSince + _idleMs <= loop.Now) DropIdle(oldest);
            if (list.Oldest is { } left) next = Math.Min(next, left.IdleSince + _idleMs);
        }
        if (next != long.MaxValue) loop.SetTimer(_timer!, next);
    }
}
