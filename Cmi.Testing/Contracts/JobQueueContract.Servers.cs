using NUnit.Framework;

namespace Cmi.Testing.Contracts;

// Which server a ticket gets.
public abstract partial class JobQueueContract
{
    /// <summary>The server is chosen when a slot is given, not when a ticket begins to wait.</summary>
    [Test]
    public async Task TicketWaits_GetsWhicheverServerFrees()
    {
        await using var queue = Queue(limit: 1, A, B, C);
        var grants = new[] { Take(queue), Take(queue), Take(queue) };
        foreach (var server in new[] { B, C, A })
        {
            var waiter = Wait(queue);
            var place = Array.FindIndex(grants, grant => grant.Server == server);
            queue.Complete(grants[place], GrantOutcome.Done);
            grants[place] = (await Soon(waiter))!.Value;
            Assert.That(grants[place].Server, Is.EqualTo(server));
        }
        foreach (var grant in grants) queue.Complete(grant, GrantOutcome.Done);
    }

    /// <summary>A server to avoid is not chosen while there are others.</summary>
    [Test]
    public async Task ServerIsAvoided_AnotherIsChosen()
    {
        await using var queue = Queue(limit: 0, A, B, C);
        for (var i = 0; i < 10; i++)
        {
            Assert.That(queue.TryAcquire(Ticket(A, C), out var grant), Is.True);
            Assert.That(grant.Server, Is.EqualTo(B));
        }
    }

    /// <summary>If the servers that are left are busy, a ticket waits for one of them and lets others pass to the server that it avoids.</summary>
    [Test]
    public async Task ServersLeftAreBusy_WaitsForOneOfThemAndLetsOthersPass()
    {
        await using var queue = Queue(limit: 1, A, B);
        Assert.That(queue.TryAcquire(Ticket(B), out var atA), Is.True);
        Assert.That(queue.TryAcquire(Ticket(A), out _), Is.True, "B is free");
        Assert.That(queue.TryAcquire(Ticket(A), out _), Is.False, "B is busy");
        var avoidsA = Wait(queue, Ticket(A));
        var any = Wait(queue);
        queue.Complete(atA, GrantOutcome.ServerFailed);
        var passed = (await Soon(any))!.Value;
        Assert.That(passed.Server, Is.EqualTo(A));
        Assert.That(avoidsA.IsCompleted, Is.False);
        queue.Complete(passed, GrantOutcome.Done);
        Assert.That(avoidsA.IsCompleted, Is.False, "A is free, but avoided");
        var next = (await Soon(queue.AcquireAsync(Ticket(), default).AsTask()))!.Value;
        Assert.That(next.Server, Is.EqualTo(A), "who avoids A does not keep others from it");
    }

    /// <summary>A server that is not usable gets nothing, whoever is avoided; nor do those wait who could have another.</summary>
    [Test]
    public async Task ServerIsNotUsable_OthersAreChosen()
    {
        var group = Group(limit: 0, A, B, C);
        await using var queue = CreateQueue(group, 10);
        group.Availability.Set([0, 2]);
        for (var i = 0; i < 10; i++) Assert.That(Take(queue).Server, Is.Not.EqualTo(B));
        Assert.That(queue.TryAcquire(Ticket(A), out var grant), Is.True);
        Assert.That(grant.Server, Is.EqualTo(C));
        Assert.That(queue.TryAcquire(Ticket(A, C), out grant), Is.True, "those that are left are all avoided");
        Assert.That(grant.Server, Is.Not.EqualTo(B));
    }

    /// <summary>A ticket that waits stays while its server is not usable, and goes when one is.</summary>
    [Test]
    public async Task NoServerIsUsable_TicketsWaitUntilOneIs()
    {
        var group = Group(limit: 0, A, B);
        await using var queue = CreateQueue(group, 10);
        group.Availability.Set([]);
        Assert.That(queue.TryAcquire(Ticket(), out _), Is.False);
        var waiters = new[] { Wait(queue), Wait(queue, Ticket(A)), Wait(queue) };
        Assert.That(waiters, Has.None.Property("IsCompleted").True);
        group.Availability.Set([1]);
        foreach (var waiter in waiters) Assert.That((await Soon(waiter))?.Server, Is.EqualTo(B));
        Assert.That(queue.Waiting, Is.Zero);
    }

    /// <summary>Who waits for a busy server is given another that comes back meanwhile.</summary>
    [Test]
    public async Task ServerComesBack_ThoseWhoWaitForOthersGetIt()
    {
        var group = Group(limit: 1, A, B);
        await using var queue = CreateQueue(group, 10);
        group.Availability.Set([0]);
        var busy = Take(queue);
        var waiter = Wait(queue);
        Assert.That(waiter.IsCompleted, Is.False);
        group.Availability.Set([0, 1]);
        var grant = (await Soon(waiter))!.Value;
        Assert.That(grant.Server, Is.EqualTo(B));
        queue.Complete(grant, GrantOutcome.Done);
        queue.Complete(busy, GrantOutcome.Done);
    }

    /// <summary>If all servers are to be avoided, none is.</summary>
    [Test]
    public async Task AllServersAreAvoided_AnyIsChosen()
    {
        await using var queue = Queue(limit: 1, A, B);
        Assert.That(queue.TryAcquire(Ticket(A, B), out var first), Is.True);
        Assert.That(queue.TryAcquire(Ticket(B, A), out var second), Is.True);
        Assert.That(second.Server, Is.Not.EqualTo(first.Server));
        var waiter = Wait(queue, Ticket(A, B));
        queue.Complete(second, GrantOutcome.ServerFailed);
        Assert.That((await Soon(waiter))?.Server, Is.EqualTo(second.Server));
    }
}
