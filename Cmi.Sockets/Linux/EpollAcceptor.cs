using System.ComponentModel;
using System.Net;
using System.Net.Sockets;

namespace Cmi.Sockets.Linux;

/// <summary>
/// One listening socket on one loop.
/// <para>Threading: the loop, except <see cref="StartAsync"/>, <see cref="StopAsync"/>, <see cref="Pause"/> and <see cref="Resume"/>: any thread.</para>
/// </summary>
internal sealed class EpollAcceptor : EpollTarget
{
    private const int MaxPerTurn = 64;                             // then the connections that are there have their turn
    private const int RetryMilliseconds = 100;                     // while the process or the system is out of handles
    private const int CrowdedMilliseconds = 10;                    // while the loops have not taken what was handed to them
    private const int ReservedOneIn = 8;                           // of the descriptors, for servers: a client that cannot be served need not be accepted

    // The system doubles it for its own records and takes no more than it allows (socket(7), SO_SNDBUF). A reply that is being sent takes it; nothing else does.
    private const int LoopbackSendBytes = 512 << 10;

    private static readonly int Ceiling = Libc.MaxDescriptors() is var most ? most - most / ReservedOneIn : 0;

    private readonly EpollListener _listener;
    private readonly EpollLoop _loop;
    private readonly LoopTimer _retry;
    private readonly Lock _pausing = new();
    private bool _paused;                                          // guarded by _pausing
    private bool _stopped;
    private bool _failing;

    public EpollAcceptor(EpollListener listener, EpollLoop loop, Socket socket)
    {
        (_listener, _loop) = (listener, loop);
        socket.Blocking = false;
        Descriptor = (int)socket.Handle;
        // As for servers that are dialled: handed down to the clients that come from within the machine, as all do who come to such an address.
        if (socket.LocalEndPoint is IPEndPoint { Address: var address } && IPAddress.IsLoopback(address))
        {
            _ = Libc.SetPlainCongestionControl(Descriptor);

            // That never asks for large send buffers, as others do. A slow client's reply is better off there than in a store: it is copied there in any case.
            socket.SendBufferSize = LoopbackSendBytes;
        }
        _retry = new(static acceptor => ((EpollAcceptor)acceptor!).Accept(), this);
    }

    /// <summary>Accepts from now on.</summary>
    /// <exception cref="IOException">The system has no room for it.</exception>
    public Task StartAsync() => OnLoopAsync(() =>
    {
        if (_stopped) return;
        var result = _loop.Set.Add(this, EpollEvents.Receivable);
        if (result < 0) throw new IOException($"Cannot listen at {_listener.Address}: {new Win32Exception(-result).Message}");
    });

    /// <summary>Accepts no more, and leaves the socket alone.</summary>
    public Task StopAsync() => OnLoopAsync(() =>
    {
        _stopped = true;
        _loop.ClearTimer(_retry);
        _loop.Set.Remove(this);
        Descriptor = -1;
    });

    /// <summary>When it returns, no client is taken any more.</summary>
    public void Pause()
    {
        lock (_pausing) _paused = true;
    }

    public void Resume()
    {
        lock (_pausing)
        {
            if (!_paused) return;
            _paused = false;
        }
        ComeBack();                                                // the edge came while nobody looked
    }

    public override void OnEvents(EpollEvents events) => Accept();

    // The edge comes once for all that wait, so: until none waits, or with a promise to come back.
    private void Accept()
    {
        if (_retry.IsSet) return;
        _loop.Calls?.CloseAll();                                   // or those that are closed would count
        if (_failing && Libc.NextDescriptor() >= Ceiling)
        {
            Fail(Reserved);
            return;
        }
        Span<byte> address = stackalloc byte[EpollConnection.MaxAddressBytes];
        for (var taken = 0; ;)
        {
            if (_listener.IsShared && Volatile.Read(ref _listener.OnTheWay) >= _listener.Manager.Options.Backlog)
            {
                _loop.SetTimer(_retry, _loop.Now + CrowdedMilliseconds);
                return;
            }
            int result, addressBytes;
            lock (_pausing)
            {
                if (_stopped || _paused) return;
                result = Libc.Accept(Descriptor, address, out addressBytes);
            }
            if (result >= 0)
            {
                var isLast = result >= Ceiling;                    // the lowest free number is given: so many are open
                result = Deliver(result, EpollConnection.AddressOf(address[..addressBytes]));
                if (result >= 0)
                {
                    if (isLast)
                    {
                        Fail(Reserved);
                        return;
                    }
                    if (++taken < MaxPerTurn) continue;
                    ComeBack();
                    return;
                }
            }
            switch (-result)
            {
                case Errno.Again:
                    Recover();
                    return;
                case Errno.Interrupted or Errno.Aborted or Errno.Protocol or Errno.NoProtocolOption
                    or Errno.NetworkDown or Errno.NetworkUnreachable or Errno.HostDown or Errno.HostUnreachable or Errno.NoMachine:
                    if (++taken < MaxPerTurn) continue;            // a client that left before it was accepted: on Linux its error comes here
                    ComeBack();
                    return;
                default:
                    // Out of handles or of memory. The client stays in the backlog; without a break this would spin.
                    Fail(new Win32Exception(-result).Message);
                    return;
            }
        }
    }

    private void ComeBack() => _loop.Post(static acceptor => ((EpollAcceptor)acceptor!).Accept(), this);

    private int Deliver(int descriptor, PeerAddress? peer)
    {
        var loop = _listener.IsShared ? (EpollLoop)_listener.Manager.NextLoop() : _loop;
        if (loop == _loop) return Start(loop, descriptor, peer);
        HandOver(loop, descriptor, peer);
        return 0;
    }

    // Apart, so that the closure is made only here.
    private void HandOver(EpollLoop loop, int descriptor, PeerAddress? peer)
    {
        Interlocked.Increment(ref _listener.OnTheWay);
        loop.Post(_ =>
        {
            Interlocked.Decrement(ref _listener.OnTheWay);
            var result = Start(loop, descriptor, peer);
            if (result < 0) loop.Escaped(new IOException($"{_listener.Address}: a client was let go: {new Win32Exception(-result).Message}"));
        }, null);
    }

    private int Start(EpollLoop loop, int descriptor, PeerAddress? peer)
    {
        var result = EpollConnection.TryTake(loop, descriptor, peer, out var connection);
        if (result < 0) return result;
        try
        {
            _listener.Accepted(connection);
        }
        catch (Exception e)
        {
            connection.Abort("What was told of the new connection threw.");
            loop.Escaped(e);                                       // here, since those who wait behind it are not told of again
        }
        return 0;
    }

    private static string Reserved => $"{Ceiling} handles are open, and the others are kept for servers";

    private void Fail(string error)
    {
        _loop.SetTimer(_retry, _loop.Now + RetryMilliseconds);
        if (_failing) return;
        _failing = true;
        _listener.Failing(error, RetryMilliseconds);
    }

    private void Recover()
    {
        if (!_failing) return;
        _failing = false;
        _listener.Recovered();
    }

    private Task OnLoopAsync(Action work)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _loop.Post(_ =>
        {
            try
            {
                work();
                done.SetResult();
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        }, null);
        return done.Task;
    }
}
