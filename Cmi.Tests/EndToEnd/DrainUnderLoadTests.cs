using System.Net.Sockets;
using System.Text;

namespace Cmi.Tests.EndToEnd;

/// <summary>SIGTERM in the middle of traffic: whatever had arrived before it is answered whole.</summary>
[Category("Slow")]
public sealed class DrainUnderLoadTests
{
    private const int Clients = 40;

    [TestCase(false, TestName = "KeptConnections_EveryRequestSentBeforeTheSignal_IsAnswered")]
    [TestCase(true, TestName = "NewConnections_EveryRequestSentBeforeTheSignal_IsAnswered")]
    public async Task EveryRequestSentBeforeTheSignal_IsAnswered(bool reconnects)
    {
        await using var server = await KestrelServer.StartAsync(addresses: 2);
        await using var gateway = await GatewayProcess.StartAsync([.. server.AsOptions(), "--loops=2"]);
        var load = new Load(gateway.Url, reconnects);
        var clients = Enumerable.Range(0, Clients).Select(_ => Task.Run(load.RunAsync)).ToArray();
        await load.Warm;

        load.Signalled = true;                                      // first: what a client sends before it sees this was sent before the signal
        gateway.Terminate();

        await Task.WhenAll(clients);
        Assert.That(await gateway.ExitAsync(), Is.Zero);
        Assert.That(load.Failures, Is.Empty);
        Assert.That(load.Answered, Is.GreaterThan(Clients));
    }

    private sealed class Load(Uri url, bool reconnects)
    {
        private const int WarmRequests = 400;

        private readonly TaskCompletionSource _warm = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly List<string> _failures = [];
        private volatile bool _signalled;
        private int _answered;

        public Task Warm => _warm.Task.WaitAsync(TimeSpan.FromSeconds(30));

        public bool Signalled { get => _signalled; set => _signalled = value; }

        public int Answered => _answered;

        public IReadOnlyList<string> Failures => _failures;

        public async Task RunAsync()
        {
            TcpClient? connection = null;
            try
            {
                while (!_signalled)
                {
                    connection ??= await ConnectAsync();
                    if (connection is null) return;
                    var stream = connection.GetStream();
                    var sentBefore = await TrySendAsync(stream) && !_signalled;
                    var reply = await ReadAsync(stream);
                    var whole = reply.StartsWith("HTTP/1.1 200 ", StringComparison.Ordinal) && reply.EndsWith("\r\n\r\nabc", StringComparison.Ordinal);
                    if (whole && Interlocked.Increment(ref _answered) == WarmRequests) _warm.TrySetResult();
                    if (!whole && sentBefore)
                        lock (_failures) _failures.Add($"'{reply}'");
                    if (!reconnects && whole) continue;
                    connection.Dispose();
                    connection = null;
                }
            }
            finally
            {
                connection?.Dispose();
            }
        }

        private async Task<TcpClient?> ConnectAsync()
        {
            var connection = new TcpClient();
            try
            {
                await connection.ConnectAsync(url.Host, url.Port);
                return connection;
            }
            catch (SocketException) when (_signalled)
            {
                connection.Dispose();
                return null;                                        // refused after the signal
            }
        }

        private static async Task<bool> TrySendAsync(NetworkStream stream)
        {
            try
            {
                await stream.WriteAsync("GET /slow/abc HTTP/1.1\r\nHost: h\r\n\r\n"u8.ToArray());
                return true;
            }
            catch (IOException)
            {
                return false;
            }
        }

        private static async Task<string> ReadAsync(NetworkStream stream)
        {
            var text = new StringBuilder();
            var buffer = new byte[1024];
            try
            {
                while (!text.ToString().EndsWith("\r\n\r\nabc", StringComparison.Ordinal) && await stream.ReadAsync(buffer) is var count and > 0)
                    text.Append(Encoding.Latin1.GetString(buffer, 0, count));
            }
            catch (IOException e)
            {
                text.Append($"({e.Message})");
            }
            return text.ToString();
        }
    }
}
