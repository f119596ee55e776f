using System.Text;
using Cmi.Testing;
using NUnit.Framework;

namespace Cmi.Tests.Testing;

public sealed class InMemoryTransportTests
{
    private static readonly ServerAddress Origin = new(AddressKind.Tcp, "origin", 80);
    private static readonly ListenAddress Any = new(AddressKind.Tcp, "127.0.0.1", 0);

    /// <summary>Sends back what it receives, in upper case, and ends or breaks as its peer does.</summary>
    private sealed class Shouter : IConnectionOwner
    {
        public Readiness Last { get; private set; }
        public int Told { get; private set; }

        public void OnReady(IConnection connection)
        {
            (Last, Told) = (connection.Ready, Told + 1);
            Span<byte> bytes = stackalloc byte[100];
            for (;;)
            {
                switch (connection.TryReceive(bytes, out var received))
                {
                    case IoStatus.Done:
                        connection.TrySend(Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(bytes[..received]).ToUpperInvariant()), default, out _);
                        break;
                    case IoStatus.End:
                        connection.Close();
                        return;
                    default:
                        return;
                }
            }
        }
    }

    private static (InMemoryTransport Transport, InMemoryPeer Client, Shouter Shouter) Shouting(InMemoryOptions? options = null)
    {
        var transport = new InMemoryTransport(options);
        var shouter = new Shouter();
        var listener = Listen(transport, c => c.SetOwner(shouter));
        return (transport, transport.Connect(listener.Address), shouter);
    }

    private static (InMemoryTransport Transport, IConnection Server, InMemoryPeer Client) Joined(bool late, int capacity = 100)
    {
        var transport = new InMemoryTransport(new() { SendsLate = late, Capacity = capacity });
        IConnection server = null!;
        var listener = Listen(transport, c => server = c);
        var client = transport.Connect(listener.Address);
        transport.Crank.RunUntilIdle();
        return (transport, server, client);
    }

    private static IListener Listen(InMemoryTransport transport, Action<IConnection> accepted) =>
        transport.Crank.All[0].Wait(() => transport.ListenAsync(Any, accepted, CancellationToken.None));

    private static IConnection Dial(InMemoryTransport transport, CancellationToken cancellationToken = default) =>
        transport.Crank.All[0].Wait(() => transport.ConnectAsync(Origin, transport.Loops[0], cancellationToken), TimeSpan.FromMilliseconds(1));

    [Test]
    public void Client_IsAnswered()
    {
        var (transport, client, _) = Shouting();
        client.Send("hello");
        Assert.That(client.ReceiveAll(), Is.EqualTo("HELLO"));
        Assert.That((transport.Accepted, transport.OpenConnections), Is.EqualTo((1, 1)));
        client.EndSending();
        transport.Crank.RunUntilIdle();
        Assert.That((client.Ended, client.Reset, transport.OpenConnections), Is.EqualTo((true, false, 0)));
    }

    [Test]
    public void Fragments_TearMessagesOverTurns([Values(1, 3)] int most)
    {
        var (_, client, shouter) = Shouting(new() { MaxReceive = most, OneFragmentPerTurn = true });
        client.Send("hello world");
        Assert.That(client.ReceiveAll(), Is.EqualTo("HELLO WORLD"));
        Assert.That(shouter.Told, Is.GreaterThanOrEqualTo(11 / most));
    }

    [Test]
    public void MoreThanTheCapacity_WaitsAtTheClientAndFlowsOn()
    {
        var transport = new InMemoryTransport(new() { Capacity = 10 });
        IConnection server = null!;
        var listener = Listen(transport, c => server = c);
        var client = transport.Connect(listener.Address);
        client.Send(new string('x', 25));
        client.EndSending();
        transport.Crank.RunUntilIdle();
        Assert.That((client.Sent, client.Unsent), Is.EqualTo((10L, 15)));
        Assert.That(server.Ready, Is.EqualTo(Readiness.Sendable | Readiness.Receivable));
        Assert.That(server.TryReceive(new byte[100], out var first), Is.EqualTo(IoStatus.Done));
        Assert.That(server.TryReceive(new byte[100], out var second), Is.EqualTo(IoStatus.Done));
        Assert.That(server.TryReceive(new byte[100], out var third), Is.EqualTo(IoStatus.Done));
        Assert.That((first, second, third), Is.EqualTo((10, 10, 5)));
        Assert.That(server.TryReceive(new byte[100], out _), Is.EqualTo(IoStatus.End));
        Assert.That(server.Ready & Readiness.PeerEnded, Is.EqualTo(Readiness.PeerEnded));
    }

    [Test]
    public void ClientAborts_UnreceivedBytesAreGone()
    {
        var (transport, client, shouter) = Shouting();
        transport.Crank.RunUntilIdle();
        client.Send("never seen");
        client.Abort();
        transport.Crank.RunUntilIdle();
        Assert.That(shouter.Last & Readiness.Failed, Is.EqualTo(Readiness.Failed));
        Assert.That(client.Received, Is.Zero);
    }

    [Test]
    public void BytesToAClosedConnection_ComeBackAsAReset()
    {
        var transport = new InMemoryTransport();
        IConnection server = null!;
        var listener = Listen(transport, c => server = c);
        var client = transport.Connect(listener.Address);
        transport.Crank.All[0].Run(() => { });
        server.TrySend("bye"u8, default, out _);
        server.Close();
        Assert.That(client.ReceiveText(), Is.EqualTo("bye"));
        Assert.That(client.Ended);
        client.Send("too late");
        Assert.That((client.Reset, client.Ended), Is.EqualTo((true, false)));
    }

    [TestCase(false, "ab")]
    [TestCase(true, "")]
    public void SendSoon_LeavesLateIfAsked(bool late, string atOnce)
    {
        var (transport, server, client) = Joined(late);
        Assert.That(server.TrySendSoon("a"u8, "b"u8, out var sent), Is.EqualTo(IoStatus.Done));
        Assert.That((sent, client.ReceiveText()), Is.EqualTo((2, atOnce)));
        Assert.That(atOnce + client.ReceiveAll(), Is.EqualTo("ab"));
        Assert.That(transport.OpenConnections, Is.EqualTo(1));
    }

    [Test]
    public void SendsLate_EverythingKeepsItsOrder()
    {
        var (transport, server, client) = Joined(late: true);
        server.TrySendSoon("a"u8, default, out _);
        server.TrySendSoon("b"u8, default, out _);
        server.TrySend("c"u8, default, out _);
        Assert.That(client.ReceiveText(), Is.EqualTo("abc"));
        server.TrySendSoon("d"u8, default, out _);
        server.TrySendLast("e"u8, default, out _);
        server.Close();
        Assert.That((client.ReceiveText(), client.Ended), Is.EqualTo(("de", true)));
        transport.Crank.RunUntilIdle();
        Assert.That(transport.OpenConnections, Is.Zero);
    }

    [Test]
    public void SendsLate_ResetBefore_TheOwnerIsToldAndThePeerHasNothing()
    {
        var (transport, server, client) = Joined(late: true);
        var shouter = new Shouter();
        server.SetOwner(shouter);
        server.TrySendSoon("never seen"u8, default, out _);
        client.Abort();
        transport.Crank.RunUntilIdle();
        Assert.That(shouter.Last & Readiness.Failed, Is.EqualTo(Readiness.Failed));
        Assert.That(client.Available, Is.Zero);
        Assert.That(server.TrySendSoon("no more"u8, default, out _), Is.EqualTo(IoStatus.Failed));
    }

    [Test]
    public void SendsLate_NoMoreIsTakenThanThereIsRoomFor()
    {
        var (transport, server, client) = Joined(late: true, capacity: 4);
        server.TrySendSoon("abc"u8, default, out _);
        server.TrySendSoon("def"u8, default, out var sent);
        Assert.That(sent, Is.EqualTo(1));
        Assert.That(server.TrySendSoon("ef"u8, default, out _), Is.EqualTo(IoStatus.WouldBlock));
        Assert.That(client.ReceiveText(), Is.EqualTo("abcd"));
        Assert.That(server.Ready & Readiness.Sendable, Is.EqualTo(Readiness.Sendable));
        transport.Crank.RunUntilIdle();
    }

    [Test]
    public void Abort_TellsTheReason()
    {
        var transport = new InMemoryTransport();
        var listener = Listen(transport, c => c.Abort("no thanks"));
        var client = transport.Connect(listener.Address);
        transport.Crank.RunUntilIdle();
        Assert.That((client.Reset, client.ResetReason), Is.EqualTo((true, "no thanks")));
        Assert.That(transport.OpenConnections, Is.Zero);
    }

    [Test]
    public void ScriptedServer_AnswersBetweenTurns()
    {
        var transport = new InMemoryTransport();
        transport.AddServer(Origin, peer => peer.Changed = p => { if (p.ReceiveText() is { Length: > 0 } text) p.Send(text + "!"); });
        var connection = Dial(transport);
        connection.TrySend("hi"u8, default, out _);
        transport.Crank.RunUntilIdle();
        var bytes = new byte[10];
        Assert.That(connection.TryReceive(bytes, out var received), Is.EqualTo(IoStatus.Done));
        Assert.That(Encoding.Latin1.GetString(bytes, 0, received), Is.EqualTo("hi!"));
        Assert.That((transport.Dialled, transport.OpenConnections), Is.EqualTo((1, 1)));
    }

    [Test]
    public void ServerByHand_HoldsItsEnds()
    {
        var transport = new InMemoryTransport();
        var server = transport.AddServer(Origin);
        var connection = Dial(transport);
        connection.TrySend("head "u8, "content"u8, out var sent);
        Assert.That(sent, Is.EqualTo(12));
        Assert.That(server.Last.ReceiveText(), Is.EqualTo("head content"));
        connection.Close();
        Assert.That((server.Last.Ended, transport.OpenConnections), Is.EqualTo((true, 0)));
    }

    [Test]
    public void UnknownOrRefusedServer_ThrowsIOException()
    {
        var transport = new InMemoryTransport();
        Assert.That(() => Dial(transport), Throws.InstanceOf<IOException>());
        transport.AddServer(Origin);
        Dial(transport);
        transport.Refuse(Origin);
        Assert.That(() => Dial(transport), Throws.InstanceOf<IOException>());
        Assert.That(transport.Dialled, Is.EqualTo(1));
    }

    [Test]
    public void BlackHole_NeverAnswers()
    {
        var transport = new InMemoryTransport();
        transport.BlackHole(Origin);
        Assert.That(() => Dial(transport), Throws.TypeOf<TimeoutException>());
    }

    [Test]
    public void SendAfterTheEnd_IsABug()
    {
        var transport = new InMemoryTransport();
        transport.AddServer(Origin);
        var connection = Dial(transport);
        connection.EndSending();
        Assert.That(() => connection.TrySend("x"u8, default, out _), Throws.InvalidOperationException);
        Assert.That(() => connection.TryReceive(default, out _), Throws.ArgumentException);
    }

    [Test]
    public void SameSeed_SameRun()
    {
        var (first, again, other) = (Run(5), Run(5), Run(6));
        Assert.That(again, Is.EqualTo(first));
        Assert.That(other.Told, Is.Not.EqualTo(first.Told));

        static (int Bytes, int Told) Run(int seed)
        {
            var (_, client, shouter) = Shouting(new() { Seed = seed, RandomFragments = true, OneFragmentPerTurn = true, MaxReceive = 50 });
            client.Send(new string('x', 10_000));
            return (client.ReceiveAll().Length, shouter.Told);
        }
    }
}
