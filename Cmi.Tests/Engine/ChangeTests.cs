using Cmi.Queues;
using Cmi.Testing;
using Cmi.Tests.Harness;
using Microsoft.Extensions.Options;

namespace Cmi.Tests.Engine;

/// <summary>Settings that change while the engine runs.</summary>
public sealed partial class ChangeTests
{
    [Test]
    public async Task Faults_AreThrown_AndNothingChanges()
    {
        await using var gateway = new TestGateway(servers: 1);
        var before = gateway.Engine.Configuration;

        var exception = Assert.Throws<OptionsValidationException>(() => gateway.Apply(o =>
        {
            o.Retry.Attempts = 0;
            o.AddRoute("a", r => r.Group = "nowhere");
        }));

        Assert.That(exception.Failures.Count(), Is.EqualTo(2));
        Assert.That(gateway.Engine.Configuration, Is.SameAs(before));
        Assert.That((gateway.Engine.GetStatistics().Changes, gateway.Engine.GetStatistics().RefusedChanges, gateway.Log.Count(2031)), Is.EqualTo((0, 1, 1)));
    }

    [Test]
    public async Task ServerIsReplaced_WhatHasBegunFinishesThere_AndWhatIsNewGoesToTheOther()
    {
        await using var gateway = Make(TestGateway.Url(1));
        var (old, next) = (gateway.Connect(), gateway.Connect());
        old.Send(Http.Get("/old"));
        gateway.Run();
        gateway.At(1).ReceiveText();
        gateway.At(1).Send(Http.OkHead("Content-Length: 4\r\n") + "ab");
        gateway.Run();

        gateway.Apply(o => SetServers(o, 2));
        next.Send(Http.Get("/new"));
        gateway.Run();
        gateway.At(2).Send(Http.Ok("new"));
        gateway.At(1).Send("cd");

        Assert.That((old.ReceiveReply().Text, next.ReceiveReply().Text), Is.EqualTo(("abcd", "new")));
        gateway.Run();
        Assert.That(gateway.At(1).Ended, "its connection is not kept");
        Assert.That(gateway.At(2).IsOpen());
        Assert.That((gateway.Engine.GetStatistics().Changes, gateway.Log.Count(2030)), Is.EqualTo((1, 1)));
    }

    [Test]
    public async Task ServerIsRemoved_ItsIdleConnectionsAreClosed()
    {
        await using var gateway = Make(TestGateway.Url(1), TestGateway.Url(2));
        gateway.AnswerAll(_ => Http.Ok());
        var client = gateway.Connect();
        client.Send(Http.Get("/") + Http.Get("/"));
        gateway.Run();
        Assert.That((gateway.At(1).IsOpen(), gateway.At(2).IsOpen()), Is.EqualTo((true, true)));

        gateway.Apply(o => SetServers(o, 2));

        Assert.That((gateway.At(1).Ended, gateway.At(2).IsOpen()), Is.EqualTo((true, true)));
    }

    [Test]
    public async Task ServerIsRemovedWhileARequestOfItRuns_ARetryGoesToTheOthers()
    {
        await using var gateway = Make(TestGateway.Url(1));
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();

        gateway.Apply(o => SetServers(o, 2));
        gateway.At(1).Abort();
        gateway.Run();
        gateway.At(2).Send(Http.Ok("2"));

        Assert.That(client.ReceiveReply().Text, Is.EqualTo("2"));
    }

    [Test]
    public async Task RequestsThatWait_KeepTheirPlaces_AndGetTheNewServers()
    {
        await using var gateway = Make(o => o.Servers.MaxRequests = 1, TestGateway.Url(1));
        var clients = Enumerable.Range(0, 3).Select(_ => gateway.Connect()).ToList();
        for (var i = 0; i < 3; i++)
        {
            clients[i].Send(Http.Get($"/{i}"));
            gateway.Run();
        }
        Assert.That(gateway.Queue.Waiting, Is.EqualTo(2));

        gateway.Apply(o => SetServers(o, 2));

        Assert.That(gateway.At(2).ReceiveText(), Does.StartWith("GET /1 "));
        Assert.That(gateway.Queue.Waiting, Is.EqualTo(1));
        gateway.At(2).Send(Http.Ok("b"));
        gateway.Run();
        Assert.That(gateway.At(2).ReceiveText(), Does.StartWith("GET /2 "));
        gateway.At(2).Send(Http.Ok("c"));
        gateway.At(1).Send(Http.Ok("a"));
        Assert.That(clients.Select(client => client.ReceiveReply().Text), Is.EqualTo(["a", "b", "c"]));
        Assert.That(gateway.Queues, Has.Count.EqualTo(1), "the group has kept its queue");
    }

    [Test]
    public async Task LimitIsLowered_NothingIsAddedBeforeItIsKept()
    {
        await using var gateway = Make(o => o.Servers.MaxRequests = 4, TestGateway.Url(1));
        var clients = Enumerable.Range(0, 6).Select(_ => gateway.Connect()).ToList();
        foreach (var one in clients) one.Send(Http.Get("/"));
        gateway.Run();
        var queue = (JobQueue)gateway.Queue;
        Assert.That((queue.InFlightTotal, queue.Waiting), Is.EqualTo((4, 2)));

        gateway.Apply(o => (o.Servers.Addresses[0], o.Servers.MaxRequests) = (TestGateway.Url(1), 2));
        var answered = new Queue<InMemoryPeer>(gateway.Server(1).Connections);
        var seen = new List<(int, int, int)>();
        for (var i = 0; i < 4; i++)
        {
            var peer = answered.Dequeue();
            peer.ReceiveText();
            peer.Send(Http.Ok());
            gateway.Run();
            seen.Add((queue.InFlightTotal, queue.Waiting, gateway.Server(1).Connections.Count(one => one.IsOpen())));
        }

        Assert.That(seen, Is.EqualTo([(3, 2, 3), (2, 2, 2), (2, 1, 2), (2, 0, 2)]), "in flight, waiting, connections");
    }

    [Test]
    public async Task LimitIsRaised_ThoseWhoWaitGoAtOnce()
    {
        await using var gateway = Make(o => (o.Servers.MaxRequests, o.Servers.MaxConnections) = (1, 1), TestGateway.Url(1));
        var client = gateway.Connect();
        client.Send(Http.Get("/1") + Http.Get("/2") + Http.Get("/3"));
        gateway.Run();
        Assert.That(gateway.Server(1).Connections, Has.Count.EqualTo(1));

        gateway.Apply(o => (o.Servers.MaxRequests, o.Servers.MaxConnections) = (3, 2));

        Assert.That(gateway.Server(1).Connections, Has.Count.EqualTo(2), "two of three slots have a connection");
        gateway.Apply(o => (o.Servers.MaxRequests, o.Servers.MaxConnections) = (3, 0));
        Assert.That(gateway.Server(1).Connections, Has.Count.EqualTo(3));
    }

    [Test]
    public async Task ServerThatComesBackWhileItIsBusy_CountsWhatItHas()
    {
        await using var gateway = Make(o => o.Servers.MaxRequests = 1, TestGateway.Url(1));
        var (first, second) = (gateway.Connect(), gateway.Connect());
        first.Send(Http.Get("/1"));
        gateway.Run();
        gateway.Apply(o => SetServers(o, 2));
        gateway.Apply(o => SetServers(o, 3));
        gateway.Apply(o => SetServers(o, 1));
        second.Send(Http.Get("/2"));
        gateway.Run();

        Assert.That((gateway.Server(1).Connections.Count, gateway.Queue.Waiting), Is.EqualTo((1, 1)));
        gateway.At(1).ReceiveText();
        gateway.At(1).Send(Http.Ok("1"));
        gateway.Run();
        Assert.That(gateway.At(1).ReceiveText(), Does.StartWith("GET /2 "), "on the same connection");
    }

    [Test]
    public async Task RouteChangesInTheMiddle_TheExchangeKeepsItsSettings()
    {
        await using var gateway = Make(o => o.Timeouts.ServerHead = TimeSpan.FromSeconds(5), TestGateway.Url(1));
        var (before, after) = (gateway.Connect(), gateway.Connect());
        before.Send(Http.Get("/"));
        gateway.Run();

        gateway.Apply(o => (o.Timeouts.ServerHead, o.Retry.Attempts) = (TimeSpan.FromSeconds(1), 1));
        after.Send(Http.Get("/"));
        gateway.Run();
        gateway.Advance(2);

        Assert.That((before.Available, after.ReceiveReply().Status), Is.EqualTo((0, 504)));
    }

    [Test]
    public async Task RequestsOfOneConnection_HaveTheRoutesOfTheirTime()
    {
        await using var gateway = Make(TestGateway.Url(1));
        var client = gateway.Connect();
        client.Send(Http.Get("/a/1"));
        gateway.Run();

        gateway.Apply(o =>
        {
            o.AddGroup("a", g => g.AddServer(TestGateway.Url(2)));
            o.AddRoute("a", r => (r.PathPrefix, r.Group) = ("/a", "a"));
        });
        client.Send(Http.Get("/a/2"));
        gateway.Run();

        Assert.That((Http.PathOf(gateway.At(1).ReceiveText()), Http.PathOf(gateway.At(2).ReceiveText())), Is.EqualTo(("/a/1", "/a/2")));
    }

    [Test]
    public async Task AccessLog_StaysAsItIs_AndTheLogSaysSo()
    {
        await using var gateway = new TestGateway(servers: 1);

        gateway.Apply(o => o.AccessLog.Template = "{status}");

        Assert.That((gateway.Log.Count(2032), gateway.Log.Count(2030)), Is.EqualTo((1, 1)));
    }

    [Test]
    public async Task Endpoints_StayAsTheyAre_AndTheLogSaysSo()
    {
        await using var gateway = new TestGateway(servers: 1);

        gateway.Apply(o => o.Listen("http://127.0.0.1:8081"));

        Assert.That((gateway.Engine.Endpoints.Count, gateway.Log.Count(2032), gateway.Log.Count(2030)), Is.EqualTo((1, 1, 1)));
    }

    [Test]
    public async Task HeadLimitIsRaised_LargerHeadsPass()
    {
        await using var gateway = new TestGateway(o => o.Limits.MaxRequestHeadBytes = 20_000, servers: 1, transport: new() { LoopCount = 2 });
        gateway.AnswerAll(_ => Http.Ok("x"));
        var large = Http.Get("/", $"A: {new string('a', 200_000)}\r\n");
        var refused = gateway.Connect();
        refused.Send(large);
        Assert.That(refused.ReceiveReply().Status, Is.EqualTo(431));

        gateway.Apply(o => (o.Limits.MaxRequestHeadBytes, o.Limits.MaxReplyHeadBytes) = (300_000, 1024));

        foreach (var client in new[] { gateway.Connect(), gateway.Connect() })
        {
            client.Send(large);
            Assert.That(client.ReceiveReply().Status, Is.EqualTo(200));
        }
    }

    [Test]
    public async Task ClientLimit_IsLoweredAndRaised()
    {
        await using var gateway = new TestGateway(servers: 1);
        gateway.Connect();
        gateway.Connect();
        gateway.Apply(o => o.Limits.MaxConnections = 2);
        gateway.Connect();
        Assert.That(gateway.Engine.GetStatistics().Clients, Is.EqualTo(2), "accepting has paused");

        gateway.Apply(o => o.Limits.MaxConnections = 0);
        gateway.Run();

        Assert.That(gateway.Engine.GetStatistics().Clients, Is.EqualTo(3));
    }

    [Test]
    public async Task IdleTimeOfServers_IsTheNewOne()
    {
        await using var gateway = new TestGateway(servers: 1);
        gateway.AnswerAll(_ => Http.Ok());
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();

        gateway.Apply(o => o.Timeouts.ServerIdle = TimeSpan.FromSeconds(2));
        gateway.Advance(1);
        Assert.That(gateway.At(1).IsOpen());
        gateway.Advance(2);
        Assert.That(gateway.At(1).Ended);
    }

    [Test]
    public async Task AfterTheStop_NothingCanChange()
    {
        await using var gateway = new TestGateway(servers: 1);
        var stopped = gateway.Engine.StopAsync();
        gateway.Transport.Crank.RunUntil(stopped, TimeSpan.FromSeconds(10));
        await stopped;

        Assert.Throws<InvalidOperationException>(() => gateway.Engine.Apply(gateway.Options()));
    }

    private static TestGateway Make(params string[] servers) => Make(null, servers);

    /// <summary>Three servers are there; the engine begins with those that are named.</summary>
    private static TestGateway Make(Action<CmiOptions>? configure, params string[] servers) => new(
        o =>
        {
            o.Servers.Addresses.Clear();
            foreach (var server in servers) o.AddServer(server);
            configure?.Invoke(o);
        },
        servers: 3);

    private static void SetServers(CmiOptions options, params int[] servers)
    {
        options.Servers.Addresses.Clear();
        foreach (var server in servers) options.AddServer(TestGateway.Url(server));
    }
}
