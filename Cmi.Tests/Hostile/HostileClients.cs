using System.Net;
using System.Net.Sockets;

namespace Cmi.Tests.Hostile;

/// <summary>
/// Many connections of clients that mean ill: slow heads, slow contents, replies that are never read, and clients that vanish. They act when
/// they are told to; what the gateway closes is opened again.
/// </summary>
internal sealed class HostileClients(Uri gateway, int count) : IDisposable
{
    private enum Kind { SlowHead, SlowContent, Vanishing, NeverReading }

    private const int VanishingOneIn = 8;

    private static readonly byte[] Drip = "a"u8.ToArray();

    private readonly IPEndPoint _address = new(IPAddress.Loopback, gateway.Port);
    private readonly Socket?[] _sockets = new Socket?[count];
    private int _next;

    /// <summary>How many connections were opened, those opened again included.</summary>
    public int Opened { get; private set; }

    /// <summary>How many vanished in the middle of a request or reply.</summary>
    public int Vanished { get; private set; }

    /// <summary>How many connects were refused or failed.</summary>
    public int Failed { get; private set; }

    /// <summary>Opens all of them.</summary>
    public void Open()
    {
        for (var i = 0; i < count; i++) Open(i);
    }

    /// <summary>The next so many act: a slow one sends an octet, one in a few of the others vanishes and comes back.</summary>
    public void Act(int actions)
    {
        for (; actions > 0; actions--)
        {
            _next = (_next + 1) % count;
            var kind = KindOf(_next);
            if (kind is Kind.SlowHead or Kind.SlowContent)
            {
                if (!TrySend(_sockets[_next], Drip)) Open(_next);
            }
            else if (kind == Kind.Vanishing && actions % VanishingOneIn == 0)
            {
                Vanished++;
                Open(_next);
            }
        }
    }

    /// <summary>All vanish.</summary>
    public void Dispose()
    {
        foreach (var socket in _sockets) socket?.Dispose();
    }

    private static Kind KindOf(int index) => index % 20 == 0 ? Kind.NeverReading : (Kind)(index % 3);

    private static byte[] Opening(Kind kind, int index) => System.Text.Encoding.ASCII.GetBytes(kind switch
    {
        Kind.SlowHead => "GET /bytes/10 HTTP/1.1\r\nHost: a\r\nX-Slow: ",
        Kind.SlowContent => "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n",
        Kind.Vanishing => index % 2 == 0 ? "GET /bytes/1000 HTTP/1.1\r\nHo" : "GET /slow/1 HTTP/1.1\r\nHost: a\r\n\r\n",
        _ => "GET /bytes/200000 HTTP/1.1\r\nHost: a\r\n\r\n",
    });

    private void Open(int index)
    {
        _sockets[index]?.Dispose();
        var kind = KindOf(index);
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { LingerState = new(enable: true, seconds: 0), NoDelay = true };
        if (kind == Kind.NeverReading) socket.ReceiveBufferSize = 4096;
        _sockets[index] = socket;
        try
        {
            socket.Connect(_address);
            socket.Blocking = false;
            Opened++;
            TrySend(socket, Opening(kind, index));
        }
        catch (SocketException)
        {
            Failed++;
        }
    }

    private static bool TrySend(Socket? socket, byte[] bytes)
    {
        if (socket is null) return false;
        socket.Send(bytes, SocketFlags.None, out var error);
        return error is SocketError.Success or SocketError.WouldBlock;
    }
}
