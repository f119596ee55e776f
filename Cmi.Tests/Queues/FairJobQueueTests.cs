using Cmi.Samples.CustomJobQueue;
using Cmi.Servers;
using Cmi.Testing.Contracts;

namespace Cmi.Tests.Queues;

/// <summary>The sample's queue, held to the same contract as that of the library, and to its promise.</summary>
public sealed class FairJobQueueTests : JobQueueContract
{
    private static readonly ServerAddress Server = new(AddressKind.Tcp, "192.0.2.1", 80);

    protected override IJobQueue CreateQueue(ServerGroup group, int capacity) => new FairJobQueue(group, capacity);

    [Test]
    public async Task OneClientAsksForMuch_TheOthersTakeTheirTurns()
    {
        await using var queue = new FairJobQueue(new("fair", [Server], new LeastJobsSelector(), maxRequestsPerServer: 1), capacity: 100);
        Assert.That(queue.TryAcquire(Ticket(client: 1), out var grant), Is.True);
        ulong[] asked = [1, 1, 1, 1, 2, 2, 3];
        var waiting = asked.Select((client, place) => (Client: client, Place: place, Grant: queue.AcquireAsync(Ticket(client), default).AsTask())).ToList();

        var served = new List<(ulong, int)>();
        while (waiting.Count > 0)
        {
            queue.Complete(grant, GrantOutcome.Done);
            var next = waiting.Single(w => w.Grant.IsCompleted);
            grant = (await next.Grant)!.Value;
            served.Add((next.Client, next.Place));
            waiting.Remove(next);
        }

        Assert.That(served, Is.EqualTo(new (ulong, int)[] { (1, 0), (2, 4), (3, 6), (1, 1), (2, 5), (1, 2), (1, 3) }), "turn by turn, each client's in order");
        queue.Complete(grant, GrantOutcome.Done);
    }

    [Test]
    public async Task HigherPriority_GoesFirst_AndEqualsTakeTurns()
    {
        await using var queue = new FairJobQueue(new("fair", [Server], new LeastJobsSelector(), maxRequestsPerServer: 1), capacity: 100);
        Assert.That(queue.TryAcquire(Ticket(client: 9), out var grant), Is.True);
        (ulong Client, byte Priority)[] asked = [(1, 0), (1, 5), (1, 5), (2, 5), (2, 0), (3, 255)];
        var waiting = asked.Select(one => (Asked: one, Grant: queue.AcquireAsync(Ticket(one.Client, one.Priority), default).AsTask())).ToList();

        var served = new List<(ulong, byte)>();
        while (waiting.Count > 0)
        {
            queue.Complete(grant, GrantOutcome.Done);
            var next = waiting.Single(w => w.Grant.IsCompleted);
            grant = (await next.Grant)!.Value;
            served.Add(next.Asked);
            waiting.Remove(next);
        }

        Assert.That(served, Is.EqualTo(new (ulong, byte)[] { (3, 255), (1, 5), (2, 5), (1, 5), (1, 0), (2, 0) }));
        queue.Complete(grant, GrantOutcome.Done);
    }

    private static JobTicket Ticket(ulong client, byte priority = 0) => new(0, "fair", client, 0, priority, 0, long.MaxValue, 0, 1, default);
}
