using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Cmi.Benchmarks.Compare;

/// <summary>Clients that read a large reply at a steady, slow rate, in a process of their own. Prints like <see cref="Load"/>.</summary>
internal static class SlowClients
{
    private const int ReceiveBufferBytes = 32 * 1024;
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(20);

    public static async Task<int> RunAsync(int port, int clients, long replyBytes, long bytesPerSecond)
    {
        var request = Encoding.ASCII.GetBytes($"GET /length/{replyBytes}?id=0 HTTP/1.1\r\nHost: bench.example\r\nConnection: close\r\n\r\n");
        var sockets = new List<Socket>();
        for (var i = 0; i < clients; i++)
        {
            // A small receive buffer, so that the kernel does not read in the client's place.
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = ReceiveBufferBytes };
            await socket.ConnectAsync(IPAddress.Loopback, port);
            socket.Blocking = false;
            sockets.Add(socket);
        }
        Console.WriteLine("START");
        foreach (var socket in sockets) socket.Send(request);
        var (began, received, done, errors) = (TimeProvider.System.GetTimestamp(), new long[clients], 0, 0);
        var buffer = new byte[64 * 1024];
        using var timer = new PeriodicTimer(Tick);
        while (done < clients && await timer.WaitForNextTickAsync())
        {
            var allowed = (long)(TimeProvider.System.GetElapsedTime(began).TotalSeconds * bytesPerSecond);
            for (var i = 0; i < clients; i++)
            {
                while (sockets[i] is { Connected: true } socket && received[i] < allowed)
                {
                    var count = socket.Receive(buffer.AsSpan(0, (int)Math.Min(buffer.Length, allowed - received[i])), SocketFlags.None, out var error);
                    if (error == SocketError.WouldBlock) break;
                    received[i] += count;
                    if (count > 0) continue;
                    if (received[i] < replyBytes) errors++;
                    socket.Close();
                    done++;
                }
            }
        }
        Console.WriteLine("END");
        Console.WriteLine(JsonSerializer.Serialize(new Dictionary<string, object?>
        {
            ["seconds"] = TimeProvider.System.GetElapsedTime(began).TotalSeconds,
            ["requests"] = clients,
            ["bytes"] = received.Sum(),
            ["errors"] = errors,
        }));
        return 0;
    }
}
