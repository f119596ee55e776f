using System.Text;
using Cmi.Testing;
using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine;

public sealed class RetryTests
{
    [Test]
    public async Task PooledConnectionDies_GetIsSentOnAFreshOneWithoutCountingAsAnAttempt()
    {
        await using var gateway = new TestGateway(options => options.Retry.Attempts = 1, servers: 1);
        var client = gateway.Connect();
        WarmUp(gateway, client);
        client.Send(Http.Get("/b"));
        gateway.Run();
        gateway.At(1).Abort();
        gateway.Run();
        Assert.That(gateway.At(1, connection: 2).ReceiveText(), Does.StartWith("GET /b "));
        gateway.At(1, connection: 2).Send(Http.Ok("b"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("b"));
    }

    [TestCase("GET")]
    [TestCase("PUT")]
    public async Task PooledConnectionDiesBeforeARequestHasLeft_ItIsSentOnAFreshOneWithoutCountingAsAnAttempt(string method)
    {
        await using var gateway = new TestGateway(options => options.Retry.Attempts = 1, servers: 1, new() { SendsLate = true });
        var client = gateway.Connect();
        WarmUp(gateway, client);
        client.Send(Http.Send(method, "/b", "content"));
        TurnUntil(gateway, () => gateway.At(1).Late > 0);
        gateway.At(1).Abort();
        gateway.Run();
        Assert.That(gateway.At(1, connection: 2).ReceiveText(), Does.StartWith($"{method} /b ").And.EndWith("content"));
        gateway.At(1, connection: 2).Send(Http.Ok("b"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("b"));
    }

    [Test]
    public async Task SendsLate_ARequestThatMayBeSentOnceOnlyIsNot()
    {
        await using var gateway = new TestGateway(servers: 1, transport: new() { SendsLate = true });
        var client = gateway.Connect();
        WarmUp(gateway, client);
        client.Send(Http.Send("POST", "/b", "content"));
        TurnUntil(gateway, () => gateway.At(1).Late > 0 || gateway.At(1).Available > 0);
        Assert.That(gateway.At(1).ReceiveText(), Does.StartWith("POST /b "));
        gateway.At(1).Send(Http.Ok("b"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("b"));
    }

    [TestCase("POST")]
    [TestCase("BREW")]
    public async Task PooledConnectionDies_AMethodThatIsNotIdempotentGives502(string method)
    {
        await using var gateway = new TestGateway(servers: 2);
        gateway.AnswerAll(_ => Http.Ok());
        var client = gateway.Connect();
        for (var i = 0; i < 2; i++)
        {
            client.Send(Http.Get("/"));
            client.ReceiveReply();
        }
        gateway.At(1).Changed = peer => peer.Abort();
        client.Send(Http.Send(method, "/", "content"));
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(502));
        Assert.That(gateway.Server(1).Connections.Count + gateway.Server(2).Connections.Count, Is.EqualTo(2), "it was sent once more");
        Assert.That(client.IsOpen());
    }

    [TestCase("GET")]
    [TestCase("POST")]
    [TestCase("BREW")]
    public async Task ConnectIsRefused_EveryMethodGoesElsewhere(string method)
    {
        await using var gateway = new TestGateway(servers: 2);
        gateway.Transport.Refuse(TestGateway.Address(1));
        var client = gateway.Connect();
        client.Send(Http.Send(method, "/a", "content"));
        gateway.Run();
        Assert.That(gateway.At(2).ReceiveText(), Does.StartWith($"{method} /a ").And.EndsWith("\r\n\r\ncontent"));
        gateway.At(2).Send(Http.Ok("yes"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("yes"));
    }

    [TestCase("GET", false)]
    [TestCase("PUT", false)]
    [TestCase("DELETE", true)]
    public async Task ServerDiesInItsReply_AnotherAnswersAndNothingIsMixed(string method, bool reset)
    {
        await using var gateway = new TestGateway(servers: 2);
        var client = gateway.Connect();
        client.Send(Http.Request(method, "/a"));
        gateway.Run();
        var asked = gateway.At(1).ReceiveText();
        gateway.At(1).Send("HTTP/1.1 200 OK\r\nX-First: 1\r\nContent-Length: 10\r\n\r\n11111");
        gateway.Run();
        if (reset) gateway.At(1).Abort();
        else gateway.At(1).Close();
        gateway.Run();
        Assert.That(client.Available, Is.Zero);
        Assert.That(gateway.At(2).ReceiveText(), Is.EqualTo(asked));
        gateway.At(2).Send(Http.Ok("2222222222"));
        Assert.That(client.ReceiveAll(), Is.EqualTo(Http.Ok("2222222222")));
    }

    [TestCase("POST")]
    [TestCase("PATCH")]
    [TestCase("BREW")]
    public async Task ServerDiesInItsReply_AMethodThatIsNotIdempotentGives502(string method)
    {
        await using var gateway = new TestGateway(servers: 2);
        var client = gateway.Connect();
        client.Send(Http.Send(method, "/a", "x"));
        gateway.Run();
        gateway.At(1).Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n11111");
        gateway.At(1).Close();
        var reply = client.ReceiveReply();
        Assert.That(reply.Status, Is.EqualTo(502));
        Assert.That(gateway.Server(2).Connections, Is.Empty);
        Assert.That(client.IsOpen());
    }

    [Test]
    public async Task PutOfMuchContent_IsReplayedByteForByte()
    {
        await using var gateway = new TestGateway(servers: 2);
        var content = Content(300_000);
        var client = gateway.Connect();
        client.Send(Http.Request("PUT", "/a", "Transfer-Encoding: chunked\r\n"));
        for (var at = 0; at < content.Length; at += 30_000) client.Send($"{30_000:x}\r\n{content.AsSpan(at, 30_000)}\r\n");
        client.Send("0\r\n\r\n");
        gateway.Run();
        var first = gateway.At(1).ReceiveAll();
        Assert.That(first, Does.EndWith(content));
        gateway.At(1).Abort();
        gateway.Run();
        Assert.That(gateway.At(2).ReceiveAll(), Is.EqualTo(first));
        gateway.At(2).Send(Http.Ok());
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(200));
    }

    [TestCase(1)]
    [TestCase(3)]
    public async Task EveryServerFails_AttemptsAreBoundedAndNoneIsAskedTwice(int attempts)
    {
        await using var gateway = new TestGateway(options => options.Retry.Attempts = attempts, servers: 5);
        gateway.AnswerAll(_ => "nonsense\r\n\r\n");
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(502));
        var asked = Enumerable.Range(1, 5).Select(server => gateway.Server(server).Connections.Count);
        Assert.That(asked.OrderDescending(), Is.EqualTo(Enumerable.Repeat(1, attempts).Concat(Enumerable.Repeat(0, 5 - attempts))));
    }

    [Test]
    public async Task OnlyOneServer_IsAskedAgainOnAFreshConnection()
    {
        await using var gateway = new TestGateway(servers: 1);
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        gateway.At(1).Close();
        gateway.Run();
        gateway.At(1, connection: 2).Send(Http.Ok("yes"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("yes"));
    }

    [Test]
    public async Task OnlyUsableServerBreaksItsReply_OneThatIsOutIsAskedBeforeItAgain()
    {
        await using var gateway = new TestGateway(options => (options.Timeouts.ServerHead, options.Retry.Attempts) = (TimeSpan.FromSeconds(3), 2), servers: 2);
        gateway.AnswerAll(head => Http.PathOf(head) == "/bad" ? "nonsense\r\n\r\n" : Http.Ok("yes"));
        gateway.Server(2).Accepted = null;
        var client = gateway.Connect();
        for (var i = 0; i < 2; i++)
        {
            client.Send(Http.Get("/"));
            gateway.Advance(3 * i);
            client.ReceiveReply();
        }
        Assert.That(gateway.Engine.GetServerHealth("default")[1].Condition, Is.EqualTo(ServerCondition.Ejected));
        gateway.Server(2).Accepted = peer => peer.Send(Http.Ok("better"));
        client.Send(Http.Get("/bad"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("better"));
        Assert.That(gateway.Engine.GetServerHealth("default")[1].Condition, Is.EqualTo(ServerCondition.Healthy));
    }

    [TestCase(ServerState.Drain)]
    [TestCase(ServerState.Maintenance)]
    public async Task OtherServerWasTakenOutByHand_IsNotAskedWhateverFails(ServerState state)
    {
        await using var gateway = new TestGateway(servers: 2);
        gateway.AnswerAll(_ => "nonsense\r\n\r\n");
        gateway.Engine.SetServerState("default", TestGateway.Address(2), state);
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(502));
        Assert.That((gateway.Server(1).Connections.Count, gateway.Server(2).Connections.Count), Is.EqualTo((3, 0)));
    }

    [Test]
    public async Task EveryServerIsSilent_TheExchangeEndsAfterItsOwnTime()
    {
        await using var gateway = new TestGateway(
            options => (options.Retry.Attempts, options.Timeouts.ServerHead, options.Timeouts.Exchange) = (10, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(5)), servers: 4);
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        gateway.Advance(4.999);
        Assert.That(client.Available, Is.Zero);
        Assert.That(gateway.Engine.GetStatistics().Retries, Is.EqualTo(2), "one every 2 s");
        gateway.Advance(0.001);
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(504));
        Assert.That(client.IsOpen());
    }

    [Test]
    public async Task SilentServer_IsLeftForAnotherAfterServerHead()
    {
        await using var gateway = new TestGateway(options => options.Timeouts.ServerHead = TimeSpan.FromSeconds(2), servers: 2);
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Advance(2);
        Assert.That(gateway.At(1).Reset, "its late reply has no way back");
        gateway.At(2).Send(Http.Ok("yes"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("yes"));
    }

    [Test]
    public async Task ReplyStops_TheAttemptEndsAfterServerContent()
    {
        await using var gateway = new TestGateway(options => options.Timeouts.ServerContent = TimeSpan.FromSeconds(3), servers: 2);
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        gateway.At(1).Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1");
        gateway.Advance(2);
        gateway.At(1).Send("1");
        gateway.Advance(2.999);
        Assert.That(gateway.Server(2).Connections, Is.Empty, "it counts from the last bytes");
        gateway.Advance(0.001);
        gateway.At(2).Send(Http.Ok("yes"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("yes"));
    }

    [Test]
    public async Task ConnectIsNotAnswered_AnotherServerIsAskedAfterServerConnect()
    {
        await using var gateway = new TestGateway(servers: 2);
        gateway.Transport.BlackHole(TestGateway.Address(1));
        var client = gateway.Connect();
        client.Send(Http.Send("POST", "/", "x"));
        gateway.Advance(1.999);
        Assert.That(gateway.Server(2).Connections, Is.Empty);
        gateway.Advance(0.001);
        gateway.At(2).Send(Http.Ok("yes"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("yes"));
    }

    private static void WarmUp(TestGateway gateway, InMemoryPeer client)
    {
        client.Send(Http.Get("/a"));
        gateway.Run();
        gateway.At(1).ReceiveText();
        gateway.At(1).Send(Http.Ok());
        client.ReceiveReply();
    }

    // One turn at a time: between two of them, peers may do something.
    private static void TurnUntil(TestGateway gateway, Func<bool> isSo)
    {
        for (var turns = 0; !isSo(); turns++)
        {
            Assert.That(turns, Is.LessThan(100), "it does not come");
            gateway.Transport.Crank.Turn(gateway.Transport.Crank.All[0]);
        }
    }

    private static string Content(int length) => Encoding.ASCII.GetString(Soak.SoakRequest.Pattern(1, 1, length));
}
