using Cmi.Queues;
using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine;

/// <summary>When no second server is asked beside one whose reply is late, and what a server that is always late comes to.</summary>
public sealed class HedgeBoundsTests
{
    [Test]
    public async Task AttemptsAreSpent_NoMoreAreAsked()
    {
        await using var gateway = new TestGateway(HedgeTests.Hedged + (options => options.Retry.Attempts = 2), servers: 4);
        HedgeTests.Late(gateway);
        gateway.At(1).Abort();
        gateway.Advance(10);
        Assert.That((gateway.Server(3).Connections.Count, gateway.Server(4).Connections.Count), Is.EqualTo((0, 0)));
    }

    [TestCase("POST", "")]
    [TestCase("PUT", "")]
    [TestCase("DELETE", "")]
    [TestCase("POST", "Idempotency-Key: a\r\n")]
    [TestCase("GET", "Connection: upgrade\r\nUpgrade: websocket\r\n")]
    [TestCase("GET", "Authorization: NTLM abc\r\n")]
    public async Task RequestMustNotRunTwiceAtOnce_IsNotHedged(string method, string fields)
    {
        await using var gateway = new TestGateway(HedgeTests.Hedged + (options => options.Retry.IdempotencyKeyField = "Idempotency-Key"));
        HedgeTests.Late(gateway, Http.Request(method, "/", fields), seconds: 5);
        Assert.That((gateway.Server(1).Connections.Count, gateway.Server(2).Connections.Count), Is.EqualTo((1, 0)));
    }

    [TestCase(2, 0, 0.0, 3)]
    [TestCase(2, 10, 0.0, 1)]
    [TestCase(1, 10, 0.1, 3)]
    [TestCase(2, 10, 0.0, 3, true)]
    public async Task NothingToDrawOn_IsNotHedged(int servers, int perSecond, double share, int attempts, bool off = false)
    {
        await using var gateway = new TestGateway(HedgeTests.Hedged + (options =>
        {
            (options.Retry.BudgetMinimumPerSecond, options.Retry.BudgetShare, options.Retry.Attempts) = (perSecond, share, attempts);
            if (off) options.Retry.HedgeAfter = TimeSpan.Zero;
        }), servers);
        HedgeTests.Late(gateway, seconds: 5);
        Assert.That(Enumerable.Range(1, servers).Sum(i => gateway.Server(i).Connections.Count), Is.EqualTo(1));
    }

    [Test]
    public async Task BudgetIsAShare_HedgesOfAStormStayBelowIt()
    {
        await using var gateway = new TestGateway(HedgeTests.Hedged + (options => (options.Retry.BudgetMinimumPerSecond, options.Retry.BudgetShare) = (0, 0.1)), servers: 2);
        var clients = Enumerable.Range(0, 50).Select(_ => gateway.Connect()).ToArray();
        foreach (var client in clients) client.Send(Http.Get("/"));
        gateway.Advance(3);
        Assert.That(gateway.Engine.GetStatistics().Hedges, Is.EqualTo(5));
        Assert.That(Enumerable.Range(1, 2).Sum(i => gateway.Server(i).Connections.Count), Is.EqualTo(55));
    }

    [Test]
    public async Task OtherServersAreFull_OneIsAskedWhenItHasASlotAndNobodyWaitsForIt()
    {
        await using var gateway = new TestGateway(HedgeTests.Hedged + (options => options.Servers.MaxRequests = 1));
        var client = HedgeTests.Late(gateway, seconds: 0);
        var busy = gateway.Connect();
        busy.Send(Http.Send("POST", "/", "x"));
        gateway.Advance(1);
        Assert.That(gateway.Server(2).Connections, Has.Count.EqualTo(1));
        Assert.That(gateway.Queue.Waiting, Is.Zero, "a hedge does not wait in the queue");
        gateway.At(2).ReceiveAll();
        gateway.At(2).Send(Http.Ok());
        gateway.Advance(0.1);
        gateway.At(2).Send(Http.Ok("second"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("second"));
        Assert.That(((JobQueue)gateway.Queue).InFlightTotal, Is.Zero);
    }

    [Test]
    public async Task OtherServerIsOut_IsNotAsked()
    {
        await using var gateway = new TestGateway(HedgeTests.Hedged);
        gateway.Engine.SetServerState("default", TestGateway.Address(2), ServerState.Drain);
        HedgeTests.Late(gateway, seconds: 5);
        Assert.That(gateway.Server(2).Connections, Is.Empty);
    }

    [Test]
    public async Task ContentHasNotComeWhole_IsNotHedgedBefore()
    {
        await using var gateway = new TestGateway(HedgeTests.Hedged + (options => options.Request.Commit = CommitMode.Stream));
        var client = HedgeTests.Late(gateway, Http.Request("OPTIONS", "/", "Content-Length: 2\r\n") + "a", seconds: 5);
        Assert.That(gateway.Server(2).Connections, Is.Empty);
        client.Send("b");
        gateway.Advance(0.1);
        Assert.That(gateway.At(2).ReceiveText(), Does.EndWith("\r\n\r\nab"));
    }

    [Test]
    public async Task QueueNamesTheServerThatIsAsked_TheGrantGoesBack()
    {
        var queue = new OneServerQueue();
        await using var gateway = new TestGateway(HedgeTests.Hedged, queue: group => queue.Of(group));
        var client = HedgeTests.Late(gateway, seconds: 0.15);
        Assert.That(queue.Unused, Is.EqualTo(1));
        gateway.At(1).Send(Http.Ok());
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(200));
        Assert.That((queue.Given, queue.Done), Is.EqualTo((2, 1)));
    }

    [Test]
    public async Task ServerNeverAnswers_IsPutOutWhenTheWaitsTogetherAreOne()
    {
        await using var gateway = new TestGateway(HedgeTests.Hedged + (options => options.Timeouts.ServerHead = TimeSpan.FromSeconds(2)));
        gateway.AnswerAll(_ => Http.Ok("yes"));
        gateway.Server(1).Accepted = null;
        var client = gateway.Connect();
        for (var i = 0; i < 25; i++)
        {
            client.Send(Http.Get("/"));
            gateway.Advance(0.1);
            Assert.That(client.ReceiveReply().Text, Is.EqualTo("yes"));
        }
        var health = gateway.Engine.GetServerHealth("default")[0];
        Assert.That((health.Failures, health.Condition), Is.EqualTo((1, ServerCondition.Ejected)));
        Assert.That(gateway.Server(1).Connections, Has.Count.EqualTo(20), "twenty waits of 100 ms");
    }

    [Test]
    public async Task ServerAnswersOthers_IsLateButNotSilent()
    {
        await using var gateway = new TestGateway(HedgeTests.Hedged + (options => options.Timeouts.ServerHead = TimeSpan.FromSeconds(1)));
        gateway.AnswerAll(head => Http.PathOf(head) == "/slow" ? "" : Http.Ok("yes"));
        gateway.Server(2).Accepted = peer => peer.Changed = p => p.Send(p.ReceiveText().Length > 0 ? Http.Ok("yes") : "");
        var client = gateway.Connect();
        for (var i = 0; i < 60; i++)
        {
            client.Send(Http.Get(i % 4 < 2 ? "/slow" : "/"));
            gateway.Advance(0.1);
            Assert.That(client.ReceiveReply().Text, Is.EqualTo("yes"));
        }
        Assert.That(gateway.Engine.GetServerHealth("default")[0].Failures, Is.Zero);
        Assert.That(gateway.Engine.GetStatistics().HedgesWon, Is.GreaterThan(10));
    }

    /// <summary>Names the first server whatever is to be avoided.</summary>
    private sealed class OneServerQueue : IJobQueue
    {
        private ServerAddress _server = null!;

        public int Given { get; private set; }
        public int Done { get; private set; }
        public int Unused { get; private set; }
        public int Waiting => 0;

        public OneServerQueue Of(ServerGroup group)
        {
            _server = group.Servers[0];
            return this;
        }

        public bool TryAcquire(JobTicket ticket, out JobGrant grant)
        {
            grant = new(_server, ++Given, long.MaxValue);
            return true;
        }

        public ValueTask<JobGrant?> AcquireAsync(JobTicket ticket, CancellationToken withdrawn) => new((JobGrant?)null);

        public ValueTask<bool> RenewAsync(JobGrant grant, CancellationToken cancellationToken) => new(true);

        public void Complete(JobGrant grant, GrantOutcome outcome)
        {
            if (outcome == GrantOutcome.Done) Done++;
            if (outcome == GrantOutcome.Unused) Unused++;
        }

        public ValueTask DisposeAsync() => default;
    }
}
