using Cmi.Queues;
using Cmi.Servers;
using Cmi.Testing.Contracts;
using Cmi.Tests.Harness;
using NUnit.Framework;

namespace Cmi.Tests.Queues;

[TestFixture]
public sealed class JobQueueFollowsTheContract : JobQueueContract
{
    protected override IJobQueue CreateQueue(ServerGroup group, int capacity) => new JobQueue(group, capacity);
}

[TestFixture]
public sealed class JobQueueTests
{
    private static readonly ServerAddress[] Servers = [.. Enumerable.Range(1, 4).Select(i => new ServerAddress(AddressKind.Tcp, $"192.0.2.{i}", 80))];

    [Test]
    public async Task GrantIsCompletedTwice_Throws()
    {
        await using var queue = Queue(limit: 0);
        queue.TryAcquire(Ticket(), out var grant);
        queue.Complete(grant, GrantOutcome.Done);
        Assert.Throws<InvalidOperationException>(() => queue.Complete(grant, GrantOutcome.Done));
        queue.TryAcquire(Ticket(), out var other);
        Assert.Throws<InvalidOperationException>(() => queue.Complete(grant, GrantOutcome.Done), "its slot is out again, for another grant");
        Assert.Throws<InvalidOperationException>(() => queue.Complete(default, GrantOutcome.Done));
        Assert.Throws<InvalidOperationException>(() => queue.Complete(other with { Lease = long.MaxValue }, GrantOutcome.Done));
        Assert.That(queue.InFlight(other.Server), Is.EqualTo(1));
        queue.Complete(other, GrantOutcome.Done);
        Assert.That(queue.InFlightTotal, Is.Zero);
    }

    [Test]
    public async Task NoLimit_IsCountedAllTheSame()
    {
        await using var queue = Queue(limit: 0);
        for (var i = 0; i < 8; i++) queue.TryAcquire(Ticket(), out _);
        foreach (var server in Servers) Assert.That(queue.InFlight(server), Is.EqualTo(2));
        Assert.That(queue.InFlightTotal, Is.EqualTo(8));
        Assert.Throws<ArgumentException>(() => queue.InFlight(new(AddressKind.Unix, "/nowhere", 0)));
    }

    [Test]
    public async Task TryAcquireAndComplete_AllocateNothing()
    {
        await using var queue = Queue(limit: 8);
        var plain = Ticket();
        var retry = plain with { Avoid = default(ServerSet).With(Servers[1]) };
        void Round()
        {
            for (var i = 0; i < 1000; i++)
            {
                queue.TryAcquire(plain, out var first);
                queue.TryAcquire(retry, out var second);
                queue.Complete(first, GrantOutcome.Done);
                queue.Complete(second, GrantOutcome.Done);
            }
        }
        Round();
        Assert.That(Allocations.Least(Round), Is.Zero);
    }

    [Test]
    public async Task SelectorThrowsForOneThatWaits_TheOneWhoAskedHearsOfIt()
    {
        var selector = new Faulty();
        await using var queue = new JobQueue(new("g", Servers[..1], selector, 1));
        queue.TryAcquire(Ticket(), out var grant);
        var waiter = queue.AcquireAsync(Ticket(), default).AsTask();
        selector.Choice = 7;
        Assert.DoesNotThrow(() => queue.Complete(grant, GrantOutcome.Done));
        await Assert.ThrowsAsync<InvalidOperationException>(() => waiter);
        Assert.Throws<InvalidOperationException>(() => queue.TryAcquire(Ticket(), out _));
        Assert.That(queue.InFlightTotal, Is.Zero);
    }

    [Test]
    public async Task MoreServersThanFitTheStack_Works()
    {
        var servers = Enumerable.Range(0, 300).Select(i => new ServerAddress(AddressKind.Tcp, "192.0.2.1", 1000 + i)).ToArray();
        await using var queue = new JobQueue(new("g", servers, new RoundRobinSelector(), 1));
        var retry = Ticket() with { Avoid = default(ServerSet).With(servers[299]) };
        var seen = new HashSet<ServerAddress>();
        for (var i = 0; i < 299; i++)
        {
            Assert.That(queue.TryAcquire(retry, out var grant), Is.True);
            Assert.That(seen.Add(grant.Server), Is.True);
        }
        Assert.That(queue.TryAcquire(retry, out _), Is.False);
        Assert.That(queue.TryAcquire(Ticket(), out var last), Is.True);
        Assert.That(last.Server, Is.EqualTo(servers[299]));
    }

    [Test]
    public void CapacityIsNegative_IsRefused() => Assert.Throws<ArgumentOutOfRangeException>(() => new JobQueue(new("g", Servers, new LeastJobsSelector()), -1));

    [TestCase(1, 1)]
    [TestCase(8, 1)]
    [TestCase(2, 4)]
    public async Task ManyThreads_LimitHoldsAllAreServedAndNothingIsLeft(int limit, int servers)
    {
        var workers = 4 * limit * servers;                         // four for each slot, on all threads of the pool
        var rounds = 200_000 / workers;
        var group = new ServerGroup("g", Servers[..servers], new LeastJobsSelector(), limit);
        await using var queue = new JobQueue(group);
        var atServer = new int[servers];
        long granted = 0, withdrawn = 0;
        var worst = 0;

        async Task Worker(int seed)
        {
            await Task.Yield();
            var random = new Random(seed);
            for (var i = 0; i < rounds; i++)
            {
                var ticket = Ticket() with { Avoid = random.Next(8) == 0 ? default(ServerSet).With(Servers[random.Next(servers)]) : default };
                if (!queue.TryAcquire(ticket, out var grant))
                {
                    using var withdrawal = random.Next(4) == 0 ? new CancellationTokenSource() : null;
                    var asked = queue.AcquireAsync(ticket, withdrawal?.Token ?? default);
                    if (withdrawal is not null) _ = Task.Run(withdrawal.Cancel);
                    var answer = await asked;
                    if (answer is null)
                    {
                        Interlocked.Increment(ref withdrawn);
                        continue;
                    }
                    grant = answer.Value;
                }
                var place = Array.IndexOf(Servers, grant.Server);
                var now = Interlocked.Increment(ref atServer[place]);
                if (now > Volatile.Read(ref worst)) Volatile.Write(ref worst, now);
                if ((i & 3) != 0) await Task.Yield();              // so that others find it busy
                Interlocked.Decrement(ref atServer[place]);
                Interlocked.Increment(ref granted);
                queue.Complete(grant, GrantOutcome.Done);
            }
        }

        await Task.WhenAll(Enumerable.Range(0, workers).Select(Worker)).WaitAsync(TimeSpan.FromSeconds(60));
        TestContext.Out.WriteLine($"granted {granted}, withdrawn {withdrawn}, most at one server {worst}");
        Assert.That(worst, Is.EqualTo(limit));
        Assert.That(granted + withdrawn, Is.EqualTo(workers * rounds));
        Assert.That((queue.Waiting, queue.InFlightTotal), Is.EqualTo((0, 0)));
    }

    private static JobQueue Queue(int limit) => new(new("g", Servers, new LeastJobsSelector(), limit));

    private static JobTicket Ticket() => new(1, "g", 0, 0, 0, 0, long.MaxValue, 0, 1, default);

    private sealed class Faulty : IServerSelector
    {
        public int Choice { get; set; }

        public int Select(ReadOnlySpan<ServerLoad> candidates, in JobTicket ticket) => Choice;
    }
}
