using Cmi.Servers;
using Cmi.Testing;

namespace Cmi.Tests.Servers;

public sealed class ConnectionSlotsTests
{
    private readonly ManualLoop _loop = new();
    private int _reclaims;

    [Test]
    public void NoLimit_NobodyWaits()
    {
        var slots = new ConnectionSlots(0, maxIdle: 0);
        for (var i = 0; i < 100; i++) Assert.That(Ask(slots).IsCompletedSuccessfully);
        Assert.That((slots.Open, slots.IsWanted), Is.EqualTo((100, false)));
    }

    [Test]
    public void LimitIsReached_TheNextWaitsAndIdleOnesAreReclaimed()
    {
        var slots = new ConnectionSlots(2, maxIdle: 0);
        _ = Ask(slots);
        _ = Ask(slots);
        Assert.That(_reclaims, Is.Zero);
        var third = Ask(slots);
        Assert.That((third.IsCompleted, slots.Open, slots.IsWanted, _reclaims), Is.EqualTo((false, 2, true, 1)));
        _loop.Run(slots.Release);
        Assert.That((third.IsCompletedSuccessfully, slots.Open, slots.IsWanted), Is.EqualTo((true, 2, false)));
    }

    [Test]
    public void SeveralWait_TheyAreServedInTurn()
    {
        var slots = new ConnectionSlots(1, maxIdle: 0);
        _ = Ask(slots);
        var (second, third) = (Ask(slots), Ask(slots));
        _loop.Run(slots.Release);
        Assert.That((second.IsCompleted, third.IsCompleted), Is.EqualTo((true, false)));
        _loop.Run(slots.Release);
        Assert.That(third.IsCompletedSuccessfully);
        _loop.Run(slots.Release);
        Assert.That(slots.Open, Is.Zero);
    }

    [Test]
    public void WaiterGivesUp_TheNextOneIsServed()
    {
        var slots = new ConnectionSlots(1, maxIdle: 0);
        using var cancel = new CancellationTokenSource();
        _ = Ask(slots);
        var (second, third) = (Ask(slots, cancel.Token), Ask(slots));
        _loop.Run(cancel.Cancel);
        Assert.That(second.IsCanceled);
        _loop.Run(slots.Release);
        Assert.That((third.IsCompletedSuccessfully, slots.Open), Is.EqualTo((true, 1)));
    }

    [Test]
    public void SlotCrossesTheGivingUp_ItIsNotLost()
    {
        var slots = new ConnectionSlots(1, maxIdle: 0);
        using var cancel = new CancellationTokenSource();
        _ = Ask(slots);
        var second = Ask(slots, cancel.Token);
        _loop.Run(slots.Release);
        _loop.Run(cancel.Cancel);
        Assert.That((second.IsCompletedSuccessfully, slots.Open), Is.EqualTo((true, 1)), "granted first: whoever asked gives it back");
        _loop.Run(slots.Release);
        Assert.That(Ask(slots).IsCompletedSuccessfully);
    }

    [Test]
    public void TokenIsCancelledAlready_NothingIsTaken()
    {
        var slots = new ConnectionSlots(1, maxIdle: 0);
        _ = Ask(slots);
        Assert.That(Ask(slots, new CancellationToken(canceled: true)).IsCanceled);
        Assert.That((slots.Open, slots.IsWanted), Is.EqualTo((1, false)));
    }

    private Task Ask(ConnectionSlots slots, CancellationToken cancellationToken = default)
    {
        Task asked = null!;
        _loop.Run(() => asked = slots.AcquireAsync(() => _reclaims++, cancellationToken).AsTask());
        return asked;
    }
}
