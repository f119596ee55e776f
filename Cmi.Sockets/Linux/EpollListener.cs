using System.Net.Sockets;

namespace Cmi.Sockets.Linux;

/// <summary>
/// One place where clients connect. With TCP each loop has a listening socket of its own at the same address (SO_REUSEPORT), and the kernel spreads the
/// clients over them; a Unix domain socket knows no such thing, so one loop accepts and hands over to all in turn.
/// <para>Threading: any thread.</para>
/// </summary>
internal sealed class EpollListener : IListener
{
    private readonly Socket[] _sockets;
    private readonly EpollAcceptor[] _acceptors;
    private readonly Task[] _started;
    private readonly Lock _gate = new();
    private Task? _disposal;
    private int _failing;                                          // how many acceptors cannot accept now
    private int _told;                                             // 1: the failure of this episode was logged
    private int _onTheWay;

    /// <summary>Starts accepting. Called where the manager is not yet being disposed, so that the loops still run what is posted here.</summary>
    public EpollListener(SocketConnectionManager manager, ListenAddress address, Socket[] sockets, Action<IConnection> accepted)
    {
        (Manager, Address, _sockets, Accepted) = (manager, address, sockets, accepted);
        var loops = manager.AllLoops;
        IsShared = sockets.Length < loops.Length;
        _acceptors = [.. sockets.Select((socket, index) => new EpollAcceptor(this, (EpollLoop)loops[index % loops.Length], socket))];
        _started = [.. _acceptors.Select(acceptor => acceptor.StartAsync())];
    }

    public ListenAddress Address { get; }

    public SocketConnectionManager Manager { get; }

    /// <summary>Whether one socket serves all loops.</summary>
    public bool IsShared { get; }

    /// <summary>Called for each client, on its loop.</summary>
    public Action<IConnection> Accepted { get; }

    /// <summary>How many clients were accepted and are not yet with their loops; bounded by the backlog.</summary>
    public ref int OnTheWay => ref _onTheWay;

    /// <summary>Waits until all loops accept.</summary>
    /// <exception cref="IOException">One cannot; the listener is disposed of.</exception>
    public async Task StartedAsync()
    {
        try
        {
            await Task.WhenAll(_started);
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    public void Pause()
    {
        foreach (var acceptor in _acceptors) acceptor.Pause();
    }

    public void Resume()
    {
        foreach (var acceptor in _acceptors) acceptor.Resume();
    }

    public ValueTask DisposeAsync()
    {
        lock (_gate) return new(_disposal ??= DisposeCoreAsync());
    }

    /// <summary>Notes that one more acceptor cannot accept.</summary>
    public void Failing(string error, int retryMilliseconds)
    {
        Interlocked.Increment(ref _failing);
        if (Interlocked.Exchange(ref _told, 1) == 0 && !Log.Safely(Manager.Logger, logger => logger.AcceptFails(Address, error, retryMilliseconds)))
            _told = 0;                                             // another one logs it
    }

    /// <summary>Notes that one acceptor can accept again.</summary>
    public void Recovered()
    {
        if (Interlocked.Decrement(ref _failing) == 0 && Interlocked.Exchange(ref _told, 0) != 0)
            Log.Safely(Manager.Logger, logger => logger.AcceptWorksAgain(Address));
    }

    private async Task DisposeCoreAsync()
    {
        await Task.WhenAll(_acceptors.Select(acceptor => acceptor.StopAsync()));
        foreach (var socket in _sockets) socket.Dispose();         // that of a Unix domain socket removes its file
        Manager.Forget(this);
    }
}
