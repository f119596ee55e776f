using System.Net;
using System.Net.Sockets;
using Cmi.Sockets.Managed;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cmi.Sockets;

/// <summary>
/// The portable transport: TCP and Unix domain sockets by System.Net.Sockets, on loops with a thread each. Its loops run from the moment it is made.
/// <para>
/// The price of being portable is a hop from the thread pool to the loop for each event that says that bytes have come. An idle connection owns no buffer.
/// </para>
/// <para>Threading: any thread; <see cref="ConnectAsync"/> on the loop, <see cref="DisposeAsync"/> not on a loop of its own.</para>
/// </summary>
public sealed class SocketConnectionManager : IConnectionManager
{
    private readonly SocketLoop[] _loops;
    private readonly NameCache _names;
    private readonly Lock _gate = new();
    private readonly HashSet<SocketListener> _listeners = [];
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _noDials = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task? _disposal;
    private uint _nextLoop;
    private int _open;
    private int _dials = 1;                                        // and one for the manager itself, until it is disposed

    /// <summary>Makes the transport and starts its loops.</summary>
    /// <param name="options">The settings; the defaults if absent.</param>
    /// <param name="logger">Hears of what goes wrong.</param>
    /// <exception cref="ArgumentException">Settings that cannot work, all of them named.</exception>
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
        _loops = [.. Enumerable.Range(0, Options.LoopCount).Select(index => new SocketLoop(index, time, origin, Logger))];
        foreach (var loop in _loops) loop.Start();
    }

    /// <inheritdoc/>
    public IReadOnlyList<ILoop> Loops => _loops;

    /// <summary>The connections whose sockets are open, those included that were closed and still send what they had taken; for leak checks.</summary>
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
        var (sockets, address) = await SocketListener.OpenAsync(at, Options.Backlog);
        lock (_gate)
        {
            if (_disposal is null)
            {
                var listener = new SocketListener(this, address, sockets, accepted);
                _listeners.Add(listener);
                return listener;
            }
        }
        foreach (var socket in sockets) socket.Dispose();
        throw new ObjectDisposedException(GetType().FullName);
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

    /// <summary>Stops listening and dialling, resets the connections that are open, and ends the loops.</summary>
    /// <returns>When all threads have ended.</returns>
    public ValueTask DisposeAsync()
    {
        lock (_gate) return new(_disposal ??= Task.Run(DisposeCoreAsync));
    }

    internal SocketLoop NextLoop() => _loops[(Interlocked.Increment(ref _nextLoop) - 1) % (uint)_loops.Length];

    internal void Opened() => Interlocked.Increment(ref _open);

    internal void Closed() => Interlocked.Decrement(ref _open);

    internal void Forget(SocketListener listener)
    {
        lock (_gate) _listeners.Remove(listener);
    }

    private async Task DisposeCoreAsync()
    {
        SocketListener[] listeners;
        lock (_gate) listeners = [.. _listeners];
        foreach (var listener in listeners) await listener.DisposeAsync();
        await _stopping.CancelAsync();
        DialEnded();
        await _noDials.Task;
        foreach (var loop in _loops) loop.Post(static state => BreakAll((SocketLoop)state!), loop);
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

    private static void BreakAll(SocketLoop loop)
    {
        foreach (var connection in loop.Open.ToArray()) connection.Break();
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
            Socket? socket = null;
            try
            {
                socket = new(endPoint.AddressFamily, SocketType.Stream, endPoint is IPEndPoint ? ProtocolType.Tcp : ProtocolType.Unspecified);
                await socket.ConnectAsync(endPoint, cancellationToken);
                // Nobody listens at a port of this machine, and the system has picked that very port for this end: TCP then connects a socket to itself.
                if (socket.LocalEndPoint is IPEndPoint local && local.Equals(endPoint)) throw new SocketException((int)SocketError.ConnectionRefused);
                var connection = new SocketConnection(this, loop, socket);
                connection.Start();
                return connection;
            }
            catch (SocketException e)
            {
                socket?.Dispose();
                failures.Add($"{endPoint}: {e.Message}");
            }
            catch
            {
                socket?.Dispose();
                throw;
            }
        }
        throw new IOException($"Cannot connect to {server}: {string.Join("; ", failures)}");
    }
}
