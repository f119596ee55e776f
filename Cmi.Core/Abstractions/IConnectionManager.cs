namespace Cmi;

/// <summary>
/// A transport: it has the loops, listens for clients and dials servers. Reuse of server connections is not its business but the engine's.
/// <para>Threading: any thread, except where a member says otherwise.</para>
/// </summary>
public interface IConnectionManager : IAsyncDisposable
{
    /// <summary>The loops that carry connections; at least one, the same for the life of the manager.</summary>
    IReadOnlyList<ILoop> Loops { get; }

    /// <summary>Listens for clients.</summary>
    /// <param name="at">Where; port 0 picks a free one.</param>
    /// <param name="accepted">Called for every client on the loop that the connection belongs to; it sets the owner.</param>
    /// <param name="cancellationToken">Gives up listening before it has begun.</param>
    /// <returns>The listener; clients can connect when it is returned.</returns>
    /// <exception cref="IOException">The address is in use, not of this machine, or not permitted.</exception>
    ValueTask<IListener> ListenAsync(ListenAddress at, Action<IConnection> accepted, CancellationToken cancellationToken);

    /// <summary>Dials a server. A name is resolved off the loop and all its addresses are tried in turn.</summary>
    /// <param name="server">Whom to dial.</param>
    /// <param name="loop">One of <see cref="Loops"/>: the connection belongs to it, and this is called on it.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The connection; its owner is to be set next.</returns>
    /// <exception cref="IOException">The server cannot be reached: no byte can have been sent to it.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    ValueTask<IConnection> ConnectAsync(ServerAddress server, ILoop loop, CancellationToken cancellationToken);
}

/// <summary>One place where clients connect. Disposing it stops accepting; connections that are open stay so. <para>Threading: any thread.</para></summary>
public interface IListener : IAsyncDisposable
{
    /// <summary>Where it listens, with the port that was picked.</summary>
    ListenAddress Address { get; }

    /// <summary>Stops taking clients for a while; they wait in the system's backlog.</summary>
    void Pause();

    /// <summary>Takes clients again after <see cref="Pause"/>.</summary>
    void Resume();
}
