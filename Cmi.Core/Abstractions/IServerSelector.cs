namespace Cmi;

/// <summary>A server that could take a request now.</summary>
/// <param name="Index">Its place in <see cref="ServerGroup.Servers"/>.</param>
/// <param name="InFlight">Requests that it has in flight, over all loops.</param>
/// <param name="Limit">The most it may have; 0: no limit.</param>
public readonly record struct ServerLoad(int Index, int InFlight, int Limit);

/// <summary>Chooses the server for a request; nothing else does. <para>Threading: any thread, several at once.</para></summary>
public interface IServerSelector
{
    /// <summary>Chooses among the servers that have a slot free.</summary>
    /// <param name="candidates">At least one, in the order of the group.</param>
    /// <param name="ticket">Who asks.</param>
    /// <returns>The place of the choice in <paramref name="candidates"/>.</returns>
    int Select(ReadOnlySpan<ServerLoad> candidates, in JobTicket ticket);
}
