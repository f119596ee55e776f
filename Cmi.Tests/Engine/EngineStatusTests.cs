using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine;

public sealed class EngineStatusTests
{
    [Test]
    public async Task Status_TellsOfLoopsGroupsAndServers()
    {
        await using var gateway = new TestGateway(options => options.Servers.MaxRequests = 1, servers: 2);
        gateway.Transport.Refuse(TestGateway.Address(1));
        var (one, other) = (gateway.Connect(), gateway.Connect());
        one.Send(Http.Get("/1"));
        gateway.Run();
        other.Send(Http.Send("POST", "/2", "x"));
        gateway.Run();
        var status = gateway.Engine.GetStatus();
        var servers = status.Groups.Single().Servers;
        using (Assert.EnterMultipleScope())
        {
            Assert.That((status.State, status.StartedAt.HasValue, status.Endpoints.Single().ToString()), Is.EqualTo((EngineState.Listening, true, "http://127.0.0.1:8080")));
            Assert.That(status.Version, Is.Not.Empty);
            Assert.That(status.Loops.Single(), Is.EqualTo(new LoopStatus(2, 2, gateway.Transport.Crank.All[0].TimersSet, 0)));
            Assert.That(status.Loops.Single().TimersSet, Is.GreaterThanOrEqualTo(2), "one for each client");
            Assert.That((status.Groups.Single().Name, status.Groups.Single().Waiting), Is.EqualTo(("default", 1)));
            Assert.That(servers.Select(server => (server.Address, server.ActiveRequests, server.OpenConnections)),
                Is.EqualTo((ValueTuple<ServerAddress, long, int>[])[(TestGateway.Address(1), 0, 0), (TestGateway.Address(2), 1, 1)]));
            Assert.That((servers[0].Failures, servers[0].Retries), Is.EqualTo((1, 1)), "it is remembered");
            Assert.That(servers[0].Health, Has.Property("Condition").EqualTo(ServerCondition.Unreachable).And.Property("IsUsable").False);
        }
    }

    [Test]
    public async Task State_FollowsTheEngine()
    {
        await using var gateway = new TestGateway(options => options.Timeouts.DrainDelay = TimeSpan.FromSeconds(5), servers: 1);
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        Task stopped = null!;
        gateway.Transport.Crank.All[0].Run(() => stopped = gateway.Engine.StopAsync());
        Assert.That(gateway.Engine.GetStatus().State, Is.EqualTo(EngineState.Leaving));
        gateway.Advance(5);
        Assert.That(gateway.Engine.GetStatus().State, Is.EqualTo(EngineState.Draining));
        gateway.At(1).Send(Http.Ok());
        client.ReceiveReply();
        client.Close();
        gateway.Run();
        Assert.That((gateway.Engine.GetStatus().State, stopped.IsCompletedSuccessfully), Is.EqualTo((EngineState.Stopped, true)));
    }
}
