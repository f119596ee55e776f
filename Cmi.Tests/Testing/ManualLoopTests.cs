using Cmi.Testing;
using NUnit.Framework;

namespace Cmi.Tests.Testing;

public sealed class ManualLoopTests
{
    [Test]
    public void Posted_RunsWhenCrankedAndNotBefore()
    {
        var loop = new ManualLoop();
        var ran = 0;
        loop.Post(_ => ran++, null);
        Assert.That((ran, loop.Posted), Is.EqualTo((0, 1)));
        loop.RunUntilIdle();
        Assert.That((ran, loop.Posted), Is.EqualTo((1, 0)));
    }

    [Test]
    public void Advance_FiresEachTimerAtItsOwnTime()
    {
        var loop = new ManualLoop();
        var fired = new List<long>();
        foreach (var due in new long[] { 100_000, 3, 70, 3_600_000 }) loop.SetTimer(new LoopTimer(_ => fired.Add(loop.Now), null), due);
        loop.Advance(TimeSpan.FromMinutes(2));
        Assert.That(fired, Is.EqualTo(new long[] { 3, 70, 100_000 }));
        Assert.That(loop.Now, Is.EqualTo(120_000));
        Assert.That(loop.TimersSet, Is.EqualTo(1));
    }

    [Test]
    public void Advance_FiresWhatTimersSetOnTheWay()
    {
        var loop = new ManualLoop();
        var fired = 0;
        LoopTimer timer = null!;
        timer = new LoopTimer(_ => { fired++; loop.SetTimer(timer, loop.Now + 1_000); }, null);
        loop.SetTimer(timer, 1_000);
        loop.Advance(TimeSpan.FromSeconds(10));
        Assert.That(fired, Is.EqualTo(10));
    }

    [Test]
    public void Advance_MovesTheClockOfTheLoop()
    {
        var loop = new ManualLoop();
        var (utc, stamp) = (loop.Time.GetUtcNow(), loop.Time.GetTimestamp());
        loop.Advance(TimeSpan.FromHours(1));
        Assert.That(loop.Time.GetUtcNow() - utc, Is.EqualTo(TimeSpan.FromHours(1)));
        Assert.That(loop.Time.GetElapsedTime(stamp), Is.EqualTo(TimeSpan.FromHours(1)));
    }

    [Test]
    public void Livelock_IsFound()
    {
        var loops = new ManualLoops { TurnLimit = 1_000 };
        loops.All[0].Post(Again, null);
        Assert.That(loops.RunUntilIdle, Throws.InvalidOperationException.With.Message.Contains("1000 turns"));

        void Again(object? _) => loops.All[0].Post(Again, null);
    }

    [Test]
    public void Await_ComesHomeToTheLoop()
    {
        var loops = new ManualLoops(2);
        var gate = new TaskCompletionSource();
        var home = false;
        loops.All[1].Run(() => _ = Waits());
        loops.All[0].Run(gate.SetResult);
        Assert.That(home);

        async Task Waits()
        {
            await gate.Task;
            home = loops.All[1].IsCurrent && !loops.All[0].IsCurrent;
        }
    }

    [Test]
    public void IsCurrent_InATurnOnlyOnTheLoopThatTurns()
    {
        var loops = new ManualLoops(2);
        Assert.That(loops.All.Select(l => l.IsCurrent), Is.All.True);
        var inside = new List<bool>();
        loops.All[1].Run(() => inside.AddRange(loops.All.Select(l => l.IsCurrent)));
        Assert.That(inside, Is.EqualTo(new[] { false, true }));
        var elsewhere = true;
        var thread = new Thread(() => elsewhere = loops.All[0].IsCurrent);
        thread.Start();
        thread.Join();
        Assert.That(elsewhere, Is.False);
    }

    [Test]
    public void Wait_BearsWorkThatComesBackFromAnotherThread()
    {
        var loop = new ManualLoop();
        var result = loop.Wait(async () =>
        {
            var done = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
            new Thread(() => loop.Post(_ => done.SetResult(42), null)).Start();
            return await done.Task;
        });
        Assert.That(result, Is.EqualTo(42));
    }

    [Test]
    public void Wait_GivesUpWhenNothingComes() =>
        Assert.That(() => new ManualLoop().Wait(() => new ValueTask(new TaskCompletionSource().Task), TimeSpan.FromMilliseconds(1)), Throws.TypeOf<TimeoutException>());

    [Test]
    public void ThrowingWork_FailsTheCallThatCranks()
    {
        var loop = new ManualLoop();
        Assert.That(() => loop.Run(() => throw new InvalidTimeZoneException()), Throws.TypeOf<InvalidTimeZoneException>());
        loop.RunUntilIdle();
    }

    [Test]
    public void Random_FollowsFromTheSeed()
    {
        var (first, second) = (Draw(), Draw());
        Assert.That(first, Is.EqualTo(second));
        Assert.That(first, Is.Unique);

        static int[] Draw() => [.. new ManualLoops(2, 7).All.Select(l => l.Random.Next())];
    }

    [Test]
    public void TimeOfLoops_IsNotMovedByOthers()
    {
        Assert.That(() => new ManualLoops().Time.Advance(TimeSpan.FromSeconds(1)), Throws.InvalidOperationException);
        var alone = new ManualTime();
        alone.Advance(TimeSpan.FromSeconds(1));
        Assert.That(alone.Milliseconds, Is.EqualTo(1_000));
    }
}
