namespace Cmi.Servers;

/// <summary>
/// Chooses the server with the fewest requests in flight, and among equals the next in turn, so that equal servers share evenly.
/// <para>Make one per server group: the turn is its own. Threading: any thread, several at once.</para>
/// </summary>
public sealed class LeastJobsSelector : IServerSelector
{
    private Turn _turn = new();

    /// <inheritdoc/>
    public int Select(ReadOnlySpan<ServerLoad> candidates, in JobTicket ticket)
    {
        var least = int.MaxValue;
        foreach (ref readonly var candidate in candidates) least = Math.Min(least, candidate.InFlight);
        return _turn.Take(candidates, least);
    }
}
