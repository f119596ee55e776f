namespace Cmi.Tests.Harness;

/// <summary>What a piece of work allocates on the managed heap, by the count of its own thread.</summary>
internal static class Allocations
{
    private const int Rounds = 5;

    /// <summary>
    /// The bytes of the leanest of a few rounds. What the work allocates it allocates in each; what the runtime does for itself on this thread, such as loading
    /// a type when a method is compiled anew, it does once.
    /// </summary>
    public static long Least(Action work)
    {
        var least = long.MaxValue;
        for (var round = 0; round < Rounds; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            work();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        return least;
    }
}
