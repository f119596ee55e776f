using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine;

/// <summary>What bounds retries, and what makes more requests fit for them.</summary>
public sealed class RetryBoundsTests
{
    [TestCase(1, 1)]
    [TestCase(4, 2)]
    public async Task BudgetIsEmpty_OnlyTheFirstRetryTowardsAHealthyServerIsMade(int servers, int attempts)
    {
        await using var gateway = new TestGateway(Poor, servers);
        for (var i = 1; i <= servers; i++) gateway.Server(i).Accepted = peer => peer.Close();
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        var reply = client.ReceiveReply();
        Assert.That(reply.Status, Is.EqualTo(502));
        Assert.That(Enumerable.Range(1, servers).Sum(i => gateway.Server(i).Connections.Count), Is.EqualTo(attempts));
        Assert.That(client.IsOpen());
    }

    [Test]
    public async Task BudgetIsEmpty_ATimeoutIsNotTriedAgain()
    {
        await using var gateway = new TestGateway(Poor, servers: 2);
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Advance(60);
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(504));
        Assert.That(gateway.Server(2).Connections, Is.Empty);
    }

    [Test]
    public async Task BudgetIsAShare_RequestsPayForRetries()
    {
        await using var gateway = new TestGateway(options => (options.Retry.BudgetShare, options.Retry.BudgetMinimumPerSecond) = (0.1, 0), servers: 2);
        gateway.AnswerAll(head => Http.PathOf(head) == "/bad" ? "nonsense\r\n\r\n" : Http.Ok());
        var client = gateway.Connect();
        for (var i = 0; i < 30; i++)
        {
            client.Send(Http.Get("/"));
            client.ReceiveReply();
        }
        for (var i = 0; i < 5; i++)
        {
            client.Send(Http.Get("/bad"));
            Assert.That(client.ReceiveReply().Status, Is.EqualTo(502));
        }
        Assert.That(gateway.Engine.GetStatistics().Retries, Is.EqualTo(3), "a tenth of the requests");
    }

    [TestCase("GET", "503", "", "again")]
    [TestCase("GET", "502", "", "again")]
    [TestCase("PUT", "504", "", "again")]
    [TestCase("GET", "429", "Retry-After: 30\r\n", "again")]
    [TestCase("GET", "429", "", "429")]
    [TestCase("GET", "500", "", "500")]
    [TestCase("POST", "503", "", "503")]
    public async Task StatusIsOneToBeRetried_AnotherServerIsAsked(string method, string status, string fields, string outcome)
    {
        await using var gateway = new TestGateway(options => options.Retry.Statuses = "429, 502-504", servers: 2);
        gateway.Server(1).Accepted = peer => peer.Send($"HTTP/1.1 {status} No\r\n{fields}Content-Length: {status.Length}\r\n\r\n{status}");
        gateway.Server(2).Accepted = peer => peer.Send(Http.Ok("again"));
        var client = gateway.Connect();
        client.Send(Http.Send(method, "/", "x"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo(outcome));
        Assert.That(gateway.Engine.GetServerHealth("default").Sum(server => server.Failures), Is.Zero, "it answered");
    }

    [Test]
    public async Task NobodyElseIsLeft_RetryAfterIsWaitedFor()
    {
        await using var gateway = new TestGateway(options => options.Retry.Statuses = "503", servers: 1);
        gateway.Server(1).Accepted = peer => peer.Send("HTTP/1.1 503 Later\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n");
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        gateway.Server(1).Accepted = peer => peer.Send(Http.Ok("now"));
        gateway.Advance(1.999);
        Assert.That(gateway.Server(1).Connections, Has.Count.EqualTo(1));
        gateway.Advance(0.001);
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("now"));
    }

    [TestCase("")]
    [TestCase("Retry-After: 3\r\n")]
    [TestCase("Retry-After: Fri, 31 Dec 2999 23:59:59 GMT\r\n")]
    [TestCase("Retry-After: soon\r\n")]
    public async Task NobodyElseIsLeftAndTheWaitIsLongOrUnknown_TheReplyIsTheClients(string fields)
    {
        await using var gateway = new TestGateway(options => options.Retry.Statuses = "503", servers: 1);
        gateway.AnswerAll(_ => $"HTTP/1.1 503 Later\r\n{fields}Content-Length: 4\r\n\r\nwait");
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("wait"));
        Assert.That(gateway.Server(1).Connections, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task BudgetIsEmpty_AStatusIsTheClients()
    {
        await using var gateway = new TestGateway(options => { Poor(options); options.Retry.Statuses = "503"; }, servers: 2);
        gateway.AnswerAll(_ => "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy");
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("busy"));
    }

    [Test]
    public async Task EveryServerSaysSo_TheLastReplyIsTheClients()
    {
        await using var gateway = new TestGateway(options => options.Retry.Statuses = "503", servers: 5);
        for (var i = 1; i <= 5; i++)
        {
            var text = $"{i}";
            gateway.Server(i).Accepted = peer => peer.Send($"HTTP/1.1 503 Busy\r\nContent-Length: 1\r\n\r\n{text}");
        }
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("3"), "three attempts");
    }

    [TestCase("Idempotency-Key: a\r\n", 200)]
    [TestCase("idempotency-key: a\r\n", 200)]
    [TestCase("Idempotency-Key:\r\n", 502)]
    [TestCase("", 502)]
    public async Task PostHasAKeyThatServersKnowItBy_IsTriedAgain(string fields, int status)
    {
        await using var gateway = new TestGateway(options => options.Retry.IdempotencyKeyField = "Idempotency-Key", servers: 2);
        var client = gateway.Connect();
        client.Send(Http.Request("POST", "/", fields + "Content-Length: 3\r\n") + "abc");
        gateway.Run();
        var asked = gateway.At(1).ReceiveText();
        gateway.At(1).Abort();
        gateway.Run();
        if (status == 200)
        {
            Assert.That(gateway.At(2).ReceiveText(), Is.EqualTo(asked));
            gateway.At(2).Send(Http.Ok());
        }
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(status));
    }

    private static void Poor(CmiOptions options) => (options.Retry.BudgetShare, options.Retry.BudgetMinimumPerSecond, options.Retry.Attempts) = (0, 0, 10);
}
