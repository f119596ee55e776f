using Cmi.Servers;
using NUnit.Framework;

namespace Cmi.Tests.Servers;

[TestFixture]
public sealed class SelectorTests
{
    [Test]
    public void LeastJobs_FewestInFlightIsChosen()
    {
        var selector = new LeastJobsSelector();
        for (var i = 0; i < 5; i++) Assert.That(selector.Select(Loads(3, 1, 2), default), Is.EqualTo(1));
    }

    [Test]
    public void LeastJobs_EqualsTakeTurns()
    {
        var selector = new LeastJobsSelector();
        Assert.That(Choices(selector, 6, Loads(0, 0, 5, 0)), Is.EqualTo(new[] { 0, 1, 3, 0, 1, 3 }));
    }

    [Test]
    public void LeastJobs_ChoiceIsAPlaceAmongTheCandidates()
    {
        ServerLoad[] candidates = [new(4, 2, 0), new(7, 1, 0), new(9, 1, 0)];
        Assert.That(Choices(new LeastJobsSelector(), 3, candidates), Is.EqualTo(new[] { 1, 2, 1 }));
    }

    [Test]
    public void RoundRobin_IsExactAndHeedsNoLoad()
    {
        Assert.That(Choices(new RoundRobinSelector(), 7, Loads(9, 0, 4)), Is.EqualTo(new[] { 0, 1, 2, 0, 1, 2, 0 }));
    }

    [Test]
    public void RoundRobin_CandidatesChange_TheTurnGoesOnBehindTheLast()
    {
        var selector = new RoundRobinSelector();
        Assert.That(selector.Select([new(0, 0, 0), new(1, 0, 0), new(2, 0, 0)], default), Is.Zero);
        Assert.That(selector.Select([new(0, 0, 0), new(2, 0, 0)], default), Is.EqualTo(1), "1 has no slot: it is 2's turn");
        Assert.That(selector.Select([new(0, 0, 0), new(1, 0, 0), new(2, 0, 0)], default), Is.Zero);
    }

    [Test]
    public async Task SeveralThreads_TurnsAreExact([Values] bool roundRobin)
    {
        IServerSelector selector = roundRobin ? new RoundRobinSelector() : new LeastJobsSelector();
        var chosen = new int[3];
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 30_000; i++) Interlocked.Increment(ref chosen[selector.Select(Loads(1, 1, 1), default)]);
        })));
        Assert.That(chosen, Is.All.EqualTo(40_000));
    }

    private static ServerLoad[] Loads(params int[] inFlight) => [.. inFlight.Select((count, index) => new ServerLoad(index, count, 0))];

    private static int[] Choices(IServerSelector selector, int count, ServerLoad[] candidates) =>
        [.. Enumerable.Range(0, count).Select(_ => selector.Select(candidates, default))];
}
