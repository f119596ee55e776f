namespace Cmi.Engine;

/// <summary>
/// What the engine works by: its settings, its server groups, and the routes to them. A change is a new one, which each loop takes over between two turns;
/// exchanges that have begun keep the route that they have. <para>Threading: immutable.</para>
/// </summary>
/// <param name="settings">What holds for the whole engine.</param>
/// <param name="groups">The server groups.</param>
/// <param name="route">The route of all requests.</param>
/// <param name="unrouted">What requests get that are refused before their route is known.</param>
internal sealed class EngineConfiguration(EngineSettings settings, IReadOnlyList<ActiveGroup> groups, Route route, Route unrouted)
{
    public EngineSettings Settings => settings;
    public IReadOnlyList<ActiveGroup> Groups => groups;

    /// <summary>What requests get that are refused before their route is known.</summary>
    public Route Unrouted => unrouted;

    /// <summary>Finds the route of a request whose head has arrived.</summary>
    public Route RouteOf(Messages.RequestHead head) => route;
}
