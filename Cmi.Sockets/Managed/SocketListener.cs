using System.Net.Sockets;

namespace Cmi.Sockets.Managed;

/// <summary>
/// One place where clients connect: one listening socket (two for <c>localhost</c>), each with an accept loop on the thread pool. Accepted sockets go to
/// the loops in turn.
/// <para>Threading: any thread.</para>
/// </summary>
internal sealed class SocketListener : IListener
{
    private const int RetryMilliseconds = 100;                     // while the process or the system is out of handles

    private readonly SocketConnectionManager _manager;
    private readonly Action<IConnection> _accepted;
    private readonly Socket[] _sockets;
    private readonly SemaphoreSlim _onTheWay;                      // bounds what was accepted and waits in the mailboxes of loops
    private readonly Lock _gate = new();
    private readonly Task[] _acceptLoops;
    private CancellationTokenSource _accepting = new();            // cancelled by a pause and at the end
    private TaskCompletionSource? _paused;                         // completes when accepting goes on
    private volatile bool _disposed;
    private int _failing;                                          // 1: the failure of this episode was logged

    public SocketListener(SocketConnectionManager manager, ListenAddress address, Socket[] sockets, Action<IConnection> accepted)
    {
        (_manager, Address, _sockets, _accepted) = (manager, address, sockets, accepted);
        _onTheWay = new(manager.Options.Backlog);
        _acceptLoops = [.. sockets.Select(socket => Task.Run(() => AcceptAsync(socket)))];
    }

    public ListenAddress Address { get; }

    public void Pause()
    {
        CancellationTokenSource accepting;
        lock (_gate)
        {
            if (_disposed || _paused is not null) return;
            _paused = new(TaskCreationOptions.RunContinuationsAsynchronously);
            accepting = _accepting;
        }
        accepting.Cancel();
    }

    public void Resume()
    {
        lock (_gate)
        {
            if (_disposed || _paused is null) return;
            _accepting = new();                                    // the one before is left to the garbage collector: a Pause may be cancelling it
            _paused.SetResult();
            _paused = null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        bool first;
        lock (_gate)
        {
            first = !_disposed;
            _disposed = true;
            _paused?.TrySetResult();
        }
        if (first)
        {
            await _accepting.CancelAsync();
            foreach (var socket in _sockets) socket.Dispose();     // that of a Unix domain socket removes its file
            _manager.Forget(this);
        }
        await Task.WhenAll(_acceptLoops);
    }

    private async Task AcceptAsync(Socket listening)
    {
        while (!_disposed)
        {
            Task? paused;
            CancellationToken accepting;
            lock (_gate) (paused, accepting) = (_paused?.Task, _accepting.Token);
            if (paused is not null)
            {
                await paused;
                continue;
            }
            try
            {
                await _onTheWay.WaitAsync(accepting);
            }
            catch (OperationCanceledException)
            {
                continue;
            }
            if (await TryAcceptAsync(listening, accepting) is { } socket) Deliver(socket);
            else _onTheWay.Release();
        }
    }

    private async Task<Socket?> TryAcceptAsync(Socket listening, CancellationToken accepting)
    {
        try
        {
            var socket = await listening.AcceptAsync(accepting);
            if (Interlocked.Exchange(ref _failing, 0) != 0) Log.Safely(_manager.Logger, logger => logger.AcceptWorksAgain(Address));
            return socket;
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException || _disposed)
        {
            return null;
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionAborted or SocketError.ConnectionReset or SocketError.OperationAborted)
        {
            return null;                                           // a client that left before it was accepted, or a pause
        }
        catch (Exception e)
        {
            // Out of handles or of memory, mostly. The client stays in the backlog and the socket stays readable, so without a break this would spin.
            // Any exception: to make one for this error the runtime opens files, and what it throws when it cannot is not a SocketException any more.
            if (Interlocked.Exchange(ref _failing, 1) == 0 && !Log.Safely(_manager.Logger, logger => logger.AcceptFails(Address, e.Message, RetryMilliseconds)))
                _failing = 0;                                      // the next attempt logs it
        }
        await BreakAsync(accepting);
        return null;
    }

    // By the timer of a loop, whose thread is there already: the runtime's timers start a thread of their own when first used, and out of handles that
    // fails, which would end the accept loop for good.
    private async Task BreakAsync(CancellationToken accepting)
    {
        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var timer = new LoopTimer(static over => ((TaskCompletionSource)over!).TrySetResult(), over);
        var loop = _manager.Loops[0];
        loop.Post(_ => loop.SetTimer(timer, loop.Now + RetryMilliseconds), null);
        using var cancelled = accepting.UnsafeRegister(static over => ((TaskCompletionSource)over!).TrySetResult(), over);
        await over.Task;
    }

    private void Deliver(Socket socket)
    {
        var loop = (ManagedLoop)_manager.NextLoop();
        try
        {
            var connection = new SocketConnection(_manager, loop, socket);
            loop.Post(_ => Start(connection), null);
        }
        catch (SocketException)
        {
            _onTheWay.Release();                                   // the client has left already
        }
    }

    private void Start(SocketConnection connection)
    {
        _onTheWay.Release();
        connection.Start();
        if (_disposed)
        {
            connection.Abort("The listener was disposed.");
            return;
        }
        try
        {
            _accepted(connection);
        }
        catch
        {
            connection.Abort("What was told of the new connection threw.");
            throw;                                                 // the loop logs it
        }
    }
}
