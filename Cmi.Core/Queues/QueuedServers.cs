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

    /// <summary>Lists the usable servers that are not to be avoided, or all usable ones if none would be left.</summary>
    public int Usable(ServerSet avoid, Span<int> into)
    {
        var usable = Availability.Now.Usable;
        var count = 0;
        foreach (var server in usable)
        {
            if (!avoid.Contains(Servers[server].Address)) into[count++] = server;
        }
        if (count > 0) return count;
        usable.CopyTo(into);
        return usable.Length;
    }
}
