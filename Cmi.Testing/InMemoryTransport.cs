using System.Net;

namespace Cmi.Testing;

/// <summary>
/// A transport without threads, ports or real time: connections are pairs of byte queues, and loops turn when the test cranks them. The same seed and the
/// same calls give the same run.
/// <para>
/// Inside are the engine's connections, with the exact semantics of <see cref="IConnection"/>; outside are <see cref="InMemoryPeer"/>s: clients made by
/// <see cref="Connect"/>, and the ends of servers that <see cref="AddServer"/> scripts. An address that is listened at can be dialled as a server too.
/// </para>
/// <para>Threading: the thread of the test.</para>
/// </summary>
public sealed class InMemoryTransport : IConnectionManager
{
    private const int FirstPort = 49152;                           // of the range that is for nobody in particular (RFC 6335 §6)

    private readonly List<InMemoryListener> _listeners = [];
    private readonly Dictionary<ServerAddress, InMemoryServer?> _servers = [];    // null: a black hole
    private readonly HashSet<InMemoryConnection> _open = [];
    private readonly HashSet<TaskCompletionSource<IConnection>> _silent = [];
    private int _nextPort = FirstPort;
    private int _nextClientPort = FirstPort;
    private int _nextLoop;
    private bool _disposed;

    /// <summary>Makes a transport with its own loops.</summary>
    /// <param name="options">How it behaves; all by default if absent.</param>
    public InMemoryTransport(InMemoryOptions? options = null)
    {
        Options = options ?? new();
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(Options.Capacity, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(Options.MaxReceive, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(Options.MaxSend, nameof(options));
        Crank = new(Options.LoopCount, Options.Seed);
        Random = new(Options.Seed);
    }

    /// <summary>The loops, to be cranked.</summary>
    public ManualLoops Crank { get; }

    /// <inheritdoc/>
    public IReadOnlyList<ILoop> Loops => Crank.All;

    /// <summary>How many connections the loops hold open, those to servers included; for leak checks.</summary>
    public int OpenConnections => _open.Count;

    /// <summary>How many connections to servers were made.</summary>
    public int Dialled { get; private set; }

    /// <summary>How many connections from clients were accepted.</summary>
    public int Accepted { get; private set; }

    internal InMemoryOptions Options { get; }

    internal Random Random { get; }

    /// <summary>Connects a client from outside. It may send at once; it is accepted when the loops are cranked.</summary>
    /// <param name="to">Where: what <see cref="IListener.Address"/> says.</param>
    /// <param name="from">The client's own address; by default 127.0.0.1 with the next port.</param>
    /// <returns>The client's end.</returns>
    /// <exception cref="IOException">Nobody listens there.</exception>
    public InMemoryPeer Connect(ListenAddress to, PeerAddress? from = null)
    {
        ArgumentNullException.ThrowIfNull(to);
        var listener = FindListener(to.Kind, to.Host, to.Port) ?? throw new IOException($"Nobody listens at {to}.");
        var client = new InMemoryPeer(Crank);
        ConnectTo(listener, client, from);
        return client;
    }

    /// <summary>Scripts a server, in place of what was at that address.</summary>
    /// <param name="at">Where.</param>
    /// <param name="accepted">Called with every new connection; <see langword="null"/> where the test drives <see cref="InMemoryServer.Connections"/>.</param>
    /// <returns>The server.</returns>
    public InMemoryServer AddServer(ServerAddress at, Action<InMemoryPeer>? accepted = null)
    {
        var server = new InMemoryServer(at) { Accepted = accepted };
        _servers[at] = server;
        return server;
    }

    /// <summary>Refuses connects to a server from now on, as for every address that nothing was said about. Connections that are open stay so.</summary>
    /// <param name="at">Where.</param>
    public void Refuse(ServerAddress at) => _servers.Remove(at);

    /// <summary>Leaves connects to a server without an answer from now on, until they are cancelled.</summary>
    /// <param name="at">Where.</param>
    public void BlackHole(ServerAddress at) => _servers[at] = null;

    /// <inheritdoc/>
    public ValueTask<IListener> ListenAsync(ListenAddress at, Action<IConnection> accepted, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(at);
        ArgumentNullException.ThrowIfNull(accepted);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (cancellationToken.IsCancellationRequested) return ValueTask.FromCanceled<IListener>(cancellationToken);
        if (at is { Kind: AddressKind.Tcp, Port: 0 }) at = at with { Port = _nextPort++ };
        if (_listeners.Exists(l => l.Address.Kind == at.Kind && l.Address.Port == at.Port && NameOf(l.Address.Host) == NameOf(at.Host)))
            return ValueTask.FromException<IListener>(new IOException($"The address {at} is in use."));
        var listener = new InMemoryListener(this, at, accepted);
        _listeners.Add(listener);
        return new(listener);
    }

    /// <inheritdoc/>
    public ValueTask<IConnection> ConnectAsync(ServerAddress server, ILoop loop, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(server);
        if (loop is not ManualLoop own || !Crank.All.Contains(own)) throw new ArgumentException("Not a loop of this transport.", nameof(loop));
        if (!own.IsCurrent) throw new InvalidOperationException("A server is dialled on the loop that the connection belongs to.");
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (cancellationToken.IsCancellationRequested) return ValueTask.FromCanceled<IConnection>(cancellationToken);
        var done = new TaskCompletionSource<IConnection>();
        var cancelled = cancellationToken.UnsafeRegister(_ => own.Post(_ => GiveUp(done, cancellationToken), null), null);
        own.Post(_ => Dial(server, own, done, cancellationToken), null);      // never at once: no real dial is either
        return new(Finish(done.Task, cancelled));
    }

    /// <summary>Stops listening and dialling, and resets all connections that are open, when the loops are cranked next.</summary>
    /// <returns>A completed task.</returns>
    public async ValueTask DisposeAsync()
    {
        if (_disposed) return;
        _disposed = true;
        foreach (var listener in _listeners.ToArray()) await listener.DisposeAsync();
        foreach (var connection in _open.OrderBy(c => c.Id).ToArray())
            connection.Loop.Post(_ => connection.Abort("The transport was disposed."), null);
        foreach (var dial in _silent.ToArray()) dial.TrySetException(Disposed());
        _silent.Clear();
    }

    internal void Closed(InMemoryConnection connection)
    {
        if (_open.Remove(connection) && connection.Server is { } server) server.Open--;
    }

    internal void CountAccepted() => Accepted++;

    internal void Remove(InMemoryListener listener) => _listeners.Remove(listener);

    private void Dial(ServerAddress server, ManualLoop loop, TaskCompletionSource<IConnection> done, CancellationToken cancellationToken)
    {
        if (done.Task.IsCompleted) return;
        if (cancellationToken.IsCancellationRequested) done.TrySetCanceled(cancellationToken);
        else if (_disposed) done.TrySetException(Disposed());
        else if (_servers.TryGetValue(server, out var scripted))
        {
            if (scripted is null)
            {
                _silent.Add(done);
                return;
            }
            var peer = new InMemoryPeer(Crank);
            var connection = Add(loop, AddressOf(server), peer, scripted);
            Dialled++;
            scripted.Add(peer);
            done.TrySetResult(connection);
        }
        else if (FindListener(server.Kind, server.Host, server.Port) is { } listener)
        {
            var connection = Add(loop, AddressOf(server), null);
            Dialled++;
            ConnectTo(listener, connection, null);
            done.TrySetResult(connection);
        }
        else done.TrySetException(new IOException($"{server} refused the connection."));
    }

    private void GiveUp(TaskCompletionSource<IConnection> done, CancellationToken cancellationToken)
    {
        _silent.Remove(done);
        done.TrySetCanceled(cancellationToken);
    }

    private static async Task<IConnection> Finish(Task<IConnection> connecting, CancellationTokenRegistration cancelled)
    {
        try
        {
            return await connecting;
        }
        finally
        {
            cancelled.Unregister();
        }
    }

    private void ConnectTo(InMemoryListener listener, InMemoryEnd client, PeerAddress? from)
    {
        var address = from ?? (listener.Address.Kind == AddressKind.Tcp ? new PeerAddress(IPAddress.Loopback, NextClientPort()) : null);
        listener.Add(Add(Crank.All[_nextLoop++ % Crank.All.Count], address, client));
    }

    private InMemoryConnection Add(ManualLoop loop, PeerAddress? peer, InMemoryEnd? other, InMemoryServer? server = null)
    {
        var connection = new InMemoryConnection(this, loop, peer, ConnectionIds.Next()) { Server = server };
        _open.Add(connection);
        if (server is not null) server.Open++;
        if (other is not null) InMemoryEnd.Join(connection, other, Options.Capacity);
        return connection;
    }

    private InMemoryListener? FindListener(AddressKind kind, string host, int port)
    {
        var onPort = _listeners.FindAll(l => l.Address.Kind == kind && l.Address.Port == port);
        return onPort.Find(l => NameOf(l.Address.Host) == NameOf(host)) ?? onPort.Find(l => l.Address.Host == "*" || host == "*");
    }

    private int NextClientPort()
    {
        var port = _nextClientPort;
        _nextClientPort = port == ushort.MaxValue ? FirstPort : port + 1;
        return port;
    }

    private ObjectDisposedException Disposed() => new(nameof(InMemoryTransport));

    private static string NameOf(string host) => host == "localhost" ? "127.0.0.1" : host;

    private static PeerAddress? AddressOf(ServerAddress server) =>
        server.Kind == AddressKind.Unix ? null : new(IPAddress.TryParse(server.Host, out var address) ? address : IPAddress.Loopback, server.Port);

    // Ids are unique in the process, not only in one transport.
    private static class ConnectionIds
    {
        private static long _last;

        public static long Next() => Interlocked.Increment(ref _last);
    }
}
