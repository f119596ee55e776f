using System.Net;
using System.Net.Sockets;

namespace Cmi.Sockets;

/// <summary>Opens what listens at an address: the same for both transports.</summary>
internal static class ListeningSockets
{
    private const int SolSocket = 1, SoReusePort = 15;             // of Linux

    /// <summary>Opens the sockets. Those of TCP are set up as the connections accepted from them are to be, where the system passes that on (Linux).</summary>
    /// <param name="at">Where to listen.</param>
    /// <param name="options">The settings of the transport.</param>
    /// <param name="shares">
    /// How many sockets share each TCP address, so that the system spreads the clients over them; above 1 on Linux only. A Unix domain socket is not shared.
    /// </param>
    /// <returns>For each address its shares, one behind the other; and the address with the port that was picked.</returns>
    /// <exception cref="IOException">It cannot be listened at.</exception>
    public static async ValueTask<(Socket[] Sockets, ListenAddress Address)> OpenAsync(ListenAddress at, SocketOptions options, int shares)
    {
        try
        {
            if (at.Kind == AddressKind.Unix)
            {
                await UnixSocketFile.RemoveStaleAsync(at.Host);
                return (Open(new UnixDomainSocketEndPoint(at.Host), options, 1), at);
            }
            if (at.Host == "*")
            {
                var any = Open(new IPEndPoint(Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any, at.Port), options, shares);
                return (any, at with { Port = PortOf(any[0]) });
            }
            if (at.Host == "localhost") return OpenLoopbacks(at, options, shares);
            var one = Open(new IPEndPoint(IPAddress.Parse(at.Host), at.Port), options, shares);
            return (one, at with { Port = PortOf(one[0]) });
        }
        catch (Exception e) when (e is SocketException or FormatException or ArgumentException or UnauthorizedAccessException)
        {
            throw new IOException($"Cannot listen at {at}: {e.Message}", e);
        }
    }

    private static (Socket[] Sockets, ListenAddress Address) OpenLoopbacks(ListenAddress at, SocketOptions options, int shares)
    {
        for (var attempts = at.Port == 0 ? 10 : 1; ; attempts--)
        {
            var first = Open(new IPEndPoint(IPAddress.Loopback, at.Port), options, shares);
            var port = PortOf(first[0]);
            try
            {
                return ([.. first, .. Open(new IPEndPoint(IPAddress.IPv6Loopback, port), options, shares)], at with { Port = port });
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.AddressNotAvailable or SocketError.AddressFamilyNotSupported)
            {
                return (first, at with { Port = port });           // a machine without IPv6
            }
            catch (SocketException e)
            {
                foreach (var socket in first) socket.Dispose();
                if (e.SocketErrorCode != SocketError.AddressAlreadyInUse || attempts == 1) throw;     // else the picked port was free on one side only
            }
        }
    }

    private static Socket[] Open(EndPoint at, SocketOptions options, int shares)
    {
        var sockets = new List<Socket>(shares);
        try
        {
            for (var share = 0; share < shares; share++)
            {
                // On Unix the runtime sets SO_REUSEADDR: a restart does not wait for TIME_WAIT, while a second listener is still refused.
                var socket = new Socket(at.AddressFamily, SocketType.Stream, at is IPEndPoint ? ProtocolType.Tcp : ProtocolType.Unspecified);
                sockets.Add(socket);
                if (at is IPEndPoint { Address: var address })
                {
                    if (address.Equals(IPAddress.IPv6Any)) socket.DualMode = true;
                    socket.NoDelay = options.NoDelay;
                    if (options.KeepAlive) socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
                }
                // The first asks for the address for itself alone, which is refused while anyone else has it; only then it is made to share. With
                // SO_REUSEPORT from the outset a second gateway of the same user would listen beside this one, and take half of its clients.
                if (share > 0) ShareAddress(socket);
                socket.Bind(at);
                if (share > 0) continue;
                if (shares > 1) ShareAddress(socket);
                at = socket.LocalEndPoint!;                        // with the port that was picked
            }
            foreach (var socket in sockets) socket.Listen(options.Backlog);
            return [.. sockets];
        }
        catch
        {
            foreach (var socket in sockets) socket.Dispose();
            throw;
        }
    }

    private static void ShareAddress(Socket socket) => socket.SetRawSocketOption(SolSocket, SoReusePort, [1, 0, 0, 0]);

    private static int PortOf(Socket socket) => ((IPEndPoint)socket.LocalEndPoint!).Port;
}
