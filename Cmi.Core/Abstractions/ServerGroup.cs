namespace Cmi;

/// <summary>
/// Servers that can answer the same requests, and how they are shared. <para>Threading: immutable, but for <see cref="Availability"/>; a change is a new one.</para>
/// </summary>
/// <param name="name">What logs and tickets call it.</param>
/// <param name="servers">The servers; at least one, none twice.</param>
/// <param name="selector">Who chooses among them.</param>
/// <param name="maxRequestsPerServer">Requests in flight at one server, exact over all loops; 0: no limit.</param>
/// <param name="maxConnectionsPerServer">Open connections to one server, exact over all loops; 0: no limit.</param>
/// <param name="availability">Which servers may be granted; by default all of them, until someone says otherwise.</param>
public sealed class ServerGroup(string name, IEnumerable<ServerAddress> servers, IServerSelector selector, int maxRequestsPerServer = 0, int maxConnectionsPerServer = 0,
    ServerAvailability? availability = null)
{
    private ServerAvailability? _availability = availability;

    /// <summary>What logs and tickets call it.</summary>
    public string Name { get; } = name;

    /// <summary>The servers, in the order given.</summary>
    public IReadOnlyList<ServerAddress> Servers { get; } = Check(servers);

    /// <summary>Who chooses among the servers.</summary>
    public IServerSelector Selector { get; } = selector ?? throw new ArgumentNullException(nameof(selector));

    /// <summary>Requests in flight at one server, exact over all loops.</summary>
    /// <value>0: no limit.</value>
    public int MaxRequestsPerServer { get; } = maxRequestsPerServer >= 0 ? maxRequestsPerServer : throw new ArgumentOutOfRangeException(nameof(maxRequestsPerServer));

    /// <summary>Open connections to one server, exact over all loops.</summary>
    /// <value>0: no limit.</value>
    public int MaxConnectionsPerServer { get; } = maxConnectionsPerServer >= 0 ? maxConnectionsPerServer : throw new ArgumentOutOfRangeException(nameof(maxConnectionsPerServer));

    /// <summary>Which servers may be granted at this moment. A queue follows it.</summary>
    public ServerAvailability Availability => _availability ?? Interlocked.CompareExchange(ref _availability, new(Servers.Count), null) ?? _availability;

    /// <summary>The same group with a selector of one's own.</summary>
    /// <param name="selector">Who chooses among the servers.</param>
    /// <returns>A group of the same servers, limits and availability.</returns>
    public ServerGroup WithSelector(IServerSelector selector) => new(Name, Servers, selector, MaxRequestsPerServer, MaxConnectionsPerServer, Availability);

    private static ServerAddress[] Check(IEnumerable<ServerAddress> servers)
    {
        var all = servers.ToArray();
        if (all.Length == 0) throw new ArgumentException("A server group needs at least one server.", nameof(servers));
        if (all.Distinct().Count() != all.Length) throw new ArgumentException("A server group names a server twice.", nameof(servers));
        return all;
    }
}
