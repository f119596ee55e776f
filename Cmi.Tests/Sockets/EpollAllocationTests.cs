using System.Net;
using System.Net.Sockets;
using System.Text;
using Cmi.Buffers;
using Cmi.Queues;
using Cmi.Sockets;
using Cmi.Tests.Harness;
using NUnit.Framework;

namespace Cmi.Tests.Sockets;

/// <summary>What kept-alive exchanges of several clients allocate on the thread of an epoll loop, with everything real.</summary>
[TestFixture(false)]
[TestFixture(true)]
[NonParallelizable]
public sealed class EpollAllocationTests(bool batched)
{
    private const int Clients = 4;
    private const int Plays = 5;
    private const int ExchangesOfAClient = 500;                    // 10,000 in all

    private static readonly byte[] Request = Encoding.ASCII.GetBytes(Http.Get("/a?b", "User-Agent: test\r\nAccept: */*\r\n"));
    private static readonly byte[] Reply = Encoding.ASCII.GetBytes(Http.Ok(new('x', 1000), "Server: test\r\n"));

    [OneTimeSetUp]
    public void OnlyWhereAvailable() => SocketHarness.Available(SocketTransport.Epoll, batched);

    [Test]
    public async Task KeepAliveGet_AllocatesNothingOnTheLoop() => Assert.That(await MeasureAsync(queue: null), Is.LessThanOrEqualTo(0));

    [Test]
    public async Task QueueThatAllocates_IsSeenByTheSameMeasurement()
    {
        AllocatingQueue? queue = null;
        Assert.That(await MeasureAsync(group => queue = new(new JobQueue(group))), Is.GreaterThan(Clients * ExchangesOfAClient * 100));
        Assert.That(queue!.Kept, Is.Not.Null);
    }

    // The bytes of the leanest of a few plays, since the runtime allocates for itself at times.
    private async Task<long> MeasureAsync(Func<ServerGroup, IJobQueue>? queue)
    {
        using var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        server.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        server.Listen();
        var serving = Task.Run(() => ServeAsync(server));
        var manager = new SocketConnectionManager(new() { Transport = SocketTransport.Epoll, LoopCount = 1, BatchCalls = batched });
        await using var store = new RamBufferStore();
        var options = new CmiOptions();
        options.Listen("http://127.0.0.1:0");
        options.AddServer($"http://127.0.0.1:{((IPEndPoint)server.LocalEndPoint!).Port}");
        var engine = new CmiEngine(options, manager, store, queue);
        await engine.StartAsync();
        var clients = new List<Socket>();
        for (var i = 0; i < Clients; i++) clients.Add(await SocketHarness.ClientAsync(engine.Endpoints[0]));
        var least = long.MaxValue;
        for (var play = 0; play <= Plays; play++)
        {
            // The question itself allocates: asked twice in a row tells how much.
            var asked = await SocketHarness.On(manager.Loops[0], GC.GetAllocatedBytesForCurrentThread);
            var before = await SocketHarness.On(manager.Loops[0], GC.GetAllocatedBytesForCurrentThread);
            await Task.WhenAll(clients.Select(client => Task.Run(() => Play(client))));
            var after = await SocketHarness.On(manager.Loops[0], GC.GetAllocatedBytesForCurrentThread);
            if (play > 0) least = Math.Min(least, after - before - (before - asked));     // the first is the warm-up
        }
        Assert.That(engine.GetStatistics().RepliesDirect, Is.EqualTo(Clients * ExchangesOfAClient * (Plays + 1)));
        foreach (var client in clients) client.Dispose();
        await engine.DisposeAsync();
        await manager.DisposeAsync();
        server.Dispose();
        await serving;
        return least;
    }

    private static void Play(Socket client)
    {
        var into = new byte[4096];
        for (var exchange = 0; exchange < ExchangesOfAClient; exchange++)
        {
            client.Send(Request);
            // The body has a thousand of these, and the head has none.
            for (var left = 1000; left > 0;) left -= into.AsSpan(0, client.Receive(into)).Count((byte)'x');
        }
    }

    private sealed class AllocatingQueue(JobQueue queue) : IJobQueue
    {
        public byte[]? Kept { get; private set; }

        public int Waiting => queue.Waiting;

        public bool TryAcquire(JobTicket ticket, out JobGrant grant)
        {
            Kept = new byte[100];
            return queue.TryAcquire(ticket, out grant);
        }

        public ValueTask<JobGrant?> AcquireAsync(JobTicket ticket, CancellationToken withdrawn) => queue.AcquireAsync(ticket, withdrawn);

        public ValueTask<bool> RenewAsync(JobGrant grant, CancellationToken cancellationToken) => queue.RenewAsync(grant, cancellationToken);

        public void Complete(JobGrant grant, GrantOutcome outcome) => queue.Complete(grant, outcome);

        public ValueTask DisposeAsync() => queue.DisposeAsync();
    }

    private static async Task ServeAsync(Socket server)
    {
        var answering = new List<Task>();
        try
        {
            for (; ; )
            {
                var connection = await server.AcceptAsync();
                answering.Add(Task.Run(() => Answer(connection)));
            }
        }
        catch (SocketException)
        {
            // disposed: all clients have left
        }
        await Task.WhenAll(answering);
    }

    private static void Answer(Socket connection)
    {
        using var _ = connection;
        var into = new byte[4096];
        var matched = 0;
        for (int count; (count = connection.Receive(into)) > 0;)
        {
            foreach (var octet in into.AsSpan(0, count))
            {
                matched = octet == "\r\n\r\n"[matched] ? matched + 1 : octet == '\r' ? 1 : 0;
                if (matched < 4) continue;
                matched = 0;
                connection.Send(Reply);
            }
        }
    }
}
