using Cmi.Tests.Engine.Soak;
using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine;

/// <summary>
/// Random clients, servers, fragments and faults against the whole engine. Each request gets exactly one reply, in order, byte for byte that of one attempt; or
/// a reply of the engine's own; or a visibly broken connection, where a reply had begun to leave. A seed repeats its run exactly.
/// </summary>
public sealed class EngineSoakTests
{
    private const int Groups = 10, SeedsOfGroup = 20;

    [TestCaseSource(nameof(FixedGroups))]
    public Task EverySeed_IsAnsweredRight(int group) => RunAsync(group * SeedsOfGroup, SeedsOfGroup);

    [Test]
    [Category("Slow")]
    public Task ManySeeds_AreAnsweredRight() => RunAsync(1000, 5000);

    [TestCaseSource(nameof(FixedGroups))]
    public Task OverTiersThatFail_EverySeedIsAnsweredRight(int group) => RunAsync(group * SeedsOfGroup, SeedsOfGroup, isTiered: true);

    [Test]
    [Category("Slow")]
    public Task OverTiersThatFail_ManySeedsAreAnsweredRight() => RunAsync(1000, 3000, isTiered: true);

    /// <summary>For a seed that failed: <c>dotnet test --filter OneSeed -- 'TestRunParameters.Parameter(name="seed",value="17")'</c>.</summary>
    [Test]
    [Explicit]
    public Task OneSeed_IsAnsweredRight() => RunAsync(TestContext.Parameters.Get("seed", 0), 1);

    private static IEnumerable<int> FixedGroups => Enumerable.Range(0, Groups);

    private static async Task RunAsync(int first, int count, bool isTiered = false)
    {
        for (var seed = first; seed < first + count; seed++)
        {
            var plan = new SoakPlan(seed, isTiered);
            var run = new SoakRun(plan);
            try
            {
                run.Run();
                await run.DisposeAsync();                           // not after a failure, which it would hide behind what that left
            }
            catch (Exception e)
            {
                Assert.Fail($"Seed {seed}: {e.Message}\n{plan}\n{run}\n{e.StackTrace}");
            }
        }
    }
}
