using System.Buffers.Binary;
using System.ComponentModel;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Cmi.Sockets.Linux;

// How a connection comes about: accepted, or dialled.
internal sealed partial class EpollConnection
{
    /// <summary>Enough for the address of any family that is used here.</summary>
    public const int MaxAddressBytes = 128;

    // The ports that the system picks for the near end of a connection, as they were at the start.
    private static readonly (int First, int Last) Picked = ReadPickedPorts();

    private const EpollEvents Input = EpollEvents.Receivable | EpollEvents.PeerEnded;
    private const EpollEvents All = Input | EpollEvents.Sendable;

    /// <summary>Takes over the descriptor of a client that was accepted, also when it fails.</summary>
    /// <param name="loop">The loop that it is to belong to; called on it.</param>
    /// <param name="descriptor">The descriptor.</param>
    /// <param name="peer">Its address, with TCP.</param>
    /// <param name="connection">The connection.</param>
    /// <returns>Below 0: why not.</returns>
    public static int TryTake(EpollLoop loop, int descriptor, PeerAddress? peer, out EpollConnection connection)
    {
        // A client can be sent to from the beginning, and most can be for as long as they stay: no event has to say so.
        connection = new(loop, descriptor, peer) { _hearsInputOnly = true };
        var result = loop.Set.Add(connection, Input);
        if (result < 0) connection.Finish();
        return result;
    }

    /// <summary>Begins to connect.</summary>
    /// <param name="loop">The loop that it is to belong to; called on it.</param>
    /// <param name="endPoint">Whom to.</param>
    /// <param name="connecting">Completes when it is connected; what waits for that comes home by the mailbox.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The connection; whoever does not get it connected discards it.</returns>
    /// <exception cref="Win32Exception">It failed at once.</exception>
    public static EpollConnection Dial(EpollLoop loop, EndPoint endPoint, out Task connecting, CancellationToken cancellationToken)
    {
        loop.Calls?.CloseAll();                                    // a server that bounds its connections should hear of the end of one before the next
        var descriptor = Check(Libc.OpenSocket(endPoint.AddressFamily));
        var connection = new EpollConnection(loop, descriptor, endPoint is IPEndPoint ip ? new PeerAddress(ip.Address, ip.Port) : null);
        try
        {
            if (connection._isTcp)
            {
                connection._isDelayed = loop.Manager.Options.NoDelay;
                if (loop.Manager.Options.KeepAlive) Check(Libc.SetKeepAlive(descriptor));
                // Within the machine nothing is congested: what the system does about that for the open network (pacing, say) only costs time there.
                if (endPoint is IPEndPoint { Address: var address } && IPAddress.IsLoopback(address)) _ = Libc.SetPlainCongestionControl(descriptor);
            }
            var raw = endPoint.Serialize();
            var result = Libc.Connect(descriptor, raw.Buffer.Span[..raw.Size]);
            if (result != -Errno.InProgress) Check(result);
            connecting = result == 0 ? Task.CompletedTask : connection.WaitUntilConnectedAsync(cancellationToken);
            Check(loop.Set.Add(connection, All));                  // behind the connect: before it, the socket counts as hung up
            return connection;
        }
        catch
        {
            connection.Discard();
            throw;
        }
    }

    /// <summary>Whether TCP has connected it to itself: nobody listens at a port of this machine, and the system has picked that very port for this end.</summary>
    public bool IsToItself(EndPoint endPoint)
    {
        if (!_isTcp || endPoint is not IPEndPoint ip || ip.Port < Picked.First || ip.Port > Picked.Last) return false;
        Span<byte> local = stackalloc byte[MaxAddressBytes];
        var bytes = Libc.GetLocalAddress(Descriptor, local);
        return bytes > 0 && AddressOf(local[..bytes]) is { } own && own == Peer;
    }

    /// <summary>Gives a connection up that nobody has yet.</summary>
    public void Discard()
    {
        _connecting = null;
        if (!IsClosed) Finish();
    }

    /// <summary>Reads the system's form of an address.</summary>
    /// <returns><see langword="null"/>: not one of TCP.</returns>
    public static PeerAddress? AddressOf(ReadOnlySpan<byte> raw)
    {
        const int Inet = 2, Inet6 = 10;                            // struct sockaddr_in and sockaddr_in6 of Linux
        return raw.Length < 8 ? null : BitConverter.ToUInt16(raw) switch
        {
            Inet => new PeerAddress(new IPAddress(raw.Slice(4, 4)), BinaryPrimitives.ReadUInt16BigEndian(raw[2..])),
            Inet6 when raw.Length >= 24 => new PeerAddress(new IPAddress(raw.Slice(8, 16)), BinaryPrimitives.ReadUInt16BigEndian(raw[2..])),
            _ => null,
        };
    }

    private async Task WaitUntilConnectedAsync(CancellationToken cancellationToken)
    {
        var connecting = _connecting = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using (cancellationToken.UnsafeRegister(static (connecting, cancelled) => ((TaskCompletionSource)connecting!).TrySetCanceled(cancelled), connecting))
            await connecting.Task;
    }

    private bool TryFinishConnecting(EpollEvents events)
    {
        if ((events & (EpollEvents.Sendable | EpollEvents.Failed | EpollEvents.HungUp)) == EpollEvents.None) return false;
        var connecting = _connecting!;
        _connecting = null;
        var error = (events & (EpollEvents.Failed | EpollEvents.HungUp)) == EpollEvents.None ? 0 : Libc.TakeError(Descriptor);
        if (error < 0) connecting.TrySetException(new Win32Exception(-error));
        else connecting.TrySetResult();
        return error == 0;                                         // then the event may tell more: of a server that speaks first
    }

    private static (int First, int Last) ReadPickedPorts()
    {
        try
        {
            var range = File.ReadAllText("/proc/sys/net/ipv4/ip_local_port_range").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            return (int.Parse(range[0], CultureInfo.InvariantCulture), int.Parse(range[1], CultureInfo.InvariantCulture));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException or IndexOutOfRangeException)
        {
            return (0, ushort.MaxValue);                           // not told: any
        }
    }

    private static int Check(int result) => result >= 0 ? result : throw new Win32Exception(-result);
}
