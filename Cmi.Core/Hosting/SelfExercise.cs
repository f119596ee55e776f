using System.Diagnostics.Metrics;
using Cmi.Telemetry;
using Microsoft.Extensions.Logging;

namespace Cmi.Hosting;

/// <summary>
/// A few exchanges of an engine with itself before the first client is accepted, so that clients need not wait for the compiler: the first request of a
/// process costs a hundred milliseconds otherwise (<c>docs/decisions/0019</c>). It listens at ports of the loopback that the system picks, asks no configured server, and
/// counts in no meter, trace or access log; the loops and the buffer store are the host's.
/// <para>Threading: any thread; one call at a time. Bound: <see cref="Rounds"/> requests, and <see cref="Longest"/>. What fails is logged, and is nobody's concern.</para>
/// </summary>
internal sealed class SelfExercise
{
    // Requests one after another: so many calls that the methods of an exchange are taken for hot (30), and compiled anew, better, beside the first clients.
    private const int Rounds = 48;

    // The last byte of every message, so that it is known where one ends without another reader of heads.
    private const byte Last = (byte)'$';

    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    private static readonly byte[][] Requests =
    [
        [.. "GET /$ HTTP/1.1\r\nHost: localhost\r\nUser-Agent: cmi\r\nAccept: */*\r\n\r\n"u8],
        [.. "POST /$ HTTP/1.1\r\nHost: localhost\r\nUser-Agent: cmi\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\nexercise"u8],
    ];

    // A reply of each framing (RFC 9112 §6.3).
    private static readonly byte[][] Replies =
    [
        [.. "HTTP/1.1 200 OK\r\nServer: cmi\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nexercise$"u8],
        [.. "HTTP/1.1 200 OK\r\nServer: cmi\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nexercise$\r\n0\r\n\r\n"u8],
        [.. "HTTP/1.1 200 OK\r\nServer: cmi\r\nConnection: close\r\n\r\nexercise$"u8],
    ];

    private static int _done;

    /// <summary>Runs once in a process: compiled code is the process's.</summary>
    /// <param name="connections">The transport.</param>
    /// <param name="buffers">The buffer store.</param>
    /// <param name="logger">Told if it fails.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task RunOnceAsync(IConnectionManager connections, IBufferStore buffers, ILogger logger, CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _done, 1) == 0) await TryRunAsync(connections, buffers, logger, cancellationToken);
    }

    /// <summary>Tries to have all requests answered, in good time.</summary>
    internal static async Task TryRunAsync(IConnectionManager connections, IBufferStore buffers, ILogger logger, CancellationToken cancellationToken)
    {
        using var longest = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        longest.CancelAfter(Longest);
        try
        {
            await RunAsync(connections, buffers, longest.Token);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            logger.NotExercised(e);                               // clients wait for the compiler, as without it
        }
    }

    private static async Task RunAsync(IConnectionManager connections, IBufferStore buffers, CancellationToken cancellationToken)
    {
        var server = new Server();
        await using var listener = await connections.ListenAsync(new(AddressKind.Tcp, "127.0.0.1", 0), server.Accept, cancellationToken);
        var options = new CmiOptions();
        options.Listen("http://127.0.0.1:0");
        options.AddServer($"http://127.0.0.1:{listener.Address.Port}");
        await using var engine = CmiEngine.Unheard(options, connections, buffers, new UnheardMeters());
        await engine.StartAsync(cancellationToken);
        await new Client().AskAsync(connections, engine.Endpoints[0].Port, cancellationToken);
    }

    private sealed class UnheardMeters : IMeterFactory
    {
        public Meter Create(MeterOptions options) => new("Cmi.SelfExercise");

        public void Dispose() { }
    }

    private static bool TryReceive(IConnection connection, Span<byte> into, out ReadOnlySpan<byte> received)
    {
        received = default;
        if (!connection.HasInput) return false;
        var status = connection.TryReceive(into, out var count);
        if (status is IoStatus.End or IoStatus.Failed) connection.Close();
        received = into[..count];
        return status == IoStatus.Done;
    }

    private static void Send(IConnection connection, byte[] message)
    {
        // The least that any system buffers is more than all of these.
        if (connection.TrySend(message, default, out var sent) != IoStatus.Done || sent < message.Length) connection.Abort("The system takes no bytes.");
    }

    /// <summary>Answers, in each framing by turns. On any loop, one connection at a time.</summary>
    private sealed class Server : IConnectionOwner
    {
        private int _asked;

        public void Accept(IConnection connection) => connection.SetOwner(this);

        public void OnReady(IConnection connection)
        {
            Span<byte> into = stackalloc byte[1024];
            while (TryReceive(connection, into, out var received))
            {
                if (!received.Contains(Last)) continue;
                var reply = Replies[_asked++ % Replies.Length];
                Send(connection, reply);
                if (reply == Replies[^1]) connection.Close();
            }
        }
    }

    /// <summary>Asks, one request after another.</summary>
    private sealed class Client : IConnectionOwner
    {
        private readonly TaskCompletionSource _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _asked;

        public Task AskAsync(IConnectionManager connections, int port, CancellationToken cancellationToken)
        {
            var loop = connections.Loops[0];
            loop.Post(_ => Dial(), null);
            return _answered.Task.WaitAsync(cancellationToken);

            async void Dial()
            {
                try
                {
                    var connection = await connections.ConnectAsync(new(AddressKind.Tcp, "127.0.0.1", port), loop, cancellationToken);
                    connection.SetOwner(this);
                    Ask(connection);
                }
                catch (Exception e)
                {
                    _answered.TrySetException(e);
                }
            }
        }

        public void OnReady(IConnection connection)
        {
            Span<byte> into = stackalloc byte[1024];
            while (TryReceive(connection, into, out var received))
            {
                if (received.Contains(Last)) Ask(connection);
            }
        }

        private void Ask(IConnection connection)
        {
            if (_asked < Rounds)
            {
                Send(connection, Requests[_asked++ % Requests.Length]);
                return;
            }
            connection.Close();
            _answered.TrySetResult();
        }
    }
}
