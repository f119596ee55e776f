namespace Cmi.Testing;

/// <summary>A scripted server outside of the loops. <para>Threading: the thread of the test.</para></summary>
public sealed class InMemoryServer
{
    private readonly List<InMemoryPeer> _connections = [];

    internal InMemoryServer(ServerAddress address) => Address = address;

    /// <summary>Where it is.</summary>
    public ServerAddress Address { get; }

    /// <summary>All connections that it was ever dialled for, in order; its own ends of them.</summary>
    public IReadOnlyList<InMemoryPeer> Connections => _connections;

    /// <summary>How many connections to it the loops hold open now.</summary>
    public int Open { get; internal set; }

    /// <summary>The connection that was dialled last.</summary>
    /// <exception cref="InvalidOperationException">There was none.</exception>
    public InMemoryPeer Last => _connections.Count > 0 ? _connections[^1] : throw new InvalidOperationException($"Nobody has connected to {Address}.");

    /// <summary>Called with every new connection, on the dialling loop.</summary>
    public Action<InMemoryPeer>? Accepted { get; set; }

    internal void Add(InMemoryPeer peer)
    {
        _connections.Add(peer);
        Accepted?.Invoke(peer);
    }
}
