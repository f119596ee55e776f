namespace Cmi;

public sealed partial class CmiEngine
{
    /// <summary>
    /// Lets go of the memory that loops and the buffer store keep for their next use; what is in use stays. It goes back to the system when the garbage
    /// collector runs, which is left to the host: a collector is of the whole process. Worth its price when a flood of clients has gone; what is needed
    /// afterwards is allocated anew.
    /// <para>Threading: any thread, while the engine runs or after it was stopped, but not when its transport was disposed.</para>
    /// </summary>
    /// <returns>Done when all loops have.</returns>
    public async Task TrimAsync()
    {
        foreach (var state in _loops) await OnLoop(state, static state => state.Trim());
    }
}
