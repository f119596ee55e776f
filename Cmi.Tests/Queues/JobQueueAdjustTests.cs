using Cmi.Queues;
using Cmi.Servers;
using NUnit.Framework;

namespace Cmi.Tests.Queues;

/// <summary>A queue whose group changes while grants are out and tickets wait.</summary>
public sealed class JobQueueAdjustTests
{
    private static readonly ServerAddress[] Servers = [.. Enumerable.Range(0, 4).Select(i => new ServerAddress(AddressKind.Tcp, $"192.0.2.{i}", 80))];

    [Test]
    public async Task LowerLimit_NothingIsGrantedBeforeTheCountIsBelowIt()
    {
        await using var queue = new JobQueue(Group(4, Servers[0]));
        var out4 = Take(queue, 4);

        queue.Adjust(Group(2, Servers[0]));

        for (var left = 3; left >= 2; left--)
        {
            queue.Complete(out4.Dequeue(), GrantOutcome.Done);
            Assert.That((queue.TryAcquire(Ticket(), out _), queue.InFlight(Servers[0])), Is.EqualTo((false, left)));
        }
        queue.Complete(out4.Dequeue(), GrantOutcome.Done);
        Assert.That(queue.TryAcquire(Ticket(), out _), Is.True);
        Assert.That(queue.TryAcquire(Ticket(), out _), Is.False);
    }

    [TestCase(3)]
    [TestCase(0)]
    public async Task HigherLimit_ThoseWhoWaitAreServedAtOnce(int limit)
    {
        await using var queue = new JobQueue(Group(1, Servers[0]));
        Take(queue, 1);
        var waiting = Wait(queue, 2);

        queue.Adjust(Group(limit, Servers[0]));

        Assert.That(waiting.Select(task => task.IsCompletedSuccessfully), Is.All.True);
        Assert.That((queue.Waiting, queue.InFlightTotal), Is.EqualTo((0, 3)));
    }

    [Test]
    public async Task ServersAreReplaced_ThoseWhoWaitGetTheNewOnes_AndOldGrantsGoBack()
    {
        await using var queue = new JobQueue(Group(1, Servers[0]));
        var old = Take(queue, 1).Dequeue();
        var waiting = Wait(queue, 2, avoid: default(ServerSet).With(Servers[0]));

        queue.Adjust(Group(1, Servers[1], Servers[2]));

        Assert.That((await Task.WhenAll(waiting)).Select(grant => grant!.Value.Server), Is.EquivalentTo([Servers[1], Servers[2]]));
        Assert.That(queue.InFlightTotal, Is.EqualTo(3), "what is in flight at a server that is gone still counts");
        queue.Complete(old, GrantOutcome.Done);
        Assert.That(queue.InFlightTotal, Is.EqualTo(2));
        Assert.Throws<ArgumentException>(() => queue.InFlight(Servers[0]));
    }

    [Test]
    public async Task ServerComesBackWhileItIsBusy_ItsCountGoesOn()
    {
        await using var queue = new JobQueue(Group(1, Servers[0]));
        var old = Take(queue, 1).Dequeue();
        queue.Adjust(Group(1, Servers[1]));
        queue.Adjust(Group(1, Servers[1], Servers[0]));

        Assert.That(queue.InFlight(Servers[0]), Is.EqualTo(1));
        Assert.That(Take(queue, 1).Dequeue().Server, Is.EqualTo(Servers[1]));
        Assert.That(queue.TryAcquire(Ticket(), out _), Is.False);
        queue.Complete(old, GrantOutcome.Done);
        Assert.That(Take(queue, 1).Dequeue().Server, Is.EqualTo(Servers[0]));
    }

    [Test]
    public async Task TicketsThatAvoidDifferentServers_KeepTheirOrder()
    {
        await using var queue = new JobQueue(Group(1, Servers[0], Servers[1]));
        Take(queue, 2);
        var first = Wait(queue, 1, default(ServerSet).With(Servers[0]))[0];
        var second = Wait(queue, 1)[0];

        queue.Adjust(Group(1, Servers[2]));

        Assert.That((first.IsCompletedSuccessfully, second.IsCompletedSuccessfully), Is.EqualTo((true, false)));
    }

    /// <summary>Threads take and give back while the group changes under them: no grant may exceed the limit that was in force before it was asked for.</summary>
    [Test]
    public async Task ChangesAmongManyThreads_NoLimitIsEverExceeded()
    {
        const int High = 6, Low = 2;
        var queue = new JobQueue(Group(High, Servers[0], Servers[1]));
        var stop = false;
        var workers = Enumerable.Range(0, 4).Select(_ => Task.Factory.StartNew(
            () =>
            {
                var held = new Queue<JobGrant>();
                while (!Volatile.Read(ref stop))
                {
                    if (queue.TryAcquire(Ticket(), out var grant)) held.Enqueue(grant);
                    if (held.Count > 2 || (held.Count > 0 && grant.Server is null)) queue.Complete(held.Dequeue(), GrantOutcome.Done);
                }
                foreach (var grant in held) queue.Complete(grant, GrantOutcome.Done);
            },
            TaskCreationOptions.LongRunning)).ToArray();
        for (var round = 0; round < 300; round++)
        {
            queue.Adjust(Group(Low, Servers[0], Servers[round % 3 + 1]));
            // From here on the count of a server can only fall until it is at the limit, and never rises above it again.
            for (int looks = 0, most = int.MaxValue; looks < 200; looks++)
            {
                var now = queue.InFlight(Servers[0]);
                Assert.That(now, Is.LessThanOrEqualTo(Math.Max(Low, most)));
                most = Math.Min(most, Math.Max(now, Low));
            }
            queue.Adjust(Group(High, Servers[0]));
            Assert.That(queue.InFlight(Servers[0]), Is.LessThanOrEqualTo(High));
        }
        Volatile.Write(ref stop, true);
        await Task.WhenAll(workers);
        Assert.That(queue.InFlightTotal, Is.Zero);
        await queue.DisposeAsync();
    }

    private static Queue<JobGrant> Take(JobQueue queue, int count) =>
        new(Enumerable.Range(0, count).Select(_ => queue.TryAcquire(Ticket(), out var grant) ? grant : throw new AssertionException("no slot was free")));

    private static List<Task<JobGrant?>> Wait(JobQueue queue, int count, ServerSet avoid = default) =>
        [.. Enumerable.Range(0, count).Select(_ => queue.AcquireAsync(Ticket() with { Avoid = avoid }, CancellationToken.None).AsTask())];

    private static ServerGroup Group(int limit, params ServerAddress[] servers) => new("default", servers, new LeastJobsSelector(), limit);

    private static JobTicket Ticket() => new(1, "default", 0, 0, 0, 0, long.MaxValue, 0, 1, default);
}
