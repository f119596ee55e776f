using Cmi.Testing;
using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine;

/// <summary>Requests that go different ways: by host and path to groups of servers, with settings of their own.</summary>
public sealed class RoutingTests
{
    [TestCase("GET /images/a HTTP/1.1\r\nHost: h\r\n\r\n", 1)]
    [TestCase("GET /images?a HTTP/1.1\r\nHost: h\r\n\r\n", 1)]
    [TestCase("GET / HTTP/1.1\r\nHost: API.example:8080\r\n\r\n", 2)]
    [TestCase("GET http://api.example/images HTTP/1.1\r\nHost: h\r\n\r\n", 2, Description = "RFC 9112 §3.2.2: the target's authority counts")]
    [TestCase("GET http://h?a HTTP/1.1\r\nHost: api.example\r\n\r\n", 3)]
    [TestCase("GET /imagesque HTTP/1.1\r\nHost: h\r\n\r\n", 3)]
    [TestCase("GET /images HTTP/1.0\r\n\r\n", 1)]
    [TestCase("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 3)]
    [TestCase("OPTIONS * HTTP/1.1\r\nHost: api.example\r\n\r\n", 2)]
    public async Task Request_GoesToTheServersOfItsRoute(string request, int server)
    {
        await using var gateway = Make();
        var client = gateway.Connect();
        client.Send(request);
        gateway.Run();

        Assert.That(Enumerable.Range(1, 3).Where(n => gateway.Server(n).Connections.Count > 0), Is.EqualTo([server]));
        gateway.At(server).ReceiveText();
        gateway.At(server).Send(Http.Ok("yes"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("yes"));
    }

    [Test]
    public async Task StackedRequests_GoToTheirGroups_AndAreAnsweredInOrder()
    {
        await using var gateway = Make();
        var client = gateway.Connect();
        client.Send(Http.Get("/") + Http.Get("/images") + Http.Get("/"));
        gateway.Run();
        gateway.At(1).ReceiveText();
        gateway.At(1).Send(Http.Ok("2"));
        gateway.Run();
        Assert.That(client.Available, Is.Zero);
        for (var connection = 1; connection <= 2; connection++) gateway.At(3, connection).Send(Http.Ok(connection == 1 ? "1" : "3"));

        Assert.That(Http.Replies(client.ReceiveAll()).Select(reply => reply.Text), Is.EqualTo(["1", "2", "3"]));
    }

    [Test]
    public async Task GroupIsFull_OthersGoOn()
    {
        await using var gateway = Make(o => o.Groups["images"].MaxRequests = 1);
        var clients = Enumerable.Range(0, 3).Select(_ => gateway.Connect()).ToList();
        clients[0].Send(Http.Get("/images/1"));
        clients[1].Send(Http.Get("/images/2"));
        clients[2].Send(Http.Get("/"));
        gateway.Run();

        Assert.That(gateway.Server(1).Connections, Has.Count.EqualTo(1));
        Assert.That(gateway.Queues.Select(queue => queue.Waiting), Is.EqualTo([0, 1, 0]));
        gateway.At(3).Send(Http.Ok("free"));
        Assert.That(clients[2].ReceiveReply().Text, Is.EqualTo("free"));
    }

    [TestCase("/none", "h.example", 404)]
    [TestCase("/images", "other", 421)]
    public async Task NoRoute_IsRefused_AndTheConnectionLivesOn(string path, string host, int status)
    {
        await using var gateway = MakeStrict();
        var client = gateway.Connect();
        foreach (var content in new[] { "", "Content-Length: 3\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n" })
        {
            client.Send($"POST {path} HTTP/1.1\r\nHost: {host}\r\n{(content.Length > 0 ? content : "\r\n")}");
            gateway.Run();
            var reply = client.ReceiveReply();
            Assert.That((reply.Status, client.IsOpen()), Is.EqualTo((status, true)));
        }
        client.Send("GET /images HTTP/1.1\r\nHost: h.example\r\n\r\n");
        gateway.Run();
        gateway.At(1).ReceiveText();
        gateway.At(1).Send(Http.Ok("yes"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("yes"));
        Assert.That(gateway.Engine.GetStatistics().OwnReplies, Is.EqualTo(3));
    }

    [Test]
    public async Task NoRoute_ClientThatWaitsForItsContinue_IsToldAtOnce()
    {
        await using var gateway = MakeStrict();
        var client = gateway.Connect();
        client.Send("PUT /none HTTP/1.1\r\nHost: h.example\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
        gateway.Run();

        Assert.That(client.ReceiveReply().Status, Is.EqualTo(404));
    }

    [Test]
    public async Task NoRoute_InAStack_IsAnsweredInItsPlace()
    {
        await using var gateway = MakeStrict();
        var client = gateway.Connect();
        const string Host = " HTTP/1.1\r\nHost: h.example\r\n\r\n";
        client.Send($"GET /images/1{Host}GET /none{Host}GET /images/2{Host}");
        gateway.Run();
        for (var connection = 1; connection <= 2; connection++) gateway.At(1, connection).Send(Http.Ok($"{connection}"));

        Assert.That(Http.Replies(client.ReceiveAll()).Select(reply => reply.Status), Is.EqualTo([200, 404, 200]));
    }

    [Test]
    public async Task Timeouts_AreThoseOfTheRoute()
    {
        await using var gateway = Make(o => o.AddRoute("images", r => (r.Timeouts.ServerHead, r.Retry.Attempts) = (TimeSpan.FromSeconds(3), 1)));
        var (image, other) = (gateway.Connect(), gateway.Connect());
        image.Send(Http.Get("/images"));
        other.Send(Http.Get("/"));
        gateway.Run();
        gateway.Advance(4);

        Assert.That(image.ReceiveReply().Status, Is.EqualTo(504));
        Assert.That(other.Available, Is.Zero);
        gateway.At(3).Send(Http.Ok("late"));
        Assert.That(other.ReceiveReply().Text, Is.EqualTo("late"));
    }

    [Test]
    public async Task TimeoutOfAnUpload_IsThatOfTheRoute()
    {
        await using var gateway = Make(o => o.AddRoute("images", r => r.Timeouts.ClientContent = TimeSpan.FromSeconds(5)));
        var (image, other) = (gateway.Connect(), gateway.Connect());
        image.Send(Http.Request("PUT", "/images", "Content-Length: 5\r\n") + "a");
        other.Send(Http.Request("PUT", "/", "Content-Length: 5\r\n") + "a");
        gateway.Run();
        gateway.Advance(6);

        Assert.That(image.ReceiveReply().Status, Is.EqualTo(408));
        Assert.That(other.Available, Is.Zero);
    }

    [TestCase("/images", 413)]
    [TestCase("/", 200)]
    public async Task ContentLimit_IsThatOfTheRoute(string path, int status)
    {
        await using var gateway = Make(o => o.AddRoute("images", r => r.Limits.MaxRequestContentBytes = 4));
        gateway.AnswerAll(_ => Http.Ok());
        foreach (var framing in new[] { "Content-Length: 5\r\n\r\nabcde", "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n" })
        {
            var client = gateway.Connect();
            client.Send($"PUT {path} HTTP/1.1\r\nHost: h\r\n{framing}");
            gateway.Run();
            Assert.That(client.ReceiveReply().Status, Is.EqualTo(status));
        }
    }

    [Test]
    public async Task CommitPoint_IsThatOfTheRoute()
    {
        await using var gateway = Make(o => o.AddRoute("images", r => r.Reply.Commit = CommitMode.Stream));
        var (image, other) = (gateway.Connect(), gateway.Connect());
        image.Send(Http.Get("/images"));
        other.Send(Http.Get("/"));
        gateway.Run();
        gateway.At(1).Send(Http.OkHead("Content-Length: 9\r\n") + "abc");
        gateway.At(3).Send(Http.OkHead("Content-Length: 9\r\n") + "abc");
        gateway.Run();

        Assert.That(image.ReceiveText(), Does.EndWith("abc"));
        Assert.That(other.Available, Is.Zero);
    }

    [Test]
    public async Task Attempts_AreThoseOfTheRoute()
    {
        await using var gateway = Make(o => o.AddRoute("images", r => r.Retry.Attempts = 1));
        foreach (var server in new[] { 1, 3 }) gateway.Server(server).Accepted = peer => peer.Changed = p => p.Close();
        var (image, other) = (gateway.Connect(), gateway.Connect());
        image.Send(Http.Get("/images"));
        other.Send(Http.Get("/"));
        gateway.Run();

        Assert.That((image.ReceiveReply().Status, other.ReceiveReply().Status), Is.EqualTo((502, 502)));
        Assert.That((gateway.Server(1).Connections.Count, gateway.Server(3).Connections.Count), Is.EqualTo((1, 3)));
    }

    [Test]
    public async Task StackOfARouteWithoutDistribution_GoesOneAfterTheOther()
    {
        await using var gateway = Make(o => o.AddRoute("images", r => r.Pipelining.Distribute = Distribution.Off));
        var client = gateway.Connect();
        client.Send(Http.Get("/images/1") + Http.Get("/images/2"));
        gateway.Run();
        Assert.That(gateway.Server(1).Connections, Has.Count.EqualTo(1));
        gateway.At(1).ReceiveText();
        gateway.At(1).Send(Http.Ok("1"));
        gateway.Run();
        Assert.That(gateway.At(1).ReceiveText(), Does.StartWith("GET /images/2 "));
    }

    [Test]
    public async Task ServerOfTwoGroups_MayHaveAsManyConnectionsAsBothAllow()
    {
        await using var gateway = Make(o =>
        {
            o.Groups["images"].MaxRequests = 1;
            o.Groups["api"].Addresses[0] = TestGateway.Url(1);
            o.Groups["api"].MaxRequests = 2;
        });
        var client = gateway.Connect();
        client.Send(string.Concat(Enumerable.Repeat(Http.Get("/images") + "GET / HTTP/1.1\r\nHost: api.example\r\n\r\n", 3)));
        gateway.Run();

        Assert.That(gateway.Server(1).Connections, Has.Count.EqualTo(3));
        Assert.That(gateway.Queues.Select(queue => queue.Waiting), Is.EqualTo([0, 2, 1]));
    }

    [Test]
    public async Task RoutesWithoutACatchAll_AndDefaultServers_LeaveTheRestToThem()
    {
        await using var gateway = new TestGateway(o => o.AddRoute("a", r => r.PathPrefix = "/a"), servers: 1);
        gateway.AnswerAll(head => Http.Ok(Http.PathOf(head)));
        var client = gateway.Connect();
        client.Send(Http.Get("/a") + Http.Get("/b"));

        Assert.That(Http.Replies(client.ReceiveAll()).Select(reply => reply.Text), Is.EqualTo(["/a", "/b"]));
        Assert.That(gateway.Engine.Configuration.Routes.Select(route => route.Name), Is.EqualTo(["a", "default"]));
    }

    /// <summary>Server 1 has the images, server 2 the API host, server 3 the rest.</summary>
    private static TestGateway Make(Action<CmiOptions>? configure = null) => new(
        o =>
        {
            o.Servers.Addresses.Clear();
            o.AddServer(TestGateway.Url(3));
            o.AddGroup("images", g => g.AddServer(TestGateway.Url(1)));
            o.AddGroup("api", g => g.AddServer(TestGateway.Url(2)));
            o.AddRoute("images", r => (r.PathPrefix, r.Group) = ("/images", "images"));
            o.AddRoute("api", r => (r.Host, r.Group) = ("api.example", "api"));
            configure?.Invoke(o);
        },
        servers: 3);

    /// <summary>Only images of one host are served.</summary>
    private static TestGateway MakeStrict() => new(
        o =>
        {
            o.Servers.Addresses.Clear();
            o.AddGroup("images", g => g.AddServer(TestGateway.Url(1)));
            o.AddRoute("images", r => (r.Host, r.PathPrefix, r.Group) = ("h.example", "/images", "images"));
        },
        servers: 1);
}
