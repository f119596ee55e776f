using System.ComponentModel;
using System.Net;
using System.Net.Sockets;
using Cmi.Sockets.Linux;
using Cmi.Sockets.Managed;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cmi.Sockets;

/// <summary>
/// TCP and Unix domain sockets, on loops with a thread each. Its loops run from the moment it is made; an idle connection owns no buffer.
/// <para>
/// On Linux the loops wait by epoll for their own connections. Elsewhere, and where <see cref="SocketOptions.Transport"/> asks for it, the events come from
/// System.Net.Sockets; the price of that is a hop from the thread pool to the loop for each event that says that bytes have come.
/// </para>
/// <para>Threading: any thread; <see cref="ConnectAsync"/> on the loop, <see cref="DisposeAsync"/> not on a loop of its own.</para>
/// </summary>
public sealed class SocketConnectionManager : IConnectionManager
{
    private static long _lastConnectionId;

    private readonly SocketLoop[] _loops;
    private readonly NameCache _names;
    private readonly Lock _gate = new();
    private readonly HashSet<IListener> _listeners = [];
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _noDials = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _noClosing = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task? _disposal;
    private uint _nextLoop;
    private int _open;
    private int _dials = 1;                                        // and one for the manager itself, until it is disposed
    private int _closing = 1;                                      // likewise

    /// <summary>Makes the transport and starts its loops.</summary>
    /// <param name="options">The settings; the defaults if absent.</param>
    /// <param name="logger">Hears of what goes wrong.</param>
    /// <exception cref="ArgumentException">Settings that cannot work, all of them named.</exception>
    /// <exception cref="IOException">The system has no more handles for the loops.</exception>
    public SocketConnectionManager(SocketOptions? options = null, ILogger<SocketConnectionManager>? logger = null)
        : this(options, logger, static host => Dns.GetHostAddressesAsync(host))
    {
    }

    internal SocketConnectionManager(SocketOptions? options, ILogger<SocketConnectionManager>? logger, Func<string, Task<IPAddress[]>> resolve)
    {
        Options = options ?? new();
        if (new SocketOptionsValidator().Validate(null, Options) is { Failed: true } faults) throw new ArgumentException(faults.FailureMessage, nameof(options));
        Logger = logger ?? NullLogger<SocketConnectionManager>.Instance;
        CloseMilliseconds = (long)Math.Ceiling(Options.CloseTimeout.TotalMilliseconds);
        var time = TimeProvider.System;
        var origin = time.GetTimestamp();
        _names = new(resolve, time, Options.ResolveEvery);
        Transport = Options.Transport != SocketTransport.Auto ? Options.Transport : EpollLoop.IsSupported ? SocketTransport.Epoll : SocketTransport.Managed;
        _loops = Transport == SocketTransport.Epoll
            ? EpollLoop.CreateAll(this, time, origin)
            : [.. Enumerable.Range(0, Options.LoopCount).Select(index => new ManagedLoop(this, index, time, origin))];
        foreach (var loop in _loops) loop.Start();
    }

    /// <inheritdoc/>
    public IReadOnlyList<ILoop> Loops => _loops;

    /// <summary>How the loops hear of events: what <see cref="SocketOptions.Transport"/> says, or what was chosen where that is <see cref="SocketTransport.Auto"/>.</summary>
    public SocketTransport Transport { get; }

    /// <summary>
    /// The connections whose sockets are open; for leak checks. They include those that were closed and still send what they had taken, as far as that is held
    /// here: with <see cref="SocketTransport.Epoll"/> it is a few KiB at the most, and nearly always nothing.
    /// </summary>
    public int OpenConnections => Volatile.Read(ref _open);

    internal SocketOptions Options { get; }

    internal ILogger Logger { get; }

    internal long CloseMilliseconds { get; }

    /// <inheritdoc/>
    /// <remarks>
    /// <c>localhost</c> listens on both loopback addresses, <c>*</c> on all addresses of IPv4 and IPv6. The file of a Unix domain socket is removed when the
    /// listener is disposed; one that was left behind, and where nobody answers, is replaced.
    /// </remarks>
    /// <exception cref="ObjectDisposedException">The transport was disposed.</exception>
    public async ValueTask<IListener> ListenAsync(ListenAddress at, Action<IConnection> accepted, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(at);
        ArgumentNullException.ThrowIfNull(accepted);
        cancellationToken.ThrowIfCancellationRequested();
        ObjectDisposedException.ThrowIf(_stopping.IsCancellationRequested, this);
        var isEpoll = Transport == SocketTransport.Epoll;
        var (sockets, address) = await ListeningSockets.OpenAsync(at, Options, shares: isEpoll ? _loops.Length : 1);
        IListener? listener = null;
        lock (_gate)
        {
            if (_disposal is null)
            {
                listener = isEpoll ? new EpollListener(this, address, sockets, accepted) : new SocketListener(this, address, sockets, accepted);
                _listeners.Add(listener);
            }
        }
        if (listener is null)
        {
            foreach (var socket in sockets) socket.Dispose();
            throw new ObjectDisposedException(GetType().FullName);
        }
        if (listener is EpollListener started) await started.StartedAsync();
        return listener;
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException"><paramref name="loop"/> is not of this transport.</exception>
    /// <exception cref="InvalidOperationException">Not called on <paramref name="loop"/>.</exception>
    /// <exception cref="ObjectDisposedException">The transport was disposed.</exception>
    public async ValueTask<IConnection> ConnectAsync(ServerAddress server, ILoop loop, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(server);
        if (loop is not SocketLoop own || Array.IndexOf(_loops, own) < 0) throw new ArgumentException("Not a loop of this transport.", nameof(loop));
        if (!own.IsCurrent) throw new InvalidOperationException("A server is dialled on the loop that the connection belongs to.");
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposal is not null, this);
            _dials++;
        }
        try
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token);
            return await DialAsync(server, own, either.Token);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (OperationCanceledException e)
        {
            throw new IOException($"Cannot connect to {server}: the transport was disposed.", e);
        }
        finally
        {
            DialEnded();
        }
    }

    /// <summary>
    /// Stops listening and dialling, waits for connections that were closed and still send what is held here (<see cref="SocketOptions.CloseTimeout"/> at the
    /// longest), resets those that are open, and ends the loops.
    /// </summary>
    /// <returns>When all threads have ended.</returns>
    public ValueTask DisposeAsync()
    {
        lock (_gate) return new(_disposal ??= Task.Run(DisposeCoreAsync));
    }

    internal SocketLoop[] AllLoops => _loops;

    internal SocketLoop NextLoop() => _loops[(Interlocked.Increment(ref _nextLoop) - 1) % (uint)_loops.Length];

    internal static long NextConnectionId() => Interlocked.Increment(ref _lastConnectionId);

    internal void Opened() => Interlocked.Increment(ref _open);

    internal void Closed() => Interlocked.Decrement(ref _open);

    /// <summary>A connection was closed that holds bytes to be sent. It ends within <see cref="CloseMilliseconds"/>.</summary>
    internal void ClosingBegan() => Interlocked.Increment(ref _closing);

    /// <summary>What such a connection held has left, or was given up.</summary>
    internal void ClosingEnded()
    {
        if (Interlocked.Decrement(ref _closing) == 0) _noClosing.TrySetResult();     // again, where one closes while the transport is disposed
    }

    internal void Forget(IListener listener)
    {
        lock (_gate) _listeners.Remove(listener);
    }

    private async Task DisposeCoreAsync()
    {
        IListener[] listeners;
        lock (_gate) listeners = [.. _listeners];
        foreach (var listener in listeners) await listener.DisposeAsync();
        await _stopping.CancelAsync();
        DialEnded();
        await _noDials.Task;
        ClosingEnded();
        await _noClosing.Task;
        foreach (var loop in _loops) loop.Post(static loop => ((SocketLoop)loop!).BreakAll(), loop);
        foreach (var loop in _loops) await loop.StopAsync();
        _stopping.Dispose();
    }

    private void DialEnded()
    {
        lock (_gate)
        {
            if (--_dials > 0) return;
        }
        _noDials.SetResult();
    }

    // Called on the loop, whose synchronization context brings each continuation home.
    private async ValueTask<IConnection> DialAsync(ServerAddress server, SocketLoop loop, CancellationToken cancellationToken)
    {
        EndPoint[] endPoints = server.Kind == AddressKind.Unix
            ? [new UnixDomainSocketEndPoint(server.Host)]
            : [.. (await _names.ResolveAsync(server.Host, cancellationToken)).Select(address => new IPEndPoint(address, server.Port))];
        var failures = new List<string>(endPoints.Length);
        foreach (var endPoint in endPoints)
        {
            try
            {
                return await loop.DialAsync(endPoint, cancellationToken);
            }
            catch (Win32Exception e)
            {
                failures.Add($"{endPoint}: {e.Message}");
            }
        }
        throw new IOException($"Cannot connect to {server}: {string.Join("; ", failures)}");
    }
}
