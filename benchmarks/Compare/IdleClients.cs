using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Cmi.Benchmarks.Compare;

/// <summary>Keep-alive clients that ask once and then stay, in a process of their own. Prints <c>HELD n</c> at each of the numbers and waits for a line.</summary>
internal static class IdleClients
{
    public static async Task<int> RunAsync(int port, IReadOnlyList<int> numbers)
    {
        var request = Encoding.ASCII.GetBytes("GET /length/1024?id=0 HTTP/1.1\r\nHost: bench.example\r\n\r\n");
        var (sockets, buffer) = (new List<Socket>(), new byte[4096]);
        foreach (var number in numbers)
        {
            while (sockets.Count < number)
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(IPAddress.Loopback, port);
                socket.Send(request);
                for (var got = 0; got < 1024;)
                {
                    var count = socket.Receive(buffer);
                    if (count == 0) throw new IOException($"Client {sockets.Count} was cut.");
                    got += count;
                }
                sockets.Add(socket);
            }
            Console.WriteLine($"HELD {number}");
            await Console.In.ReadLineAsync();
        }
        sockets.ForEach(socket => socket.Dispose());
        return 0;
    }
}
