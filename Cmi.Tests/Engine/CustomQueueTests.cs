using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine;

/// <summary>A user's own queue, which may take its time, fail, or never answer.</summary>
public sealed class CustomQueueTests
{
    private ScriptedQueue _queue = null!;

    [Test]
    public async Task AnswersLater_TheRequestGoesToTheServerThatItNames()
    {
        await using var gateway = Make();
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        Assert.That(gateway.Server(1).Connections.Count + gateway.Server(2).Connections.Count, Is.Zero);
        var lease = _queue.Grant(0, server: 2);
        gateway.Run();
        gateway.At(2).Send(Http.Ok("yes"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("yes"));
        Assert.That(_queue.Completed, Is.EqualTo(((long, GrantOutcome)[])[(lease, GrantOutcome.Done)]));
    }

    [Test]
    public async Task TicketOfARetry_KeepsItsTimesAndNamesTheServerToAvoid()
    {
        await using var gateway = Make();
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        _queue.Grant(0, server: 1);
        gateway.Advance(1);
        gateway.At(1).Abort();
        gateway.Run();
        var (first, second) = (_queue.Tickets[0], _queue.Tickets[1]);
        Assert.That((second.Id, second.EnqueuedAt, second.Deadline, second.Attempt), Is.EqualTo((first.Id, first.EnqueuedAt, first.Deadline, 2)));
        Assert.That((first.Avoid.Count, second.Avoid.Contains(TestGateway.Address(1)), second.Avoid.Count), Is.EqualTo((0, true, 1)));
        Assert.That(_queue.Completed, Is.EqualTo(((long, GrantOutcome)[])[(1, GrantOutcome.ServerFailed)]));
        _queue.Grant(1, server: 2);
        gateway.Run();
        gateway.At(2).Send(Http.Ok("yes"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("yes"));
    }

    [TestCase("X-Priority: 7\r\n", 7)]
    [TestCase("x-priority: 255\r\n", 255)]
    [TestCase("X-Priority: 256\r\n", 0)]
    [TestCase("X-Priority: -1\r\n", 0)]
    [TestCase("X-Priority: 7 or so\r\n", 0)]
    [TestCase("X-Priority:\r\n", 0)]
    [TestCase("", 0)]
    public async Task Ticket_HasThePriorityThatTheFieldSays(string field, int priority)
    {
        await using var gateway = Make(options => options.Request.PriorityField = "X-Priority");
        var client = gateway.Connect();
        client.Send(Http.Get("/", field));
        gateway.Run();
        Assert.That(_queue.Tickets.Single().Priority, Is.EqualTo(priority));
        _queue.Refuse(0);
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(503));
    }

    [Test]
    public async Task TicketWithoutThatSetting_HasNoPriority()
    {
        await using var gateway = Make();
        var client = gateway.Connect();
        client.Send(Http.Get("/", "X-Priority: 7\r\n"));
        gateway.Run();
        Assert.That(_queue.Tickets.Single().Priority, Is.Zero);
        _queue.Refuse(0);
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(503));
    }

    [Test]
    public async Task GrantCrossesTheWithdrawal_ItIsCompletedUnused()
    {
        await using var gateway = Make();
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        client.Abort();
        gateway.Run();
        Assert.That(_queue.IsWithdrawn(0));
        var lease = _queue.Grant(0);
        gateway.Run();
        Assert.That(_queue.Completed, Is.EqualTo(((long, GrantOutcome)[])[(lease, GrantOutcome.Unused)]));
        Assert.That(gateway.Server(1).Connections, Is.Empty);
    }

    [Test]
    public async Task GrantComesForAnExchangeThatLivesAnotherLife_ItIsCompletedUnused()
    {
        await using var gateway = Make();
        var client = gateway.Connect();
        client.Send(Http.Get("/1"));
        gateway.Run();
        client.Abort();
        gateway.Run();
        var next = gateway.Connect();
        next.Send(Http.Get("/2"));
        gateway.Run();
        _queue.Grant(0, server: 1);
        gateway.Run();
        Assert.That(gateway.Server(1).Connections, Is.Empty, "a late grant is not for whoever came next");
        _queue.Grant(1, server: 2);
        gateway.Run();
        gateway.At(2).Send(Http.Ok("2"));
        Assert.That(next.ReceiveReply().Text, Is.EqualTo("2"));
        Assert.That(_queue.Completed, Is.EqualTo(((long, GrantOutcome)[])[(1, GrantOutcome.Unused), (2, GrantOutcome.Done)]));
    }

    [Test]
    public async Task NeverAnswers_RefusedAfterTheTimeOfTheQueue()
    {
        await using var gateway = Make();
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Advance(9.999);
        Assert.That(client.Available, Is.Zero);
        gateway.Advance(0.001);
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(503));
        Assert.That(_queue.IsWithdrawn(0));
    }

    [TestCase("try")]
    [TestCase("acquire")]
    [TestCase("answer")]
    [TestCase("refusal")]
    public async Task FailsOrRefuses_TheClientGets503AndIsKept(string where)
    {
        await using var gateway = Make();
        void Throw() => throw new InvalidOperationException("The test wants the queue to fail.");
        if (where == "try") _queue.OnTry = Throw;
        if (where == "acquire") _queue.OnAcquire = Throw;
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        if (where == "answer") _queue.Fail(0);
        if (where == "refusal") _queue.Refuse(0);
        var reply = client.ReceiveReply();
        Assert.That((reply.Status, reply.Field("Retry-After"), client.IsOpen()), Is.EqualTo((503, "1", true)));
    }

    [Test]
    public async Task RefusesTheRetry_TheClientHearsOfTheServersFailure()
    {
        await using var gateway = Make();
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        _queue.Grant(0);
        gateway.Run();
        gateway.At(1).Abort();
        gateway.Run();
        _queue.Refuse(1);
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(502));
    }

    private TestGateway Make(Action<CmiOptions>? configure = null) => new(configure, queue: group => _queue = new(group));
}
