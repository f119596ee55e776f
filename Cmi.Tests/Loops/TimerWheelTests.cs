using Cmi.Loops;
using Cmi.Tests.Harness;
using NUnit.Framework;

namespace Cmi.Tests.Loops;

public sealed class TimerWheelTests
{
    private readonly List<string> _fired = [];

    [SetUp]
    public void Forget() => _fired.Clear();

    private LoopTimer Named(string name) => new(_ => _fired.Add(name), null);

    [Test]
    public void Empty_HasNoDue()
    {
        var wheel = new TimerWheel(5);
        Assert.That(wheel.NextDue, Is.EqualTo(long.MaxValue));
        Assert.That(wheel.Advance(long.MaxValue), Is.Zero);
    }

    [Test]
    public void Set_FiresAtItsTimeAndNotBefore()
    {
        var wheel = new TimerWheel(1_000);
        var timer = Named("a");
        wheel.Set(timer, 1_100);
        Assert.That(timer.IsSet);
        Assert.That(wheel.Advance(1_099), Is.Zero);
        Assert.That(wheel.NextDue, Is.EqualTo(1_100));
        Assert.That(wheel.Advance(1_100), Is.EqualTo(1));
        Assert.That(timer.IsSet, Is.False);
        Assert.That(wheel.Count, Is.Zero);
    }

    [Test]
    public void SetAgain_Moves()
    {
        var wheel = new TimerWheel(0);
        var timer = Named("a");
        wheel.Set(timer, 10);
        wheel.Set(timer, 100_000);
        Assert.That(wheel.Count, Is.EqualTo(1));
        Assert.That(wheel.Advance(99_999), Is.Zero);
        Assert.That(wheel.Advance(100_000), Is.EqualTo(1));
    }

    [Test]
    public void PassedDue_FiresInTheNextAdvanceOnly()
    {
        var wheel = new TimerWheel(100);
        var timer = Named("a");
        wheel.Set(timer, 3);
        Assert.That(wheel.NextDue, Is.EqualTo(100));
        Assert.That(wheel.Advance(100), Is.EqualTo(1));
    }

    [Test]
    public void SetFromInsideWithPassedDue_WaitsForTheNextAdvance()
    {
        var wheel = new TimerWheel(0);
        var calls = 0;
        LoopTimer timer = null!;
        timer = new LoopTimer(_ => { calls++; wheel.Set(timer, 0); }, null);
        wheel.Set(timer, 1);
        Assert.That(wheel.Advance(50), Is.EqualTo(1));
        Assert.That(wheel.Advance(50), Is.EqualTo(1));
        Assert.That(calls, Is.EqualTo(2));
    }

    [Test]
    public void ClearFromInside_TakesOutOneThatIsDueToo()
    {
        var wheel = new TimerWheel(0);
        var (second, third) = (Named("second"), Named("third"));
        wheel.Set(new LoopTimer(_ => wheel.Clear(second), null), 10);
        wheel.Set(second, 10);
        wheel.Set(third, 11);
        Assert.That(wheel.Advance(20), Is.EqualTo(2));
        Assert.That(_fired, Is.EqualTo(new[] { "third" }));
        Assert.That(second.IsSet, Is.False);
    }

    [Test]
    public void MoveFromInside_PutsOffOneThatIsDueToo()
    {
        var wheel = new TimerWheel(0);
        var second = Named("second");
        wheel.Set(new LoopTimer(_ => wheel.Set(second, 30), null), 10);
        wheel.Set(second, 10);
        Assert.That(wheel.Advance(20), Is.EqualTo(1));
        Assert.That(wheel.Advance(30), Is.EqualTo(1));
    }

    [Test]
    public void ThrowingTimer_LeavesTheOthersSet()
    {
        var wheel = new TimerWheel(0);
        wheel.Set(new LoopTimer(_ => throw new InvalidTimeZoneException(), null), 1);
        wheel.Set(Named("after"), 2);
        Assert.That(() => wheel.Advance(5), Throws.TypeOf<InvalidTimeZoneException>());
        Assert.That(wheel.Count, Is.EqualTo(1));
        Assert.That(wheel.NextDue, Is.LessThanOrEqualTo(5));
        Assert.That(wheel.Advance(5), Is.EqualTo(1));
    }

    [Test]
    public void AdvanceFromInside_Throws()
    {
        var wheel = new TimerWheel(0);
        wheel.Set(new LoopTimer(_ => wheel.Advance(9), null), 1);
        Assert.That(() => wheel.Advance(1), Throws.InvalidOperationException);
    }

    [Test]
    public void TimerOfAnotherWheel_IsRefused()
    {
        var (one, other) = (new TimerWheel(0), new TimerWheel(0));
        var timer = Named("a");
        one.Set(timer, 5);
        Assert.That(() => other.Set(timer, 5), Throws.InvalidOperationException);
        Assert.That(() => other.Clear(timer), Throws.InvalidOperationException);
        Assert.That(one.Advance(5), Is.EqualTo(1));
        other.Set(timer, 5);
        Assert.That(other.Advance(5), Is.EqualTo(1));
    }

    [Test]
    public void BeyondTheTopLevel_FiresInTime([Values(1L << 36, (1L << 36) - 1, (5L << 40) + 3, long.MaxValue - 1, long.MaxValue)] long due)
    {
        var wheel = new TimerWheel(77);
        wheel.Set(Named("a"), due);
        for (var turns = 0; turns < 20 && wheel.NextDue < due; turns++)
            Assert.That(wheel.Advance(Math.Min(wheel.NextDue, due - 1)), Is.Zero);
        Assert.That(wheel.Advance(due - 1), Is.Zero);
        Assert.That(wheel.NextDue, Is.EqualTo(due));
        Assert.That(wheel.Advance(due), Is.EqualTo(1));
    }

    [Test]
    public void SteadyState_AllocatesNothing()
    {
        var wheel = new TimerWheel(0);
        var timers = Enumerable.Range(0, 100).Select(_ => new LoopTimer(_ => { }, null)).ToArray();
        var now = Run(0);
        Assert.That(Allocations.Least(() => now = Run(now)), Is.Zero);

        long Run(long from)
        {
            for (var round = 0; round < 50; round++, from += 997)
            {
                for (var i = 0; i < timers.Length; i++) wheel.Set(timers[i], from + (i * 131));
                wheel.Advance(from);
            }
            return from;
        }
    }

    /// <summary>Any script of setting, moving, clearing and advancing behaves as a list sorted by due time and then by the order of setting.</summary>
    [Test]
    public void RandomScript_AgreesWithASortedList([Range(1, 40)] int seed)
    {
        var random = new Random(seed);
        var now = random.NextInt64(1L << random.Next(1, 50));
        var wheel = new TimerWheel(now);
        var model = new Dictionary<int, (long Due, int Order)>();
        var (actual, expected) = (new List<int>(), new List<int>());
        var timers = Enumerable.Range(0, 60).Select(i => new LoopTimer(_ => actual.Add(i), null)).ToArray();
        for (var step = 0; step < 3_000; step++)
        {
            var i = random.Next(timers.Length);
            switch (random.Next(5))
            {
                case 0 or 1:
                    var due = now - 5 + random.NextInt64(1L << random.Next(1, 42));
                    wheel.Set(timers[i], due);
                    model[i] = (Math.Max(due, now), step);
                    break;
                case 2:
                    wheel.Clear(timers[i]);
                    model.Remove(i);
                    break;
                default:
                    now += random.Next(3) == 0 ? Math.Max(0, Math.Min(wheel.NextDue, now + (1L << 41)) - now) : random.NextInt64(1L << random.Next(1, 34));
                    var due2 = model.Where(t => t.Value.Due <= now).OrderBy(t => t.Value).Select(t => t.Key).ToArray();
                    expected.AddRange(due2);
                    foreach (var key in due2) model.Remove(key);
                    Assert.That(wheel.Advance(now), Is.EqualTo(due2.Length));
                    break;
            }
            Assert.That(wheel.Count, Is.EqualTo(model.Count));
            Assert.That(wheel.NextDue, model.Count == 0 ? Is.EqualTo(long.MaxValue) : Is.LessThanOrEqualTo(model.Values.Min().Due));
            Assert.That(timers[i].IsSet, Is.EqualTo(model.ContainsKey(i)));
        }
        Assert.That(actual, Is.EqualTo(expected));
        Assert.That(actual, Is.Not.Empty);
    }
}
