using Cmi.Testing;
using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine;

public sealed class HealthTests
{
    [Test]
    public async Task ServerRefuses_IsFeltByOneAttemptOnly()
    {
        await using var gateway = new TestGateway(servers: 2);
        gateway.AnswerAll(_ => Http.Ok("yes"));
        gateway.Transport.Refuse(TestGateway.Address(1));
        var client = gateway.Connect();
        for (var i = 0; i < 20; i++) Assert.That(Ask(client).Text, Is.EqualTo("yes"));
        Assert.That(gateway.Engine.GetStatistics().Retries, Is.EqualTo(1));
        Assert.That(gateway.Engine.GetServerHealth("default")[0], Has.Property("Condition").EqualTo(ServerCondition.Unreachable).And.Property("IsUsable").False);
    }

    [Test]
    public async Task ServerDoesNotAccept_OnlyRequestsInFlightWait()
    {
        await using var gateway = new TestGateway(servers: 2);
        gateway.AnswerAll(_ => Http.Ok("yes"));
        gateway.Transport.BlackHole(TestGateway.Address(1));
        var clients = Enumerable.Range(0, 6).Select(_ => gateway.Connect()).ToArray();
        foreach (var client in clients) client.Send(Http.Get("/"));
        gateway.Run();
        Assert.That(clients.Count(client => client.Available > 0), Is.EqualTo(3), "every second one was sent to the server that accepts");
        gateway.Advance(2);
        foreach (var client in clients) Assert.That(client.ReceiveReply().Text, Is.EqualTo("yes"));
        for (var i = 0; i < 20; i++) Assert.That(Ask(clients[0]).Text, Is.EqualTo("yes"), "without any wait");
        Assert.That(gateway.Engine.GetStatistics().Retries, Is.EqualTo(3));
    }

    [Test]
    public async Task ServerAcceptsAgain_IsUsedWithinTwoSecondsWithoutAClientThatTries()
    {
        await using var gateway = new TestGateway(servers: 2);
        gateway.AnswerAll(_ => Http.Ok("yes"));
        gateway.Transport.Refuse(TestGateway.Address(1));
        var client = gateway.Connect();
        Ask(client);
        gateway.Advance(30);
        Assert.That(gateway.Engine.GetServerHealth("default")[0].ProbesFailed, Is.InRange(25, 30), "one a second");
        gateway.AcceptAgain(TestGateway.Address(1));
        gateway.Advance(2);
        Assert.That(gateway.Engine.GetServerHealth("default")[0].Condition, Is.EqualTo(ServerCondition.Healthy));
        Assert.That(gateway.At(1).ReceiveAll(), Is.Empty, "a connect was enough");
        Assert.That(gateway.At(1).Ended);
        for (var i = 0; i < 4; i++) Ask(client);
        Assert.That(gateway.Server(1).Connections, Has.Count.EqualTo(2), "it takes its turn again");
        Assert.That(gateway.Engine.GetStatistics().Retries, Is.EqualTo(1));
    }

    [Test]
    public async Task ServerIsSilent_CostsOneWaitAndIsAskedByPingUntilItSpeaks()
    {
        await using var gateway = new TestGateway(options => (options.Timeouts.ServerHead, options.Health.Probe) = (TimeSpan.FromSeconds(3), HealthProbeKind.Ask), servers: 2);
        gateway.AnswerAll(_ => Http.Ok("yes"));
        var spoken = gateway.Server(1).Accepted;
        gateway.Server(1).Accepted = null;
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Advance(3);
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("yes"));
        for (var i = 0; i < 20; i++) Assert.That(Ask(client).Text, Is.EqualTo("yes"), "without any wait");
        gateway.Advance(10);
        Assert.That(gateway.Engine.GetServerHealth("default")[0], Has.Property("Condition").EqualTo(ServerCondition.Ejected));
        Assert.That(gateway.At(1, connection: 2).ReceiveAll(), Does.StartWith("OPTIONS * HTTP/1.1\r\nHost: 10.0.0.1:80\r\n").And.EndsWith("\r\nConnection: close\r\n\r\n"));
        var probes = gateway.Engine.GetServerHealth("default")[0].ProbesFailed;
        Assert.That(gateway.Server(1).Connections, Has.Count.InRange(1 + (int)probes, 2 + (int)probes), "one probe at a time");
        gateway.Server(1).Accepted = peer => peer.Send("HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n");
        gateway.Advance(4);
        Assert.That(gateway.Engine.GetServerHealth("default")[0].Condition, Is.EqualTo(ServerCondition.Healthy), "any reply will do");
        gateway.Server(1).Accepted = spoken;
        for (var i = 0; i < 20; i++) Assert.That(Ask(client).Text, Is.EqualTo("yes"));
        Assert.That(gateway.Engine.GetStatistics().Retries, Is.EqualTo(1));
    }

    [Test]
    public async Task ServerIsSilent_WithoutAPingOneRequestAtATimeTriesIt()
    {
        await using var gateway = new TestGateway(options => options.Timeouts.ServerHead = TimeSpan.FromSeconds(3), servers: 2);
        gateway.AnswerAll(_ => Http.Ok("yes"));
        gateway.Server(1).Accepted = null;
        var clients = Enumerable.Range(0, 8).Select(_ => gateway.Connect()).ToArray();
        clients[0].Send(Http.Get("/"));
        gateway.Advance(3);
        clients[0].ReceiveReply();
        gateway.Advance(1.2);
        Assert.That(gateway.Engine.GetServerHealth("default")[0].Condition, Is.EqualTo(ServerCondition.Trial));
        foreach (var client in clients) client.Send(Http.Get("/"));
        gateway.Run();
        Assert.That(clients.Count(client => client.Available == 0), Is.EqualTo(1), "one tries it, the others have their replies");
        gateway.Advance(3);
        Assert.That(clients.Count(client => client.Available == 0), Is.Zero);
        Assert.That(gateway.Engine.GetServerHealth("default")[0].Condition, Is.EqualTo(ServerCondition.Ejected));
    }

    [Test]
    public async Task OnlyServerIsOut_IsAskedAllTheSameAndIsBackWithItsFirstReply()
    {
        await using var gateway = new TestGateway(options => options.Retry.Attempts = 1, servers: 1);
        gateway.AnswerAll(_ => Http.Ok("yes"));
        gateway.Transport.Refuse(TestGateway.Address(1));
        var client = gateway.Connect();
        for (var i = 0; i < 3; i++) Assert.That(Ask(client).Status, Is.EqualTo(502));
        gateway.AcceptAgain(TestGateway.Address(1));
        client.Send(Http.Get("/"));
        gateway.Run();
        gateway.At(1).Send(Http.Ok("yes"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("yes"));
        Assert.That(gateway.Engine.GetServerHealth("default")[0].Condition, Is.EqualTo(ServerCondition.Healthy));
    }

    [Test]
    public async Task ConnectionsAreBounded_WaitingForAPlaceIsNotTheServersFault()
    {
        await using var gateway = new TestGateway(options => (options.Servers.MaxConnections, options.Retry.Attempts) = (1, 1), servers: 1);
        var (first, second) = (gateway.Connect(), gateway.Connect());
        first.Send(Http.Get("/a"));
        gateway.Run();
        second.Send(Http.Get("/b"));
        gateway.Advance(2);
        Assert.That(second.ReceiveReply().Status, Is.EqualTo(504));
        Assert.That(gateway.Engine.GetServerHealth("default")[0], Has.Property("Condition").EqualTo(ServerCondition.Healthy).And.Property("Failures").Zero);
        gateway.At(1).Send(Http.Ok("a"));
        Assert.That(first.ReceiveReply().Text, Is.EqualTo("a"));
    }

    [Test]
    public async Task ServerGoesOut_ThoseWhoWaitForItGoElsewhere()
    {
        await using var gateway = new TestGateway(options => options.Servers.MaxRequests = 1, servers: 2);
        gateway.Transport.BlackHole(TestGateway.Address(1));
        var clients = Enumerable.Range(0, 4).Select(_ => gateway.Connect()).ToArray();
        for (var i = 0; i < 4; i++) clients[i].Send(Http.Get($"/{i}"));
        gateway.Run();
        Assert.That(gateway.Queue.Waiting, Is.EqualTo(2));
        gateway.Advance(2);
        var served = new List<string>();
        for (var i = 0; i < 4; i++)
        {
            gateway.Run();
            var asked = gateway.Server(2).Connections.Single(connection => connection.Available > 0);
            served.Add(Http.PathOf(asked.ReceiveText()));
            asked.Send(Http.Ok());
        }
        Assert.That(served, Is.EquivalentTo(new[] { "/0", "/1", "/2", "/3" }));
        foreach (var client in clients) Assert.That(client.ReceiveReply().Status, Is.EqualTo(200));
    }

    [TestCase(ServerState.Drain)]
    [TestCase(ServerState.Maintenance)]
    public async Task ServerIsTakenOut_RequestsInFlightFinishAndOthersGoElsewhere(ServerState state)
    {
        await using var gateway = new TestGateway(servers: 2);
        var (first, second) = (gateway.Connect(), gateway.Connect());
        first.Send(Http.Get("/a"));
        gateway.Run();
        gateway.Engine.SetServerState("default", TestGateway.Address(1), state);
        for (var i = 1; i <= 3; i++)
        {
            second.Send(Http.Get("/b"));
            gateway.Run();
            gateway.At(2).ReceiveText();
            gateway.At(2).Send(Http.Ok("b"));
            Assert.That(second.ReceiveReply().Text, Is.EqualTo("b"));
        }
        gateway.At(1).Send(Http.Ok("a"));
        Assert.That(first.ReceiveReply().Text, Is.EqualTo("a"));
        Assert.That(gateway.Engine.GetServerHealth("default")[0].State, Is.EqualTo(state));
        gateway.Engine.SetServerState("default", TestGateway.Address(1), ServerState.Active);
        foreach (var client in new[] { first, second }) client.Send(Http.Get("/c"));
        gateway.Run();
        Assert.That(gateway.At(1).ReceiveText() + gateway.At(2).ReceiveText(), Does.Match("(?s)GET /a .*GET /c .*GET /c "), "both are used");
    }

    [Test]
    public async Task AllServersAreTakenOut_RequestsWaitForOneOrForTheirDeadline()
    {
        await using var gateway = new TestGateway(servers: 1);
        gateway.AnswerAll(_ => Http.Ok("yes"));
        gateway.Engine.SetServerState("default", TestGateway.Address(1), ServerState.Maintenance);
        var (first, second) = (gateway.Connect(), gateway.Connect());
        first.Send(Http.Get("/"));
        gateway.Advance(10);
        var refused = first.ReceiveReply();
        Assert.That(refused.Status, Is.EqualTo(503));
        second.Send(Http.Get("/"));
        gateway.Advance(5);
        Assert.That(second.Available, Is.Zero);
        gateway.Engine.SetServerState("default", TestGateway.Address(1), ServerState.Active);
        Assert.That(second.ReceiveReply().Text, Is.EqualTo("yes"));
    }

    [Test]
    public async Task NoSuchServerOrGroup_IsSaid()
    {
        await using var gateway = new TestGateway(servers: 1);
        Assert.Throws<ArgumentException>(() => gateway.Engine.SetServerState("default", TestGateway.Address(9), ServerState.Drain));
        Assert.Throws<ArgumentException>(() => gateway.Engine.SetServerState("other", TestGateway.Address(1), ServerState.Drain));
        Assert.Throws<ArgumentException>(() => gateway.Engine.GetServerHealth("other"));
    }

    [Test]
    public async Task ActiveChecks_FindAServerThatIsUnwellBeforeAnyClientDoes()
    {
        await using var gateway = new TestGateway(options => (options.Health.Path, options.Health.Host) = ("/health?x", "checks.example"), servers: 2);
        var well = true;
        gateway.AnswerAll(head => head.StartsWith("GET /health?x HTTP/1.1\r\nHost: checks.example\r\n", StringComparison.Ordinal) && !well
            ? "HTTP/1.1 503 Unwell\r\nContent-Length: 0\r\n\r\n" : Http.Ok("yes"));
        gateway.Advance(10);
        Assert.That(gateway.Engine.GetServerHealth("default").Select(server => server.Condition), Is.All.EqualTo(ServerCondition.Healthy));
        well = false;
        gateway.Server(2).Accepted = null;                          // it answers no check at all
        gateway.Advance(22);
        Assert.That(gateway.Engine.GetServerHealth("default").Select(server => server.Condition), Is.All.EqualTo(ServerCondition.Unhealthy));
        well = true;
        gateway.Advance(12);
        Assert.That(gateway.Engine.GetServerHealth("default").Select(server => server.Condition), Is.EqualTo(new[] { ServerCondition.Healthy, ServerCondition.Unhealthy }));
        var client = gateway.Connect();
        for (var i = 0; i < 5; i++) Assert.That(Ask(client).Text, Is.EqualTo("yes"));
        Assert.That(gateway.Engine.GetStatistics().Retries, Is.Zero);
    }

    [Test]
    public async Task ActiveChecks_AreSpreadSoThatServersAreNotCheckedTogether()
    {
        await using var gateway = new TestGateway(options => (options.Health.Path, options.Health.Interval) = ("/health", TimeSpan.FromSeconds(10)), servers: 1);
        var times = new List<long>();
        gateway.AnswerAll(_ =>
        {
            times.Add(gateway.Transport.Loops[0].Now);
            return Http.Ok();
        });
        gateway.Advance(200);
        var gaps = times.Zip(times.Skip(1), (before, after) => after - before).ToList();
        Assert.That(gaps, Has.Count.GreaterThan(15).And.All.InRange(10_000, 11_000));
        Assert.That(gaps.Distinct().Count(), Is.GreaterThan(5));
    }

    [TestCase("refuses")]
    [TestCase("ignores")]
    [TestCase("resets")]
    [TestCase("closes")]
    [TestCase("is silent")]
    [TestCase("says garbage")]
    [TestCase("says too much")]
    [TestCase("is unwell")]
    [TestCase("is well")]
    public async Task CheckEnds_ItsPlaceAmongTheConnectionsIsFree(string how)
    {
        await using var gateway = new TestGateway(options => (options.Health.Path, options.Health.Interval, options.Health.Timeout, options.Servers.MaxConnections) = ("/health", TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(2), 1), servers: 1);
        var checks = 0;
        gateway.Server(1).Accepted = peer =>
        {
            checks++;
            if (how == "resets") peer.Abort();
            else if (how == "closes") peer.Close();
            else if (how == "says garbage") peer.Send("garbage\r\n\r\n");
            else if (how == "says too much") peer.Send("HTTP/1.1 200 OK\r\nX: " + new string('x', 20_000));
            else if (how == "is unwell") peer.Send("HTTP/1.1 500 Unwell\r\nContent-Length: 0\r\n\r\n");
            else if (how == "is well") peer.Send(Http.Ok());
        };
        if (how == "refuses") gateway.Transport.Refuse(TestGateway.Address(1));
        if (how == "ignores") gateway.Transport.BlackHole(TestGateway.Address(1));
        gateway.Advance(30);                                        // several of them: one that kept the place would be the last
        var health = gateway.Engine.GetServerHealth("default")[0];
        Assert.That(how == "is well" ? checks : (int)health.ProbesFailed, Is.GreaterThanOrEqualTo(3));
        if (how is "refuses" or "ignores") gateway.AcceptAgain(TestGateway.Address(1));
        gateway.AnswerAll(_ => Http.Ok("yes"));
        gateway.Advance(3);
        Assert.That(Ask(gateway.Connect()).Text, Is.EqualTo("yes"), "within its place");
    }

    [Test]
    public async Task EngineStopsWhileAServerIsProbed_NothingIsLeft()
    {
        await using var gateway = new TestGateway(options => options.Retry.Attempts = 1, servers: 1);
        gateway.Transport.BlackHole(TestGateway.Address(1));
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Advance(3.5);                                       // a probe is being dialled now, and has no answer
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(504));
    }

    [Test]
    public async Task CloseIsTrusted_IsCounted()
    {
        await using var gateway = new TestGateway(servers: 1);
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        gateway.At(1).Send("HTTP/1.1 200 OK\r\n\r\nto the end");
        gateway.At(1).Close();
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("to the end"));
        Assert.That(gateway.Engine.GetServerHealth("default")[0], Has.Property("Replies").EqualTo(1).And.Property("TrustedCloses").EqualTo(1));
    }

    private static WireMessage Ask(InMemoryPeer client)
    {
        client.Send(Http.Get("/"));
        return client.ReceiveReply();
    }
}
