using Cmi.Telemetry;

namespace Cmi.Servers;

/// <summary>
/// A connection to a server with its place in the pool: one object for the whole life of the connection. While idle it is the connection's owner and hears its
/// end or unasked bytes without probing.
/// <para>Threading: the loop of the pool.</para>
/// </summary>
internal sealed class ServerConnection(ServerPool pool, ServerAddress server, ConnectionSlots slots, IConnection connection, ServerCounters counters, long openedAt) : IConnectionOwner
{
    internal ServerConnection? Newer, Older;                        // neighbours among the idle ones of its server
    internal bool IsIdle;
    internal long IdleSince;
    internal int Generation;

    public ServerAddress Server => server;

    /// <summary>Where its slot goes back to.</summary>
    public ConnectionSlots Slots => slots;

    public IConnection Connection => connection;

    /// <summary>What its loop counts of the server.</summary>
    public ServerCounters Counters => counters;

    /// <summary>When it was opened, in milliseconds of the loop.</summary>
    public long OpenedAt => openedAt;

    /// <summary>Closes it for good, and gives its slot back.</summary>
    /// <param name="abort">Why it is reset; <see langword="null"/>: a clean close.</param>
    public void Close(string? abort)
    {
        Generation++;
        if (abort is null) connection.Close();
        else connection.Abort(abort);
        slots.Release();
        pool.NoteClosed(this);
    }

    void IConnectionOwner.OnReady(IConnection ready)
    {
        // Idle, it can only have to say that it ended, broke, or brought bytes that nobody asked for (RFC 9112 §9.2): none is a reason to keep it.
        if (ready.HasInput) pool.DropIdle(this);
    }
}

/// <summary>The use of a server connection for one attempt; giving it back twice harms nobody.</summary>
internal readonly struct ServerLease(ServerPool pool, ServerConnection connection)
{
    private readonly int _generation = connection.Generation;

    public bool IsNone => connection is null;
    public IConnection Connection => connection.Connection;
    public ServerCounters Counters => connection.Counters;

    /// <summary>Gives back a connection that a whole, clean exchange has earned reuse.</summary>
    public void Reuse()
    {
        if (connection.Generation == _generation) pool.Return(connection);
    }

    /// <summary>Closes the connection.</summary>
    /// <param name="abort">Why it is reset; <see langword="null"/>: a clean close.</param>
    public void Close(string? abort = null)
    {
        if (connection.Generation == _generation) connection.Close(abort);
    }
}
