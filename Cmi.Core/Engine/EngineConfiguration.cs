using Cmi.Messages;
using Cmi.Routing;

namespace Cmi.Engine;

/// <summary>
/// What the engine works by: its settings, its server groups, and the routes to them. A change is a new one, which each loop takes over between two turns;
/// exchanges that have begun keep the route that they have. <para>Threading: immutable.</para>
/// </summary>
internal sealed class EngineConfiguration
{
    private readonly RouteTable _routes;

    /// <summary>Reads options that have no faults.</summary>
    /// <param name="options">The options.</param>
    /// <param name="groups">The server groups that they name.</param>
    public EngineConfiguration(CmiOptions options, IReadOnlyList<ActiveGroup> groups)
    {
        (Settings, Groups) = (new(options), groups);
        var settings = new RouteSettings(options);
        var rules = options.Routes.Select(route => new RouteRule(new(route.Name, new(route.Own), Find(route.Group)), HostOf(route), route.PathPrefix)).ToList();
        // What no route takes goes to the default group, if it has servers.
        if (Find(CmiOptions.DefaultName) is { } servers && !options.Routes.Any(route => route.IsCatchAll))
            rules.Add(new(new(CmiOptions.DefaultName, settings, servers), Host: null, PathPrefix: null));
        Unrouted = new("", settings, group: null, refusal: 404);
        _routes = new(rules, Unrouted, misdirected: new("", settings, group: null, refusal: 421));
    }

    public EngineSettings Settings { get; }
    public IReadOnlyList<ActiveGroup> Groups { get; }
    public IReadOnlyList<Route> Routes => _routes.Routes;

    /// <summary>What requests get that are refused before their route is known.</summary>
    public Route Unrouted { get; }

    /// <summary>Finds the route of a request whose head has arrived.</summary>
    public Route RouteOf(RequestHead head) => _routes.Find(head);

    /// <summary>Finds a group; names are the same whatever their case.</summary>
    public ActiveGroup? Find(string group)
    {
        foreach (var known in Groups)
        {
            if (known.Name.Equals(group, StringComparison.OrdinalIgnoreCase)) return known;
        }
        return null;
    }

    private static HostPattern? HostOf(RouteOptions route) => route.Host is { } text && HostPattern.TryParse(text, out var host) ? host : null;
}
