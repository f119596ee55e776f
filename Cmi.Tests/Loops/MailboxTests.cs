using Cmi.Loops;
using NUnit.Framework;

namespace Cmi.Tests.Loops;

public sealed class MailboxTests
{
    [Test]
    public void Posted_RunsInOrder()
    {
        var mailbox = new Mailbox(() => { });
        var ran = new List<object?>();
        for (var i = 0; i < 5; i++) mailbox.Post(ran.Add, i);
        Assert.That(mailbox.Drain(3), Is.EqualTo(3));
        Assert.That(mailbox.Drain(100), Is.EqualTo(2));
        Assert.That(mailbox.Drain(100), Is.Zero);
        Assert.That(ran, Is.EqualTo(new object[] { 0, 1, 2, 3, 4 }));
    }

    [Test]
    public void PostingItselfAgain_RunsInTheNextDrain()
    {
        var mailbox = new Mailbox(() => { });
        var calls = 0;
        mailbox.Post(Again, null);
        Assert.That(mailbox.Drain(int.MaxValue), Is.EqualTo(1));
        Assert.That(mailbox.IsEmpty, Is.False);
        Assert.That(mailbox.Drain(int.MaxValue), Is.EqualTo(1));
        Assert.That(calls, Is.EqualTo(2));

        void Again(object? _)
        {
            calls++;
            mailbox.PostLocal(Again, null);
        }
    }

    [Test]
    public void ManyPosts_WakeOnceUntilDrained()
    {
        var wakes = 0;
        var mailbox = new Mailbox(() => wakes++);
        mailbox.PostLocal(_ => { }, null);
        Assert.That(wakes, Is.Zero);
        for (var i = 0; i < 10; i++) mailbox.Post(_ => { }, null);
        Assert.That(wakes, Is.EqualTo(1));
        mailbox.Drain(1);
        mailbox.Post(_ => { }, null);
        Assert.That(wakes, Is.EqualTo(2));
    }

    [Test]
    public void ThrowingWork_LeavesTheRestWaiting()
    {
        var mailbox = new Mailbox(() => { });
        var ran = 0;
        mailbox.Post(_ => throw new InvalidTimeZoneException(), null);
        mailbox.Post(_ => ran++, null);
        Assert.That(() => mailbox.Drain(10), Throws.TypeOf<InvalidTimeZoneException>());
        Assert.That(mailbox.Count, Is.EqualTo(1));
        Assert.That(mailbox.Drain(10), Is.EqualTo(1));
        Assert.That(ran, Is.EqualTo(1));
    }

    /// <summary>A consumer that sleeps whenever it may: a lost wake-up would leave it asleep with work in the box, and the bounded wait would end.</summary>
    [Test]
    public void ManyProducers_NoWakeUpIsLostAndEachKeepsItsOrder()
    {
        const int Producers = 4, PostsEach = 50_000;
        using var asleep = new SemaphoreSlim(0);
        var (wakes, drains) = (0, 0);
        var mailbox = new Mailbox(() =>
        {
            Interlocked.Increment(ref wakes);
            asleep.Release();
        });
        var last = new int[Producers];
        Array.Fill(last, -1);
        var (total, outOfOrder) = (0, 0);
        var threads = Enumerable.Range(0, Producers).Select(p => new Thread(() =>
        {
            for (var i = 0; i < PostsEach; i++)
            {
                var n = i;
                mailbox.Post(_ =>
                {
                    if (last[p] != n - 1) outOfOrder++;
                    last[p] = n;
                    total++;
                }, null);
                if (i % 7 == 0) Thread.Yield();
            }
        })).ToArray();
        foreach (var thread in threads) thread.Start();
        while (total < Producers * PostsEach)
        {
            mailbox.Drain(64);
            drains++;
            if (mailbox.IsEmpty && total < Producers * PostsEach)
                Assert.That(asleep.Wait(TimeSpan.FromSeconds(10)), $"a wake-up was lost after {total} pieces of work");
        }
        foreach (var thread in threads) thread.Join();
        Assert.That(outOfOrder, Is.Zero);
        Assert.That(wakes, Is.LessThanOrEqualTo(drains + 1), "more than one wake-up for a drain");
    }
}
