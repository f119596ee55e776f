using System.Diagnostics.Metrics;
using System.Text;
using Cmi.Queues;
using Cmi.Testing;

namespace Cmi.Tests.Harness;

/// <summary>The real engine between clients and servers that the test holds in its hands: one thread, virtual time, bytes in memory.</summary>
internal sealed class TestGateway : IAsyncDisposable
{
    private readonly Dictionary<int, InMemoryServer> _servers = [];
    private readonly List<InMemoryPeer> _clients = [];
    private readonly List<IJobQueue> _queues = [];
    private readonly Action<CmiOptions>? _configure;

    public TestGateway(Action<CmiOptions>? configure = null, int servers = 2, InMemoryOptions? transport = null, IBufferStore? store = null, Func<ServerGroup, IJobQueue>? queue = null,
        IMeterFactory? meters = null, IAccessLog? accessLog = null)
    {
        Transport = new(transport);
        Store = store as ScriptedStore ?? new ScriptedStore();
        for (var i = 1; i <= servers; i++) _servers.Add(i, Transport.AddServer(Address(i)));
        _configure = configure;
        var options = Options();
        IJobQueue Create(ServerGroup group)
        {
            _queues.Add(queue?.Invoke(group) ?? new JobQueue(group, options.Limits.MaxQueuedRequests));
            return _queues[^1];
        }
        Engine = new(options, Transport, store ?? Store, Create, Log, meters, accessLog);
        var started = Engine.StartAsync();
        Transport.Crank.RunUntil(started, TimeSpan.FromSeconds(10));
    }

    public InMemoryTransport Transport { get; }
    public ScriptedStore Store { get; }
    public CmiEngine Engine { get; }

    /// <summary>The queue of the first group, which is the default one if it has servers.</summary>
    public IJobQueue Queue => _queues[0];

    /// <summary>All queues that were ever made, in order.</summary>
    public IReadOnlyList<IJobQueue> Queues => _queues;

    /// <summary>What the engine has logged.</summary>
    public EngineTestLog Log { get; } = new();

    /// <summary>A server's address by its number, from 1.</summary>
    public static ServerAddress Address(int server) => new(AddressKind.Tcp, $"10.0.0.{server}", 80);

    /// <summary>A server's address as options have it.</summary>
    public static string Url(int server) => Address(server).ToString();

    /// <summary>The options of this gateway as they were at first, with changes.</summary>
    public CmiOptions Options(Action<CmiOptions>? change = null)
    {
        var options = new CmiOptions();
        options.Listen("http://127.0.0.1:8080");
        foreach (var server in _servers.Keys) options.AddServer(Url(server));
        options.Servers.Selection = ServerSelection.RoundRobin;
        _configure?.Invoke(options);
        change?.Invoke(options);
        return options;
    }

    /// <summary>Has the engine go on with changed options.</summary>
    public void Apply(Action<CmiOptions> change)
    {
        Engine.Apply(Options(change));
        Run();
    }

    public InMemoryServer Server(int number) => _servers[number];

    /// <summary>Has a server that refused or ignored connects accept them again; its earlier connections stay known.</summary>
    public void AcceptAgain(ServerAddress server)
    {
        var known = _servers.Values.Single(s => s.Address == server);
        Transport.AddServer(server, accepted: null).Accepted = known.Add;
    }

    /// <summary>The connections that a server has accepted, in order.</summary>
    public InMemoryPeer At(int server, int connection = 1) => _servers[server].Connections[connection - 1];

    /// <summary>Connects a client.</summary>
    public InMemoryPeer Connect()
    {
        var client = Transport.Connect(Engine.Endpoints[0]);
        _clients.Add(client);
        Run();
        return client;
    }

    /// <summary>Lets everything happen that can happen without time passing.</summary>
    public void Run() => Transport.Crank.RunUntilIdle();

    public void Advance(double seconds) => Transport.Crank.Advance(TimeSpan.FromSeconds(seconds));

    /// <summary>Has every server answer each request with what a function makes of its head.</summary>
    public void AnswerAll(Func<string, string> reply)
    {
        foreach (var server in _servers.Values)
        {
            server.Accepted = peer =>
            {
                var text = new StringBuilder();
                peer.Changed = p =>
                {
                    text.Append(p.ReceiveText());
                    for (int end; (end = text.ToString().IndexOf("\r\n\r\n", StringComparison.Ordinal)) >= 0;)
                    {
                        var head = text.ToString(0, end + 4);
                        text.Remove(0, end + 4);
                        p.Send(reply(head));
                    }
                };
            };
        }
    }

    /// <summary>Ends the clients and sees that nothing is left.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var client in _clients) client.Abort();
        Store.Defers = false;
        Store.AnswerDeferred();
        Run();
        var stopped = Engine.StopAsync();
        Transport.Crank.RunUntil(stopped, TimeSpan.FromSeconds(10));
        await stopped;
        Run();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Log.EngineFaults, Is.Empty, "the engine caught a fault of its own");
            Assert.That(Transport.OpenConnections, Is.Zero, "connections are left");
            Assert.That(Store.Live, Is.Zero, "buffers are left");
            Assert.That(Transport.Crank.TimersSet, Is.Zero, "timers are left");
            Assert.That(_queues.Sum(queue => queue.Waiting), Is.Zero, "tickets are left");
            Assert.That(_queues.OfType<JobQueue>().Sum(queue => queue.InFlightTotal), Is.Zero, "grants are left");
            Assert.That(Engine.Loops.Sum(loop => loop.Memory.BlocksOut), Is.Zero, "blocks are left");
            Assert.That(Engine.GetStatistics().Clients, Is.Zero, "clients are left");
        }
    }
}
