using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine;

/// <summary>What goes through the buffer store, and what happens when it fails or takes its time.</summary>
public sealed class StoreTests
{
    private const int Large = 100_000;

    [TestCase(false, 100, 0)]
    [TestCase(true, 100, 1)]
    [TestCase(true, 0, 0)]
    [TestCase(false, Large, 1)]
    public async Task RepliesThatAreWholeInMemory_NeedNoStoreUnlessAlways(bool always, int bytes, int made)
    {
        await using var gateway = new TestGateway(options => options.Buffers.Always = always, servers: 1);
        gateway.AnswerAll(_ => Http.Ok(new('x', bytes)));
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        Assert.That(client.ReceiveReply().Content, Has.Length.EqualTo(bytes));
        Assert.That(gateway.Store.Made, Is.EqualTo(made));
    }

    [Test]
    public async Task WritesFailBeforeCommit_TriedAgainThenRefused()
    {
        await using var gateway = new TestGateway(servers: 3);
        gateway.Store.FailsWrites = true;
        gateway.AnswerAll(_ => Http.Ok(new('x', Large)));
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(503));
        Assert.That(client.IsOpen());
    }

    [Test]
    public async Task WritesOfARequestFail_RefusedBeforeAServerHearsOfIt()
    {
        await using var gateway = new TestGateway(servers: 1);
        gateway.Store.FailsWrites = true;
        var client = gateway.Connect();
        client.Send(Http.Send("POST", "/", "content"));
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(503));
        Assert.That(gateway.Server(1).Connections, Is.Empty);
    }

    [Test]
    public async Task WritesFailAfterCommit_TheReplyIsCut()
    {
        await using var gateway = new TestGateway(options => options.Reply.Commit = CommitMode.Stream, servers: 1);
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        gateway.At(1).Send(Http.OkHead("Content-Length: 10\r\n") + "12345");
        gateway.Run();
        gateway.Store.FailsWrites = true;
        gateway.At(1).Send("67890");
        Assert.That(client.ReceiveAll(), Does.EndWith("\r\n\r\n12345"));
        Assert.That(client.IsOpen(), Is.False);
    }

    [Test]
    public async Task ReadsOfAReplyFailBeforeItLeaves_TriedAgainThenRefused()
    {
        await using var gateway = new TestGateway(servers: 1);
        gateway.Store.FailsReads = true;
        var asked = 0;
        gateway.AnswerAll(_ =>
        {
            asked++;
            return Http.Ok(new('x', Large));
        });
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        var reply = client.ReceiveReply();
        Assert.That((reply.Status, reply.Text.Contains("xx", StringComparison.Ordinal), asked, client.IsOpen()), Is.EqualTo((503, false, 3, true)));
    }

    [Test]
    public async Task ReadsOfAReplyFailOnceBeforeItLeaves_TheNextAttemptIsWhole()
    {
        await using var gateway = new TestGateway(servers: 1);
        gateway.Store.FailsReads = true;
        gateway.AnswerAll(_ =>
        {
            gateway.Store.FailsReads = gateway.Store.Made == 0;
            return Http.Ok(new('x', Large));
        });
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        Assert.That(client.ReceiveReply().Content, Has.Length.EqualTo(Large));
    }

    [Test]
    public async Task RepliesToARequestWithAnEffectAreLost_ItIsNotSentAgain()
    {
        await using var gateway = new TestGateway(servers: 1);
        gateway.Store.FailsReads = true;
        var asked = 0;
        gateway.AnswerAll(_ =>
        {
            asked++;
            return Http.Ok(new('x', Large));
        });
        var client = gateway.Connect();
        client.Send(Http.Request("DELETE", "/"));
        Assert.That((client.ReceiveReply().Status, asked), Is.EqualTo((503, 1)));
    }

    [Test]
    public async Task ReadsOfAReplyFailAfterItHasBegunToLeave_ItIsCut()
    {
        await using var gateway = new TestGateway(servers: 1, transport: new() { Capacity = 10_000 });
        gateway.AnswerAll(_ => Http.Ok(new('x', Large)));
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        gateway.Store.FailsReads = true;
        var text = client.ReceiveAll();
        Assert.That((text.StartsWith("HTTP/1.1 200", StringComparison.Ordinal), text.Length < Large, client.IsOpen()), Is.EqualTo((true, true, false)));
    }

    [TestCase("PUT")]
    [TestCase("POST")]
    public async Task ReadsOfARequestFail_RefusedAndNoServerTakesItForWhole(string method)
    {
        await using var gateway = new TestGateway(servers: 3);
        gateway.Store.FailsReads = true;
        var client = gateway.Connect();
        client.Send(Http.Send(method, "/", new('x', Large)));
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(503));
        Assert.That(Enumerable.Range(1, 3).SelectMany(server => gateway.Server(server).Connections), Has.All.Property(nameof(Cmi.Testing.InMemoryPeer.Reset)).True);
        Assert.That(client.IsOpen());
    }

    [Test]
    public async Task EveryAnswerComesLater_ContentIsTheSame()
    {
        await using var gateway = new TestGateway(options => options.Buffers.Always = true, servers: 1);
        gateway.Store.Defers = true;
        var content = string.Concat(Enumerable.Range(0, 20_000).Select(i => (char)('a' + (i % 26))));
        var client = gateway.Connect();
        client.Send(Http.Send("PUT", "/", content));
        Answer(gateway);
        Assert.That(gateway.At(1).ReceiveAll(), Does.EndWith("\r\n\r\n" + content));
        gateway.At(1).Send(Http.Ok(content));
        Answer(gateway);
        Assert.That(client.ReceiveReply().Text, Is.EqualTo(content));
    }

    [Test]
    public async Task StoreAnswersWhenTheClientHasLeft_NothingIsLeft()
    {
        await using var gateway = new TestGateway(servers: 1);
        gateway.Store.Defers = true;
        var client = gateway.Connect();
        client.Send(Http.Send("PUT", "/", new('x', Large)));
        gateway.Run();
        Assert.That(gateway.Store.Deferred, Is.GreaterThan(0));
        client.Abort();
        gateway.Run();
        Assert.That(gateway.Store.Live, Is.Zero);
        gateway.Store.AnswerDeferred();
        gateway.Run();
    }

    [Test]
    public async Task StoreTakesItsTime_TheServerIsNotBlamed()
    {
        await using var gateway = new TestGateway(options => options.Timeouts.ServerContent = TimeSpan.FromSeconds(1), servers: 1);
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        gateway.Store.Defers = true;
        gateway.At(1).Send(Http.Ok(new('x', Large)));
        gateway.Advance(5);
        gateway.Store.Defers = false;
        gateway.Store.AnswerDeferred();
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(200));
    }

    [Test]
    public async Task StoreTakesTooLongForAReplyThatFlows_ItIsCutAndTheServerIsNotBlamed()
    {
        await using var gateway = new TestGateway(options => (options.Reply.Commit, options.Timeouts.ServerContent, options.Health.Failures) = (CommitMode.Stream, TimeSpan.FromSeconds(1), 1), servers: 1);
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        gateway.At(1).Send(Http.OkHead("Content-Length: 10\r\n") + "12345");
        gateway.Run();
        gateway.Store.Defers = true;
        gateway.At(1).Send("678");
        gateway.Run();
        gateway.At(1).Send("90");
        gateway.Advance(0.9);
        Assert.That((gateway.Store.Deferred, client.IsOpen()), Is.EqualTo((1, true)), "the store is asked for room");
        gateway.Advance(1.2);
        Assert.That(client.ReceiveAll(), Does.EndWith("\r\n\r\n12345"));
        Assert.That(client.IsOpen(), Is.False);
        Assert.That(gateway.Engine.GetServerHealth("default")[0], Has.Property("Failures").Zero.And.Property("Condition").EqualTo(ServerCondition.Healthy));
    }

    private static void Answer(TestGateway gateway)
    {
        gateway.Run();
        while (gateway.Store.Deferred > 0)
        {
            gateway.Store.AnswerDeferred();
            gateway.Run();
        }
    }
}
