using Cmi.Tests.Harness;

namespace Cmi.Tests.Telemetry;

public sealed class CmiMetricsTests
{
    [Test]
    public async Task Exchange_IsMeasuredOnBothSides()
    {
        using var measured = new Measurements();
        await using var gateway = new TestGateway(servers: 1, meters: measured);
        var client = gateway.Connect();
        client.Send(Http.Send("POST", "/a?secret=1", "12345"));
        gateway.Run();
        gateway.Advance(0.25);
        gateway.At(1).Send(Http.Ok("yes"));
        gateway.Run();

        var exchange = measured.Of("http.server.request.duration").Single();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(exchange.Value, Is.EqualTo(0.25).Within(1e-9));
            Assert.That(exchange.Tags, Is.EquivalentTo(new Dictionary<string, object?>
            {
                ["http.request.method"] = "POST", ["url.scheme"] = "http", ["network.protocol.version"] = "1.1",
                ["http.response.status_code"] = 200, ["cmi.group"] = "default",
            }));
            Assert.That(measured.Of("http.server.request.body.size").Single().Value, Is.EqualTo(5));
            Assert.That(measured.Of("http.server.response.body.size").Single().Value, Is.EqualTo(3));
            Assert.That(measured.Of("http.client.request.duration").Single().Tags, Is.EquivalentTo(new Dictionary<string, object?>
            {
                ["http.request.method"] = "POST", ["url.scheme"] = "http", ["server.address"] = "10.0.0.1", ["server.port"] = 80,
                ["http.response.status_code"] = 200, ["cmi.group"] = "default",
            }));
            Assert.That(measured.Of("cmi.server.held").Single().Value, Is.EqualTo(0.25).Within(1e-9));
            Assert.That(measured.Of("cmi.queue.wait").Single()["cmi.queue.outcome"], Is.EqualTo("granted"));
            Assert.That(measured.Of("cmi.client.drain").Single().Value, Is.Zero);
            Assert.That(measured.Of("cmi.replies").Single(one => (string?)one["cmi.reply.path"] == "direct").Value, Is.EqualTo(1));
        }
    }

    [Test]
    public async Task WhatIsGoingOn_IsSeenWhileItGoesOn_AndIsZeroAfterIt()
    {
        using var measured = new Measurements();
        await using var gateway = new TestGateway(options => options.Servers.MaxRequests = 1, servers: 1, meters: measured);
        var (one, other) = (gateway.Connect(), gateway.Connect());
        one.Send(Http.Get("/1"));
        other.Send(Http.Get("/2"));
        gateway.Run();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(measured.Of("http.server.active_requests").Single().Value, Is.EqualTo(2));
            Assert.That(measured.Of("http.client.active_requests").Single().Value, Is.EqualTo(1));
            Assert.That(measured.Of("cmi.queue.length").Single().Value, Is.EqualTo(1));
            Assert.That(measured.Of("cmi.client.connections").Single().Value, Is.EqualTo(2));
            Assert.That(Open(measured, "active"), Is.EqualTo(1));
        }
        gateway.At(1).Send(Http.Ok("1"));
        gateway.Run();
        gateway.At(1).Send(Http.Ok("2"));
        gateway.Run();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(measured.Of("http.server.active_requests").Single().Value, Is.Zero);
            Assert.That(measured.Of("http.client.active_requests").Single().Value, Is.Zero);
            Assert.That(measured.Of("cmi.queue.length").Single().Value, Is.Zero);
            Assert.That((Open(measured, "active"), Open(measured, "idle")), Is.EqualTo((0, 1)));
            Assert.That(measured.Of("cmi.grants").Single().Value, Is.EqualTo(2));
        }
        gateway.Advance(31);
        Assert.That(measured.Of("http.client.connection.duration").Single().Value, Is.GreaterThanOrEqualTo(30));
        Assert.That(Open(measured, "idle"), Is.Zero);
    }

    [Test]
    public async Task ServerThatRefuses_CountsAsAFailureAndARetryAtThatServer()
    {
        using var measured = new Measurements();
        await using var gateway = new TestGateway(servers: 2, meters: measured);
        gateway.Transport.Refuse(TestGateway.Address(1));
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        gateway.At(2).Send(Http.Ok("yes"));
        gateway.Run();
        foreach (var instrument in new[] { "cmi.server.failures", "cmi.retries" })
        {
            var one = measured.Of(instrument).Single();
            Assert.That((one.Value, one["server.address"], one["error.type"]), Is.EqualTo((1, "10.0.0.1", "connect_failed")));
        }
        var attempts = measured.Of("http.client.request.duration");
        Assert.That(attempts.Select(one => one["error.type"]), Is.EqualTo(new object?[] { "connect_failed", null }));
        Assert.That(measured.Of("http.server.request.duration").Single()["error.type"], Is.Null);
    }

    [Test]
    public async Task OwnReply_IsAnErrorWithItsStatusCode()
    {
        using var measured = new Measurements();
        await using var gateway = new TestGateway(options => options.Retry.Attempts = 1, servers: 1, meters: measured);
        gateway.Transport.Refuse(TestGateway.Address(1));
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(502));
        var exchange = measured.Of("http.server.request.duration").Single();
        Assert.That((exchange["http.response.status_code"], exchange["error.type"]), Is.EqualTo((502, "502")));
        var own = measured.Of("cmi.replies.own").Single();
        Assert.That((own.Value, own["http.response.status_code"]), Is.EqualTo((1, 502)));
    }

    [Test]
    public async Task CutReply_IsCountedAtItsServer()
    {
        using var measured = new Measurements();
        await using var gateway = new TestGateway(options => options.Reply.Commit = CommitMode.Stream, servers: 1, meters: measured);
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        gateway.At(1).Send(Http.OkHead("Content-Length: 10\r\n") + "12345");
        gateway.Run();
        gateway.At(1).Abort();
        gateway.Run();
        Assert.That(measured.Of("cmi.replies.cut").Single().Value, Is.EqualTo(1));
        Assert.That(measured.Of("http.server.request.duration").Single()["error.type"], Is.EqualTo("reply_cut"));
    }

    [Test]
    public async Task ClientThatLeaves_LeavesNothingActive()
    {
        using var measured = new Measurements();
        await using var gateway = new TestGateway(servers: 1, meters: measured);
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        client.Abort();
        gateway.Run();
        var exchange = measured.Of("http.server.request.duration").Single();
        Assert.That((exchange["error.type"], exchange["http.response.status_code"]), Is.EqualTo(("client_left", (object?)null)));
        Assert.That(measured.Of("http.client.request.duration").Single()["error.type"], Is.EqualTo("abandoned"));
        Assert.That(measured.Of("http.server.active_requests").Single().Value + measured.Of("http.client.active_requests").Single().Value, Is.Zero);
    }

    [Test]
    public async Task WhatClientsInvent_BecomesNoAttribute()
    {
        using var measured = new Measurements();
        await using var gateway = new TestGateway(servers: 1, meters: measured);
        gateway.AnswerAll(_ => Http.Ok());
        var client = gateway.Connect();
        for (var i = 0; i < 5; i++)
        {
            client.Send($"BREW{i} /pot{i} HTTP/1.1\r\nHost: host{i}\r\nUser-Agent: agent{i}\r\n\r\n");
            client.ReceiveReply();
        }
        Assert.That(measured.Of("http.server.request.duration").Select(one => one["http.request.method"]), Has.Exactly(5).EqualTo("_OTHER"));
        Assert.That(measured.Of("http.server.active_requests"), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task FastServerAndSlowClient_IsTheClientsTime()
    {
        using var measured = new Measurements();
        await using var gateway = new TestGateway(servers: 1, transport: new() { Capacity = 1000 }, meters: measured);
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        gateway.Advance(0.125);
        gateway.At(1).Send(Http.Ok(new('x', 100_000)));
        gateway.Run();
        gateway.Advance(2);
        Assert.That(client.ReceiveReply().Text, Has.Length.EqualTo(100_000));
        Assert.That(Times(measured, "cmi.server.held"), Is.EqualTo([("10.0.0.1", 0.125)]));
        Assert.That(Times(measured, "cmi.client.drain"), Is.EqualTo([((string?)null, 2.0)]));
    }

    [Test]
    public async Task SlowServerAndFastClient_IsTheServersTime()
    {
        using var measured = new Measurements();
        await using var gateway = new TestGateway(servers: 1, meters: measured);
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        gateway.Advance(0.5);
        gateway.At(1).Send(Http.OkHead("Content-Length: 10\r\n") + "12345");
        gateway.Run();
        gateway.Advance(1.5);
        gateway.At(1).Send("67890");
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("1234567890"));
        Assert.That(Times(measured, "cmi.server.held"), Is.EqualTo([("10.0.0.1", 2.0)]));
        Assert.That(Times(measured, "cmi.client.drain"), Is.EqualTo([((string?)null, 0.0)]));
    }

    [Test]
    public async Task RetriedExchange_HeldByEachAttemptAtItsServer_DrainedOnce()
    {
        using var measured = new Measurements();
        await using var gateway = new TestGateway(servers: 2, transport: new() { Capacity = 1000 }, meters: measured);
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        gateway.Advance(0.25);
        gateway.At(1).Abort();
        gateway.Run();
        gateway.Advance(0.5);
        gateway.At(2).Send(Http.Ok(new('x', 100_000)));
        gateway.Run();
        gateway.Advance(1);
        Assert.That(client.ReceiveReply().Text, Has.Length.EqualTo(100_000));
        Assert.That(Times(measured, "cmi.server.held"), Is.EqualTo([("10.0.0.1", 0.25), ("10.0.0.2", 0.5)]));
        Assert.That(Times(measured, "cmi.client.drain"), Is.EqualTo([((string?)null, 1.0)]));
    }

    // What the engine notes by the loop's clock, which stands still but for Advance: so all are exact.
    private static List<(string? Server, double Seconds)> Times(Measurements measured, string instrument) =>
        [.. measured.Of(instrument).Select(one => ((string?)one["server.address"], one.Value))];

    private static double Open(Measurements measured, string state) =>
        measured.Of("http.client.open_connections").Single(one => (string?)one["http.connection.state"] == state).Value;
}
