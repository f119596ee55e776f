namespace Cmi.Queues;

/// <summary>A server with its requests in flight; the same object as long as the server is known. <para>Threading: any thread.</para></summary>
internal sealed class QueuedServer(ServerAddress address)
{
    public readonly ServerAddress Address = address;
    public InFlightCounter InFlight;
}

/// <summary>The servers of a group as a queue has them at a time, who chooses among them, and which may be chosen. <para>Threading: immutable.</para></summary>
internal sealed class QueuedServers(QueuedServer[] servers, IServerSelector selector, ServerAvailability availability)
{
    public readonly QueuedServer[] Servers = servers;
    public readonly IServerSelector Selector = selector;
    public readonly ServerAvailability Availability = availability;

    /// <summary>Whether a server that may be chosen has a slot free at this moment.</summary>
    public bool HasSlot(int server, ServerAvailability.Snapshot available, out int inFlight, out int limit) =>
        Servers[server].InFlight.HasSlot(out inFlight, out limit) && inFlight < available.MostOf(server);

    /// <summary>
    /// Lists the usable servers that are not to be avoided. If none is left: those that are out and have not failed this ticket, for they may be better by now; if
    /// there is none of these either, all usable ones.
    /// </summary>
    public int Usable(ServerSet avoid, Span<int> into)
    {
        var available = Availability.Now;
        var count = Without(avoid, available.Usable, into);
        if (count == 0 && available.Usable.Length > 0) count = Without(avoid, available.Reserve, into);
        if (count > 0) return count;
        available.Usable.CopyTo(into);
        return available.Usable.Length;
    }

    private int Without(ServerSet avoid, int[] servers, Span<int> into)
    {
        var count = 0;
        foreach (var server in servers)
        {
            if (!avoid.Contains(Servers[server].Address)) into[count++] = server;
        }
        return count;
    }
}
