using Cmi.Health;

namespace Cmi.Tests.Health;

public sealed class RetryBudgetTests
{
    [Test]
    public void NothingIsAsked_TheMinimumIsThere()
    {
        var budget = new RetryBudget(loops: 2, share: 0.2, minimumPerSecond: 1);
        Assert.That(Spend(budget, now: 1_000, most: 100), Is.EqualTo(10), "one a second, for ten seconds");
        Assert.That(budget.Refused, Is.EqualTo(1));
    }

    [Test]
    public void RequestsOfAllLoops_GiveTheirShare()
    {
        var budget = new RetryBudget(loops: 2, share: 0.2, minimumPerSecond: 0);
        Assert.That(budget.TrySpend(0), Is.False);
        for (var i = 0; i < 50; i++) budget.Count(i % 2, now: 1_000);
        Assert.That(Spend(budget, now: 1_000, most: 100), Is.EqualTo(10));
    }

    [TestCase(4_999, 10)]
    [TestCase(9_999, 10)]
    [TestCase(10_000, 0)]
    [TestCase(50_000, 0)]
    public void RequestsGrowOld_TheirShareGoes(long now, int left)
    {
        var budget = new RetryBudget(loops: 1, share: 1, minimumPerSecond: 0);
        for (var i = 0; i < 10; i++) budget.Count(0, now: 2_000);
        Assert.That(Spend(budget, now, most: 100), Is.EqualTo(left));
    }

    [Test]
    public void TimePasses_WhatWasSpentIsThereAgain()
    {
        var budget = new RetryBudget(loops: 1, share: 0, minimumPerSecond: 1);
        Assert.That(Spend(budget, now: 0, most: 100), Is.EqualTo(10));
        Assert.That(budget.TrySpend(9_999), Is.False);
        Assert.That(Spend(budget, now: 10_000, most: 100), Is.EqualTo(10));
    }

    [Test]
    public void GivenBack_IsThereForAnother()
    {
        var budget = new RetryBudget(loops: 1, share: 0, minimumPerSecond: 1);
        for (var i = 0; i < 100; i++)
        {
            Assert.That(budget.TrySpend(0));
            budget.GiveBack(0);
        }
        Assert.That(Spend(budget, now: 0, most: 100), Is.EqualTo(10));
    }

    private static int Spend(RetryBudget budget, long now, int most) => Enumerable.Range(0, most).TakeWhile(_ => budget.TrySpend(now)).Count();
}
