namespace Cmi.Queues;

/// <summary>A server with its requests in flight; the same object as long as the server is known. <para>Threading: any thread.</para></summary>
internal sealed class QueuedServer(ServerAddress address)
{
    public readonly ServerAddress Address = address;
    public InFlightCounter InFlight;
}

/// <summary>The servers of a group as a queue has them at a time, and who chooses among them. <para>Threading: immutable.</para></summary>
internal sealed class QueuedServers(QueuedServer[] servers, IServerSelector selector)
{
    public readonly QueuedServer[] Servers = servers;
    public readonly IServerSelector Selector = selector;
    public readonly int[] All = [.. Enumerable.Range(0, servers.Length)];

    /// <summary>Lists the servers that are not to be avoided, or all of them if none would be left.</summary>
    public int Usable(ServerSet avoid, Span<int> into)
    {
        var count = 0;
        for (var i = 0; i < Servers.Length; i++)
        {
            if (!avoid.Contains(Servers[i].Address)) into[count++] = i;
        }
        if (count > 0) return count;
        All.CopyTo(into);
        return All.Length;
    }
}
