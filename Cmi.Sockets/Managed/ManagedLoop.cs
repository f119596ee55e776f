using System.Net;
using System.Net.Sockets;

namespace Cmi.Sockets.Managed;

/// <summary>
/// A loop of the portable transport. The system's I/O events arrive on the thread pool (that is how System.Net.Sockets has it) and are posted here, so its
/// events are what is in the mailbox.
/// <para>Threading: as <see cref="SocketLoop"/>.</para>
/// </summary>
internal sealed class ManagedLoop(SocketConnectionManager manager, int index, TimeProvider time, long origin) : SocketLoop(manager, index, time, origin)
{
    /// <summary>How large <see cref="Scratch"/> is: what a head and the first piece of content are joined in.</summary>
    public const int ScratchBytes = 64 * 1024;

    private readonly object _sleep = new();                        // a monitor, not an event: late completions post after the end, when an event would be disposed
    private bool _woken;                                           // guarded by _sleep

    /// <summary>Memory for the length of one call, of whoever is on the loop.</summary>
    public byte[] Scratch { get; } = GC.AllocateUninitializedArray<byte>(ScratchBytes, pinned: true);

    /// <summary>The connections that this loop carries.</summary>
    public HashSet<SocketConnection> Open { get; } = [];

    public override async ValueTask<IConnection> DialAsync(EndPoint endPoint, CancellationToken cancellationToken)
    {
        Socket? socket = null;
        try
        {
            socket = new(endPoint.AddressFamily, SocketType.Stream, endPoint is IPEndPoint ? ProtocolType.Tcp : ProtocolType.Unspecified);
            await socket.ConnectAsync(endPoint, cancellationToken);
            // Nobody listens at a port of this machine, and the system has picked that very port for this end: TCP then connects a socket to itself.
            if (socket.LocalEndPoint is IPEndPoint local && local.Equals(endPoint)) throw new SocketException((int)SocketError.ConnectionRefused);
            var connection = new SocketConnection(Manager, this, socket);
            connection.Start();
            return connection;
        }
        catch
        {
            socket?.Dispose();
            throw;
        }
    }

    public override void BreakAll()
    {
        foreach (var connection in Open.ToArray()) connection.Break();
    }

    protected override int Wait(int milliseconds)
    {
        lock (_sleep)
        {
            if (!_woken && milliseconds != 0) Monitor.Wait(_sleep, milliseconds);
            _woken = false;
        }
        return 0;
    }

    protected override void TakeEvents(int count) => Drain();

    protected override void Wake()
    {
        lock (_sleep)
        {
            _woken = true;
            Monitor.Pulse(_sleep);
        }
    }
}
