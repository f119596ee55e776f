using Cmi.Health;
using Cmi.Servers;

namespace Cmi.Tests.Health;

public sealed class GroupHealthTests
{
    private static readonly ServerAddress A = new(AddressKind.Tcp, "10.0.0.1", 80), B = new(AddressKind.Tcp, "10.0.0.2", 80), C = new(AddressKind.Tcp, "10.0.0.3", 80);

    private readonly Random _random = new(1);
    private ServerGroup _group = null!;                             // the one that was made last

    [Test]
    public void ConnectFails_TheServerIsOutUntilAProbeSucceeds()
    {
        var (health, usable) = Make();
        Fail(health, A, ServerFailure.Connect, now: 100);
        Assert.That(usable(), Is.EqualTo(new[] { 1, 2 }));
        var due = health.ProbeDue(health.Members[0], out var ask);
        Assert.That(due, Is.InRange(1_100, 1_200), "a second, and a tenth by chance");
        Assert.That(ask, Is.False, "a connect will do");
        health.Probed(health.Members[0], succeeded: false, isCheck: false, answered: false, due, _random);
        Assert.That(usable(), Is.EqualTo(new[] { 1, 2 }));
        due = health.ProbeDue(health.Members[0], out _);
        health.Probed(health.Members[0], succeeded: true, isCheck: false, answered: false, due, _random);
        Assert.That(usable(), Is.EqualTo(new[] { 0, 1, 2 }));
        Assert.That(health.ProbeDue(health.Members[0], out _), Is.EqualTo(long.MaxValue));
    }

    [Test]
    public void FailuresInARow_PutTheServerOut()
    {
        var (health, usable) = Make(o => o.FailureShare = 0);
        for (var i = 0; i < 4; i++) Fail(health, B, ServerFailure.Broken, now: i);
        health.Succeeded(B, loop: 1, startedAt: 4, now: 5);
        for (var i = 0; i < 4; i++) Fail(health, B, ServerFailure.Broken, now: 10 + i);
        Assert.That(usable(), Is.EqualTo(new[] { 0, 1, 2 }), "a whole reply came in between");
        Fail(health, B, ServerFailure.Broken, now: 20);
        Assert.That(usable(), Is.EqualTo(new[] { 0, 2 }));
    }

    [TestCase(HealthProbeKind.Connect)]
    [TestCase(HealthProbeKind.Ask)]
    public void EjectedServerAccepts_IsOnTrialUnlessItWasAsked(HealthProbeKind probe)
    {
        var (health, usable) = Make(o => o.Probe = probe);
        for (var i = 0; i < 5; i++) Fail(health, B, ServerFailure.Broken, now: 0);
        var due = health.ProbeDue(health.Members[1], out var ask);
        Assert.That(ask, Is.EqualTo(probe == HealthProbeKind.Ask));
        health.Probed(health.Members[1], succeeded: true, isCheck: false, answered: ask, due, _random);
        Assert.That(usable(), Is.EqualTo(new[] { 0, 1, 2 }));
        Assert.That(_group.Availability.Now.MostOf(1), Is.EqualTo(ask ? int.MaxValue : 1));
        if (ask) return;
        Fail(health, B, ServerFailure.Broken, due);
        Assert.That(usable(), Is.EqualTo(new[] { 0, 2 }), "one failure is enough");
        Assert.That(health.ProbeDue(health.Members[1], out _) - due, Is.InRange(2000, 2200));
        health.Probed(health.Members[1], succeeded: true, isCheck: false, answered: false, due + 2200, _random);
        health.Succeeded(B, loop: 0, startedAt: due + 2200, due + 2300);
        Assert.That(_group.Availability.Now.MostOf(1), Is.EqualTo(int.MaxValue));
    }

    // A process that dies again and again breaks many replies before anybody is refused: that it accepts once more must be found out as soon as ever.
    [Test]
    public void EjectedForLong_ThenRefuses_IsProbedWithinASecond()
    {
        var (health, usable) = Make();
        var now = 0L;
        for (var ejections = 0; ejections < 4; ejections++)
        {
            for (var i = 0; i < 5; i++) Fail(health, B, ServerFailure.Broken, now);
            now = health.ProbeDue(health.Members[1], out _);
            health.Probed(health.Members[1], succeeded: true, isCheck: false, answered: true, now, _random);
        }
        for (var i = 0; i < 5; i++) Fail(health, B, ServerFailure.Broken, now);
        Assert.That(health.ProbeDue(health.Members[1], out _) - now, Is.GreaterThanOrEqualTo(16_000), "it is out for long");

        Fail(health, B, ServerFailure.Connect, now);

        Assert.That(health.ProbeDue(health.Members[1], out _) - now, Is.InRange(1_000, 1_100));
        health.Probed(health.Members[1], succeeded: true, isCheck: false, answered: false, now + 1_100, _random);
        Assert.That(usable(), Is.EqualTo(new[] { 0, 1, 2 }));
    }

    [Test]
    public void OnTrialAlone_IsNotBounded()
    {
        var (health, usable) = Make();
        foreach (var server in new[] { A, C }) Fail(health, server, ServerFailure.Connect, now: 0);
        for (var i = 0; i < 5; i++) Fail(health, B, ServerFailure.Broken, now: 0);
        health.Probed(health.Members[1], succeeded: true, isCheck: false, answered: false, now: 2_000, _random);
        Assert.That(usable(), Is.EqualTo(new[] { 1 }));
        Assert.That(_group.Availability.Now.MostOf(1), Is.EqualTo(int.MaxValue));
    }

    [TestCase(10, true)]
    [TestCase(11, false)]
    public void ShareOfFailures_PutsTheServerOut(int replies, bool isOut)
    {
        var (health, usable) = Make(o => (o.Failures, o.FailureShare, o.FailureShareRequests) = (1000, 0.5, 20));
        Fail(health, A, ServerFailure.Broken, now: 1_000);
        for (var i = 0; i < replies; i++) health.Succeeded(A, i % 2, 1_000, 1_000);
        for (var i = 0; i < 9; i++) Fail(health, A, ServerFailure.Broken, now: 2_000);
        Assert.That(!usable().Contains(0), Is.EqualTo(isOut));
    }

    [TestCase(500, false)]
    [TestCase(999, false)]
    [TestCase(1_001, true)]
    public void Silence_PutsOutOnlyWhoSaidNothingToAnyone(long startedAt, bool isOut)
    {
        var (health, usable) = Make();
        health.Succeeded(A, loop: 0, startedAt: 900, now: 1_000);
        health.Failed(A, ServerFailure.Silence, startedAt, now: 61_000, _random);
        Assert.That(!usable().Contains(0), Is.EqualTo(isOut));
    }

    [Test]
    public void PutOutAgainAndAgain_TheTimeGrowsToItsBoundAndBeginsAnewAfterAGoodWhile()
    {
        var (health, _) = Make();
        var now = 0L;
        foreach (var seconds in new[] { 1, 2, 4, 8, 16, 32, 60, 60 })
        {
            for (var i = 0; i < 5; i++) Fail(health, A, ServerFailure.Broken, now);
            var due = health.ProbeDue(health.Members[0], out _);
            Assert.That(due - now, Is.InRange(seconds * 1000, seconds * 1100));
            health.Probed(health.Members[0], succeeded: true, isCheck: false, answered: true, due, _random);
            now = due + 1_000;
        }
        now += 60_000;
        for (var i = 0; i < 5; i++) Fail(health, A, ServerFailure.Broken, now);
        Assert.That(health.ProbeDue(health.Members[0], out _) - now, Is.InRange(1000, 1100));
    }

    [Test]
    public void AllAreOut_TheLeastBadAreUsed()
    {
        var (health, usable) = Make();
        Fail(health, A, ServerFailure.Connect, now: 0);
        for (var i = 0; i < 5; i++) Fail(health, B, ServerFailure.Broken, now: 0);
        Fail(health, C, ServerFailure.Connect, now: 0);
        Assert.That(usable(), Is.EqualTo(new[] { 1 }), "it accepts connections");
        Fail(health, B, ServerFailure.Connect, now: 1);
        Assert.That(usable(), Is.EqualTo(new[] { 0, 1, 2 }));
    }

    [Test]
    public void AllAreOut_AReplyToWhatWasAskedSinceBringsItsServerBack()
    {
        var (health, usable) = Make();
        foreach (var server in new[] { A, B, C }) Fail(health, server, ServerFailure.Connect, now: 1_000);
        health.Succeeded(B, loop: 0, startedAt: 999, now: 1_001);
        Assert.That(usable(), Is.EqualTo(new[] { 0, 1, 2 }), "that was asked before");
        Fail(health, B, ServerFailure.Broken, now: 1_002);
        health.Succeeded(B, loop: 0, startedAt: 1_003, now: 1_004);
        Assert.That(usable(), Is.EqualTo(new[] { 1 }));
    }

    [Test]
    public void ShareOfEjected_IsBounded()
    {
        var (health, usable) = Make(o => o.MaxEjectedShare = 0.34);
        for (var i = 0; i < 5; i++) Fail(health, A, ServerFailure.Broken, now: 0);
        for (var i = 0; i < 50; i++) Fail(health, B, ServerFailure.Broken, now: 0);
        Assert.That(usable(), Is.EqualTo(new[] { 1, 2 }), "one of three");
        Fail(health, C, ServerFailure.Connect, now: 0);
        Assert.That(usable(), Is.EqualTo(new[] { 1 }), "one that cannot be connected to does not count");
    }

    [Test]
    public void NoneMayBeEjected_NoneIs()
    {
        var (health, usable) = Make(o => o.MaxEjectedShare = 0);
        Fail(health, A, ServerFailure.Connect, now: 0);
        Assert.That(usable(), Is.EqualTo(new[] { 0, 1, 2 }));
    }

    [Test]
    public void SlowStart_TheShareGrowsByTenths()
    {
        var (health, _) = Make(o => o.SlowStart = TimeSpan.FromSeconds(10));
        Fail(health, A, ServerFailure.Connect, now: 0);
        health.Probed(health.Members[0], succeeded: true, isCheck: false, answered: false, now: 2_000, _random);
        foreach (var (now, share) in new[] { (2_000L, 100), (4_000L, 200), (11_000L, 900), (12_000L, 1000) })
        {
            health.Step(now);
            Assert.That(_group.Availability.Now.Shares?[0] ?? 1000, Is.EqualTo(share));
        }
        Assert.That(health.StepDue(12_000), Is.EqualTo(long.MaxValue));
        Assert.That(_group.Availability.Now.Shares, Is.Null);
    }

    [Test]
    public void SlowStart_EachStepIsDue()
    {
        var (health, _) = Make(o => o.SlowStart = TimeSpan.FromMilliseconds(333));
        Fail(health, A, ServerFailure.Connect, now: 0);
        health.Probed(health.Members[0], succeeded: true, isCheck: false, answered: false, now: 2_000, _random);
        var steps = 0;
        for (var now = 2_000L; (now = health.StepDue(now)) != long.MaxValue; steps++)
        {
            Assert.That(now, Is.LessThanOrEqualTo(2_333));
            health.Step(now);
        }
        Assert.That(steps, Is.EqualTo(10));
    }

    [Test]
    public void ActiveChecks_PutOutAndBringBackAtTheirThresholds()
    {
        var (health, usable) = Make(o => o.Path = "/health");
        foreach (var (succeeds, isOut) in new[] { (false, false), (false, false), (true, false), (false, false), (false, false), (false, true), (true, true), (false, true), (true, true), (true, false) })
        {
            health.Probed(health.Members[1], succeeds, isCheck: true, answered: true, now: 0, _random);
            Assert.That(!usable().Contains(1), Is.EqualTo(isOut));
        }
    }

    [Test]
    public void TakenOutByHand_IsNotUsedEvenIfAllOthersFail()
    {
        var (health, usable) = Make();
        health.TrySetState(A, ServerState.Drain);
        health.TrySetState(B, ServerState.Maintenance);
        Assert.That(usable(), Is.EqualTo(new[] { 2 }));
        Fail(health, C, ServerFailure.Connect, now: 0);
        Assert.That(usable(), Is.EqualTo(new[] { 2 }));
        health.TrySetState(C, ServerState.Drain);
        Assert.That(usable(), Is.Empty);
        health.TrySetState(A, ServerState.Active);
        Assert.That(usable(), Is.EqualTo(new[] { 0 }));
        Assert.That(health.TrySetState(new(AddressKind.Tcp, "10.0.0.9", 80), ServerState.Drain), Is.False);
    }

    [Test]
    public void Maintenance_IsNotLookedAt()
    {
        var (health, _) = Make(o => o.Path = "/health");
        Fail(health, A, ServerFailure.Connect, now: 0);
        Assert.That(health.IsChecked(health.Members[0]) && health.ProbeDue(health.Members[0], out _) < long.MaxValue);
        health.TrySetState(A, ServerState.Maintenance);
        Assert.That(health.IsChecked(health.Members[0]) || health.ProbeDue(health.Members[0], out _) < long.MaxValue, Is.False);
    }

    [Test]
    public void ManyThreads_CountsAreExactAndWhatIsPublishedIsInForce()
    {
        var (health, usable) = Make();
        Parallel.For(0, 2, loop =>
        {
            var random = new Random(loop);
            for (var i = 0; i < 20_000; i++)
            {
                health.Succeeded(A, loop, i, i);
                if (i % 100 != 0) continue;
                health.Failed(B, ServerFailure.Connect, i, i, random);
                health.Probed(health.Members[1], succeeded: true, isCheck: false, answered: false, long.MaxValue / 2, random);
            }
        });
        var described = health.Describe();
        Assert.That(described[0].Replies, Is.EqualTo(40_000));
        Assert.That(described[1].Failures, Is.EqualTo(400));
        Assert.That(described.Select((server, i) => server.IsUsable ? i : -1).Where(i => i >= 0), Is.EqualTo(usable()));
    }

    [Test]
    public void GroupChanges_WhatIsKnownOfServersThatStayIsKept()
    {
        var (health, _) = Make();
        Fail(health, A, ServerFailure.Connect, now: 0);
        Fail(health, B, ServerFailure.Connect, now: 0);
        health.TrySetState(C, ServerState.Drain);
        var other = new ServerGroup("g", [new(AddressKind.Tcp, "10.0.0.4", 80), C, B with { }], new LeastJobsSelector());
        health.Change(other, new(new HealthOptions()));
        Assert.That(other.Availability.Usable.ToArray(), Is.EqualTo(new[] { 0 }));
        Assert.That(health.Describe().Select(server => server.Condition), Is.EqualTo(new[] { ServerCondition.Healthy, ServerCondition.Healthy, ServerCondition.Unreachable }));
        health.Probed(health.Members[2], succeeded: true, isCheck: false, answered: false, now: 5_000, _random);
        Assert.That(other.Availability.Usable.ToArray(), Is.EqualTo(new[] { 0, 2 }));
        Assert.DoesNotThrow(() => Fail(health, A, ServerFailure.Connect, now: 6_000), "it is not of the group any more");
    }

    private (GroupHealth Health, Func<int[]> Usable) Make(Action<HealthOptions>? configure = null)
    {
        var options = new HealthOptions();
        configure?.Invoke(options);
        var group = _group = new ServerGroup("g", [A, B, C], new LeastJobsSelector());
        var health = new GroupHealth(group, new(options), loops: 2);
        return (health, () => group.Availability.Usable.ToArray());
    }

    private void Fail(GroupHealth health, ServerAddress server, ServerFailure failure, long now) => health.Failed(server, failure, startedAt: now, now, _random);
}
