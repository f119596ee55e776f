using Cmi.Queues;
using Cmi.Testing;
using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine;

/// <summary>Whoever vanishes in whichever phase of an exchange: nothing is left of it, at once where the client is gone, after the timeouts at the latest.</summary>
public sealed class EndingTests
{
    public enum Phase
    {
        Idle,
        HalfHead,
        HalfContentHeld,
        WaitingForTurn,
        Queued,
        Connecting,
        HalfContentFlowing,
        AwaitingHead,
        HalfReplyHead,
        HalfReplyHeld,
        HalfReplyLeaving,
        ReplyUnread,
        ReadsLater,
        Lingering,
    }

    public enum Ending
    {
        ClientResets,
        ClientEnds,
        ServerResets,
        ServerCloses,
        Drain,
        Disposal,
        OnlyTime,
    }

    [Test]
    public async Task InEveryPhase_NothingIsLeft([Values] Phase phase, [Values] Ending ending)
    {
        await using var gateway = new TestGateway(options => Configure(options, phase), servers: 2, transport: new() { Capacity = 4000 });
        var client = gateway.Connect();
        Bring(gateway, client, phase);
        End(gateway, client, ending);
        if (ending is Ending.ClientResets or Ending.Disposal) AssertNothingIsLeft(gateway);
        gateway.Advance(600);
        if (phase == Phase.Connecting)
        {
            // Servers that cannot be connected to are probed for as long as the engine runs.
            for (var server = 1; server <= 2; server++) gateway.AcceptAgain(TestGateway.Address(server));
            gateway.Advance(5);
        }
        AssertNothingIsLeft(gateway);
    }

    private static void Configure(CmiOptions options, Phase phase)
    {
        if (phase == Phase.HalfContentFlowing) options.Request.Commit = CommitMode.Stream;
        if (phase == Phase.HalfReplyLeaving) options.Reply.Commit = CommitMode.Stream;
        if (phase == Phase.Queued) options.Servers.MaxRequests = 1;
    }

    private static void Bring(TestGateway gateway, InMemoryPeer client, Phase phase)
    {
        if (phase == Phase.Connecting)
        {
            gateway.Transport.BlackHole(TestGateway.Address(1));
            gateway.Transport.BlackHole(TestGateway.Address(2));
        }
        if (phase == Phase.ReadsLater) gateway.Store.Defers = true;
        client.Send(phase switch
        {
            Phase.Idle => "",
            Phase.HalfHead => "GET / HTTP/1.1\r\nHo",
            Phase.HalfContentHeld or Phase.HalfContentFlowing => Http.Request("PUT", "/", "Content-Length: 3000\r\n") + new string('x', 2000),
            Phase.WaitingForTurn => Http.Get("/") + Http.Send("PUT", "/", new('x', 2000)) + Http.Get("/"),
            Phase.Queued => Http.Get("/1") + Http.Get("/2") + Http.Get("/3") + Http.Get("/4"),
            Phase.Lingering => "nonsense\r\n\r\n",
            _ => Http.Get("/"),
        });
        gateway.Run();
        var head = Http.OkHead("Transfer-Encoding: chunked\r\n");
        var reply = phase switch
        {
            Phase.HalfReplyHead => "HTTP/1.1 200 OK\r\nSer",
            Phase.HalfReplyHeld or Phase.HalfReplyLeaving => $"{head}64\r\n12345",
            Phase.ReplyUnread or Phase.ReadsLater => Http.Ok(new('x', 100_000)),
            _ => "",
        };
        if (reply.Length == 0) return;
        gateway.At(1).Send(reply);
        gateway.Run();
    }

    private static void End(TestGateway gateway, InMemoryPeer client, Ending ending)
    {
        var servers = gateway.Server(1).Connections.Concat(gateway.Server(2).Connections).ToList();
        switch (ending)
        {
            case Ending.ClientResets:
                client.Abort();
                break;
            case Ending.ClientEnds:
                client.EndSending();
                break;
            case Ending.ServerResets:
                servers.ForEach(server => server.Abort());
                break;
            case Ending.ServerCloses:
                servers.ForEach(server => server.Close());
                break;
            case Ending.Drain:
                gateway.Transport.Crank.All[0].Run(() => _ = gateway.Engine.StopAsync());
                break;
            case Ending.Disposal:
                gateway.Transport.Crank.All[0].Run(() => _ = gateway.Engine.DisposeAsync().AsTask());
                break;
        }
        gateway.Run();
    }

    private static void AssertNothingIsLeft(TestGateway gateway)
    {
        gateway.Store.AnswerDeferred();
        gateway.Run();
        var idle = gateway.Engine.Loops.Sum(loop => loop.Pool.IdleCount);      // kept for the next request, and closed in time
        using (Assert.EnterMultipleScope())
        {
            Assert.That(gateway.Transport.OpenConnections, Is.EqualTo(idle), "connections");
            Assert.That(gateway.Store.Live, Is.Zero, "buffers");
            Assert.That(gateway.Transport.Crank.TimersSet, Is.EqualTo(Math.Min(idle, 1)), "timers");
            Assert.That(gateway.Queue.Waiting, Is.Zero, "tickets");
            Assert.That(((JobQueue)gateway.Queue).InFlightTotal, Is.Zero, "grants");
            Assert.That(gateway.Engine.Loops.Sum(loop => loop.Memory.BlocksOut), Is.Zero, "blocks");
            Assert.That(gateway.Engine.GetStatistics().Clients, Is.Zero, "clients");
        }
    }
}
