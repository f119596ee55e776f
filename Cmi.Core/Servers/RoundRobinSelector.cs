namespace Cmi.Servers;

/// <summary>
/// Chooses the next server in turn, whatever its load. The turn is exact over all loops: after n × k choices among n servers, each was chosen k times,
/// as long as all of them have slots free.
/// <para>Make one per server group: the turn is its own. Threading: any thread, several at once.</para>
/// </summary>
public sealed class RoundRobinSelector : IServerSelector
{
    private Turn _turn = new();

    /// <inheritdoc/>
    public int Select(ReadOnlySpan<ServerLoad> candidates, in JobTicket ticket) => _turn.Take(candidates, load: null);
}
