using Cmi.Queues;
using Cmi.Testing;
using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine;

// Groups that change, and their queues.
public sealed partial class ChangeTests
{
    [Test]
    public async Task GroupIsRemoved_ItsRequestsFinish_AndItsQueueEndsWhenNothingUsesIt()
    {
        await using var gateway = Make(TestGateway.Url(1));
        static void WithGroup(CmiOptions o)
        {
            o.AddGroup("a", g => g.AddServer(TestGateway.Url(2))).MaxRequests = 1;
            o.AddRoute("a", r => (r.PathPrefix, r.Group) = ("/a", "a"));
        }
        gateway.Apply(WithGroup);
        var client = gateway.Connect();
        client.Send(Http.Get("/a/1") + Http.Get("/a/2"));
        gateway.Run();
        var queue = (JobQueue)gateway.Queues[1];
        Assert.That((queue.InFlightTotal, queue.Waiting), Is.EqualTo((1, 1)));

        gateway.Apply(_ => { });
        gateway.Apply(_ => { });
        gateway.At(2).ReceiveText();
        gateway.At(2).Send(Http.Ok("1"));
        gateway.Run();
        gateway.At(2, gateway.Server(2).Connections.Count).Send(Http.Ok("2"));
        Assert.That(Http.Replies(client.ReceiveAll()).Select(reply => reply.Text), Is.EqualTo(["1", "2"]));
        var ticket = new JobTicket(1, "a", 0, 0, 0, 0, long.MaxValue, 0, 1, default);
        Assert.That(queue.TryAcquire(ticket, out var grant), "it was in use at the last change");
        queue.Complete(grant, GrantOutcome.Unused);

        gateway.Apply(_ => { });

        Assert.That(queue.TryAcquire(ticket, out _), Is.False, "it is disposed");
        gateway.Apply(WithGroup);
        Assert.That(gateway.Queues, Has.Count.EqualTo(3), "a group that comes back later has a new queue");
    }

    [Test]
    public async Task GroupIsRemovedAndAllItsConnectionsAreClosed_RequestsThatWaitAreServedAllTheSame()
    {
        await using var gateway = Make(o => o.Servers.MaxRequests = 1, TestGateway.Url(1));
        gateway.Server(1).Accepted = peer => peer.Changed = p =>
        {
            if (p.ReceiveText().Length == 0) return;
            p.Send("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
            p.Close();
        };
        var client = gateway.Connect();
        var queue = (JobQueue)gateway.Queue;
        queue.TryAcquire(new(1, "default", 0, 0, 0, 0, long.MaxValue, 0, 1, default), out var elsewhere);
        client.Send(Http.Get("/1") + Http.Get("/2"));
        gateway.Run();
        static void Without(CmiOptions o)
        {
            o.Servers.Addresses.Clear();
            o.AddGroup("b", g => g.AddServer(TestGateway.Url(2)));
            o.AddRoute("b", r => r.Group = "b");
        }
        for (var i = 0; i < 3; i++) gateway.Apply(Without);

        queue.Complete(elsewhere, GrantOutcome.Done);

        Assert.That(Http.Replies(client.ReceiveAll()).Select(reply => reply.Status), Is.EqualTo([200, 200]));
    }

    [Test]
    public async Task GroupComesBackWhileItIsBusy_ItsLimitCountsWhatIsInFlight()
    {
        await using var gateway = Make(o => o.Servers.MaxRequests = 1, TestGateway.Url(1));
        var (first, second) = (gateway.Connect(), gateway.Connect());
        first.Send(Http.Get("/"));
        gateway.Run();
        gateway.Apply(o =>
        {
            o.Servers.Addresses.Clear();
            o.AddGroup("b", g => g.AddServer(TestGateway.Url(2)));
            o.AddRoute("b", r => r.Group = "b");
        });
        gateway.Apply(_ => { });
        second.Send(Http.Get("/"));
        gateway.Run();

        Assert.That((gateway.Queue.Waiting, gateway.Queues.Count), Is.EqualTo((1, 2)));
    }

    [Test]
    public async Task QueueThatCannotBeAdjusted_KeepsItsGroup_AndTheLogSaysSo()
    {
        await using var gateway = new TestGateway(o => SetServers(o, 1), servers: 2, queue: group => new PlainQueue(new JobQueue(group)));
        gateway.AnswerAll(_ => Http.Ok());

        gateway.Apply(o =>
        {
            SetServers(o, 2);
            o.Limits.MaxRequestContentBytes = 1;
        });
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();

        Assert.That((gateway.Server(1).Connections.Count, gateway.Server(2).Connections.Count, gateway.Log.Count(2033)), Is.EqualTo((1, 0, 1)));
        client.ReceiveAll();
        client.Send(Http.Send("PUT", "/", "ab"));
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(413), "all else has changed");
    }

    [Test]
    public async Task QueueThatFailsToAdjust_KeepsItsGroup_AndTheRestChanges()
    {
        await using var gateway = new TestGateway(o => SetServers(o, 1), servers: 2, queue: group => new FailingQueue(new JobQueue(group)));

        gateway.Apply(o => SetServers(o, 2));

        Assert.That((gateway.Log.Count(2033), gateway.Log.Count(2030)), Is.EqualTo((1, 1)));
        Assert.That(gateway.Engine.Configuration.Groups[0].Group.Servers, Is.EqualTo([TestGateway.Address(1)]));
    }

    [Test]
    public async Task QueueThatCannotBeMade_IsThrown_AndNothingChanges()
    {
        await using var gateway = new TestGateway(
            o => SetServers(o, 1), servers: 2, queue: group => group.Name == "b" ? throw new IOException("no queue") : new JobQueue(group));
        var before = gateway.Engine.Configuration;
        static void AddGroups(CmiOptions o)
        {
            foreach (var name in new[] { "a", "b" }) o.AddGroup(name, g => g.AddServer(TestGateway.Url(2)));
        }

        Assert.Throws<IOException>(() => gateway.Apply(AddGroups));

        Assert.That(gateway.Engine.Configuration, Is.SameAs(before));
        gateway.Apply(_ => { });
        gateway.Run();
        Assert.That(gateway.Queues[1].TryAcquire(new(1, "a", 0, 0, 0, 0, long.MaxValue, 0, 1, default), out _), Is.False, "the one that was made is disposed");
    }

    private sealed class FailingQueue(JobQueue inner) : PlainQueue(inner), IAdjustableJobQueue
    {
        public void Adjust(ServerGroup group) => throw new IOException("The test wants the change to fail.");
    }

    /// <summary>A queue as users write them, that knows nothing of changes.</summary>
    private class PlainQueue(JobQueue inner) : IJobQueue
    {
        public int Waiting => inner.Waiting;

        public bool TryAcquire(JobTicket ticket, out JobGrant grant) => inner.TryAcquire(ticket, out grant);

        public ValueTask<JobGrant?> AcquireAsync(JobTicket ticket, CancellationToken withdrawn) => inner.AcquireAsync(ticket, withdrawn);

        public ValueTask<bool> RenewAsync(JobGrant grant, CancellationToken cancellationToken) => inner.RenewAsync(grant, cancellationToken);

        public void Complete(JobGrant grant, GrantOutcome outcome) => inner.Complete(grant, outcome);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
