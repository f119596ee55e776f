using Cmi.Servers;
using NUnit.Framework;

namespace Cmi.Testing.Contracts;

/// <summary>
/// What every <see cref="IJobQueue"/> must do. Inherit it in a test project, say how a queue is made, and its tests run for your queue. A queue with
/// priorities or fair keys passes too: all tickets here are equals, told apart only by what they avoid.
/// <para>Threading: one test at a time for each instance.</para>
/// </summary>
public abstract partial class JobQueueContract
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);      // only a broken queue uses it up
    private static readonly ServerAddress A = Server(1), B = Server(2), C = Server(3);

    private long _tickets;

    /// <summary>Makes the queue to test.</summary>
    /// <param name="group">The servers, their limit, and the selector to ask.</param>
    /// <param name="capacity">The most tickets that wait.</param>
    /// <returns>A queue with nothing in flight and nobody waiting; the contract disposes it.</returns>
    protected abstract IJobQueue CreateQueue(ServerGroup group, int capacity);

    /// <summary>A free slot is given at once.</summary>
    [Test]
    public async Task SlotIsFree_IsGrantedAtOnce()
    {
        await using var queue = Queue(limit: 1, A);
        Assert.That(queue.TryAcquire(Ticket(), out var grant), Is.True);
        Assert.That(grant.Server, Is.EqualTo(A));
        queue.Complete(grant, GrantOutcome.Done);
    }

    /// <summary>Asking the waiting way for a free slot gives it too.</summary>
    [Test]
    public async Task SlotIsFree_AcquireAsyncGrantsIt()
    {
        await using var queue = Queue(limit: 1, A);
        var grant = await Soon(queue.AcquireAsync(Ticket(), default).AsTask());
        Assert.That(grant?.Server, Is.EqualTo(A));
        queue.Complete(grant!.Value, GrantOutcome.Done);
    }

    /// <summary>No server ever has more than its limit.</summary>
    /// <param name="limit">The limit of each of two servers.</param>
    [TestCase(1)]
    [TestCase(3)]
    public async Task LimitIsReached_NoMoreIsGranted(int limit)
    {
        await using var queue = Queue(limit, A, B);
        var grants = Enumerable.Range(0, 2 * limit).Select(_ => Take(queue)).ToArray();
        Assert.That(grants.Count(grant => grant.Server == A), Is.EqualTo(limit));
        Assert.That(grants.Count(grant => grant.Server == B), Is.EqualTo(limit));
        Assert.That(queue.TryAcquire(Ticket(), out _), Is.False);

        queue.Complete(grants[0], GrantOutcome.Done);
        Assert.That(Take(queue).Server, Is.EqualTo(grants[0].Server));
        Assert.That(queue.TryAcquire(Ticket(), out _), Is.False);
    }

    /// <summary>A limit of 0 is none.</summary>
    [Test]
    public async Task NoLimit_NobodyWaits()
    {
        await using var queue = Queue(limit: 0, A);
        var grants = Enumerable.Range(0, 1000).Select(_ => Take(queue)).ToArray();
        Assert.That(grants.Select(grant => grant.Lease).Distinct().Count(), Is.EqualTo(1000), "each grant has a lease of its own");
        foreach (var grant in grants) queue.Complete(grant, GrantOutcome.Done);
    }

    /// <summary>Each way for a grant to end frees its slot.</summary>
    /// <param name="outcome">How it ended.</param>
    [TestCase(GrantOutcome.Done)]
    [TestCase(GrantOutcome.ServerFailed)]
    [TestCase(GrantOutcome.Unused)]
    public async Task GrantIsCompleted_SlotIsFreeAgain(GrantOutcome outcome)
    {
        await using var queue = Queue(limit: 1, A);
        queue.Complete(Take(queue), outcome);
        queue.Complete(Take(queue), outcome);
    }

    /// <summary>Who asked first is served first.</summary>
    [Test]
    public async Task SeveralWait_AreServedInOrder()
    {
        await using var queue = Queue(limit: 1, A);
        var grant = Take(queue);
        var waiters = Enumerable.Range(0, 5).Select(_ => Wait(queue)).ToArray();
        Assert.That(queue.Waiting, Is.EqualTo(5));
        for (var i = 0; i < waiters.Length; i++)
        {
            queue.Complete(grant, GrantOutcome.Done);
            grant = (await Soon(waiters[i]))!.Value;
            Assert.That(waiters.Count(waiter => waiter.IsCompleted), Is.EqualTo(i + 1));
            Assert.That(queue.Waiting, Is.EqualTo(waiters.Length - i - 1));
        }
        queue.Complete(grant, GrantOutcome.Done);
    }

    /// <summary>A slot that becomes free belongs to who waits, not to who happens to ask at the right moment.</summary>
    [Test]
    public async Task SomebodyWaits_NobodyOvertakes()
    {
        await using var queue = Queue(limit: 1, A);
        var grant = Take(queue);
        var waiter = Wait(queue);
        Assert.That(queue.TryAcquire(Ticket(), out _), Is.False);
        queue.Complete(grant, GrantOutcome.Done);
        Assert.That(queue.TryAcquire(Ticket(), out _), Is.False);
        queue.Complete((await Soon(waiter))!.Value, GrantOutcome.Done);
        queue.Complete(Take(queue), GrantOutcome.Done);
    }

    /// <summary>Full is an answer, given at once, that harms nobody who waits.</summary>
    [Test]
    public async Task QueueIsFull_IsRefusedAtOnce()
    {
        await using var queue = Queue(limit: 1, capacity: 2, A);
        var grant = Take(queue);
        var waiters = new[] { Wait(queue), Wait(queue) };
        var refused = queue.AcquireAsync(Ticket(), default);
        Assert.That(refused.IsCompletedSuccessfully, Is.True);
        Assert.That(await refused, Is.Null);
        foreach (var waiter in waiters)
        {
            queue.Complete(grant, GrantOutcome.Done);
            grant = (await Soon(waiter))!.Value;
        }
        queue.Complete(grant, GrantOutcome.Done);
    }

    /// <summary>A queue where nobody may wait still grants what is free.</summary>
    [Test]
    public async Task CapacityIsZero_NobodyWaits()
    {
        await using var queue = Queue(limit: 1, capacity: 0, A);
        var grant = (await Soon(queue.AcquireAsync(Ticket(), default).AsTask()))!.Value;
        Assert.That(await Soon(queue.AcquireAsync(Ticket(), default).AsTask()), Is.Null);
        queue.Complete(grant, GrantOutcome.Done);
    }

    /// <summary>A withdrawn ticket leaves the line, its place can be taken, and those behind it move up.</summary>
    [Test]
    public async Task WithdrawnBeforeGrant_IsNullAndTheNextIsServed()
    {
        await using var queue = Queue(limit: 1, capacity: 2, A);
        using var withdrawal = new CancellationTokenSource();
        var grant = Take(queue);
        var first = Wait(queue, withdrawn: withdrawal.Token);
        var second = Wait(queue);
        await withdrawal.CancelAsync();
        Assert.That(await Soon(first), Is.Null);
        Assert.That(queue.Waiting, Is.EqualTo(1));

        var third = Wait(queue);
        queue.Complete(grant, GrantOutcome.Done);
        grant = (await Soon(second))!.Value;
        Assert.That(third.IsCompleted, Is.False);
        queue.Complete(grant, GrantOutcome.Done);
        queue.Complete((await Soon(third))!.Value, GrantOutcome.Done);
    }

    /// <summary>A withdrawal that comes too late changes nothing: the grant is there and is to be completed.</summary>
    [Test]
    public async Task WithdrawnAfterGrant_GrantStands()
    {
        await using var queue = Queue(limit: 1, A);
        using var withdrawal = new CancellationTokenSource();
        var grant = Take(queue);
        var waiter = Wait(queue, withdrawn: withdrawal.Token);
        queue.Complete(grant, GrantOutcome.Done);
        await withdrawal.CancelAsync();
        var late = await Soon(waiter);
        Assert.That(late, Is.Not.Null);
        Assert.That(queue.TryAcquire(Ticket(), out _), Is.False);
        queue.Complete(late!.Value, GrantOutcome.Unused);
        queue.Complete(Take(queue), GrantOutcome.Done);
    }

    /// <summary>A ticket that was withdrawn before it asked gets nothing, and nothing is lost.</summary>
    [Test]
    public async Task WithdrawnBeforeItAsked_NothingIsLost()
    {
        await using var queue = Queue(limit: 1, A);
        Assert.That(await Soon(queue.AcquireAsync(Ticket(), new(canceled: true)).AsTask()), Is.Null);
        Assert.That(queue.Waiting, Is.Zero);
        queue.Complete(Take(queue), GrantOutcome.Done);
    }

    /// <summary>A disposed queue refuses those who wait and those who ask, and takes back what is out.</summary>
    [Test]
    public async Task QueueIsDisposed_RefusesAll()
    {
        var queue = Queue(limit: 1, A);
        var grant = Take(queue);
        var waiters = new[] { Wait(queue), Wait(queue) };
        await queue.DisposeAsync();
        foreach (var waiter in waiters) Assert.That(await Soon(waiter), Is.Null);
        Assert.That(await Soon(queue.AcquireAsync(Ticket(), default).AsTask()), Is.Null);
        queue.Complete(grant, GrantOutcome.Unused);
        Assert.That(queue.TryAcquire(Ticket(), out _), Is.False);
        Assert.That(queue.Waiting, Is.Zero);
        await queue.DisposeAsync();
    }

    /// <summary>Completing a grant a second time must not free somebody else's slot: the limit still holds, whether the queue throws or not.</summary>
    [Test]
    public async Task GrantIsCompletedTwice_LimitStillHolds()
    {
        await using var queue = Queue(limit: 1, A);
        var first = Take(queue);
        queue.Complete(first, GrantOutcome.Done);
        var second = Take(queue);
        try
        {
            queue.Complete(first, GrantOutcome.Done);
        }
        catch (InvalidOperationException)
        {
            // What a queue should do that can tell.
        }
        Assert.That(queue.TryAcquire(Ticket(), out _), Is.False);
        queue.Complete(second, GrantOutcome.Done);
    }

    /// <summary>A grant that does not lapse, or was taken just now, can be renewed.</summary>
    [Test]
    public async Task GrantIsRenewed_HoldsOn()
    {
        await using var queue = Queue(limit: 1, A);
        var grant = Take(queue);
        Assert.That(await queue.RenewAsync(grant, default), Is.True);
        queue.Complete(grant, GrantOutcome.Done);
    }

    private static ServerAddress Server(int number) => new(AddressKind.Tcp, $"192.0.2.{number}", 80);      // RFC 5737: for documentation

    private IJobQueue Queue(int limit, params ServerAddress[] servers) => Queue(limit, capacity: 100, servers);

    private IJobQueue Queue(int limit, int capacity, params ServerAddress[] servers) =>
        CreateQueue(Group(limit, servers), capacity);

    private static ServerGroup Group(int limit, params ServerAddress[] servers) => new("contract", servers, new LeastJobsSelector(), limit);

    private JobTicket Ticket(params ServerAddress[] avoid) =>
        new(++_tickets, "contract", 0, 0, 0, EnqueuedAt: 0, Deadline: long.MaxValue, RequestBytes: 0, Attempt: 1 + avoid.Length,
            avoid.Aggregate(default(ServerSet), (set, server) => set.With(server)));

    private JobGrant Take(IJobQueue queue)
    {
        Assert.That(queue.TryAcquire(Ticket(), out var grant), Is.True, "a slot is free and nobody waits");
        return grant;
    }

    private Task<JobGrant?> Wait(IJobQueue queue, JobTicket? ticket = null, CancellationToken withdrawn = default)
    {
        var waiter = queue.AcquireAsync(ticket ?? Ticket(), withdrawn).AsTask();
        Assert.That(waiter.IsCompleted, Is.False, "it has to wait");
        return waiter;
    }

    private static Task<JobGrant?> Soon(Task<JobGrant?> grant) => grant.WaitAsync(Patience);
}
