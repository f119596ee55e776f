namespace Cmi;

/// <summary>
/// All settings of the engine; the configuration section <c>Cmi</c> has the same names. The engine takes what it needs when it is made, and again
/// at <see cref="CmiEngine.Apply"/>: a change in between has no effect.
/// <para>Threading: one thread at a time.</para>
/// </summary>
public sealed class CmiOptions
{
    private readonly Dictionary<string, ServerOptions> _groups = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<RouteOptions> _routes = [];

    /// <summary>Makes options with all defaults.</summary>
    public CmiOptions() : this(servers: null, inherited: null)
    {
    }

    /// <summary>Options of a part: of one server group, or of one route, which has the settings of the engine until it is given its own.</summary>
    internal CmiOptions(ServerOptions? servers, CmiOptions? inherited)
    {
        Servers = servers ?? new();
        Timeouts = new() { Inherited = inherited?.Timeouts };
        Limits = new() { Inherited = inherited?.Limits };
        Retry = new() { Inherited = inherited?.Retry };
        Reply = new() { Inherited = inherited?.Reply };
        Request = new() { Inherited = inherited?.Request };
        Pipelining = new() { Inherited = inherited?.Pipelining };
        Buffers = new() { Inherited = inherited?.Buffers };
    }

    /// <summary>The name of the group that <see cref="Servers"/> is, and of the route to it.</summary>
    public const string DefaultName = "default";

    /// <summary>Where clients connect.</summary>
    /// <value>URLs such as <c>http://127.0.0.1:8080</c>; at least one.</value>
    public IList<string> Endpoints { get; } = [];

    /// <summary>The servers of the group <c>default</c>, which answers what no route takes elsewhere.</summary>
    public ServerOptions Servers { get; }

    /// <summary>The other server groups, by name; <see cref="AddGroup"/> adds one.</summary>
    public IReadOnlyDictionary<string, ServerOptions> Groups => _groups;

    /// <summary>
    /// Which requests go to which group, with which settings; <see cref="AddRoute"/> adds one. Their order says nothing: the most specific counts.
    /// </summary>
    public IReadOnlyList<RouteOptions> Routes => _routes;

    /// <summary>How long each wait may last.</summary>
    public TimeoutOptions Timeouts { get; }

    /// <summary>How large things may be.</summary>
    public LimitOptions Limits { get; }

    /// <summary>When a request is tried again.</summary>
    public RetryOptions Retry { get; }

    /// <summary>When servers are put out, and what brings them back.</summary>
    public HealthOptions Health { get; } = new();

    /// <summary>When a reply may leave for its client.</summary>
    public ReplyOptions Reply { get; }

    /// <summary>When a request may leave for a server.</summary>
    public RequestOptions Request { get; }

    /// <summary>What becomes of requests that a client stacks on one connection.</summary>
    public PipeliningOptions Pipelining { get; }

    /// <summary>What servers are told of clients.</summary>
    public ForwardedOptions Forwarded { get; } = new();

    /// <summary>What goes through the buffer store.</summary>
    public BufferUseOptions Buffers { get; }

    /// <summary>One record for each exchange.</summary>
    public AccessLogOptions AccessLog { get; } = new();

    /// <summary>
    /// Whether a host's start takes about 0.1 s longer, once in a process, for exchanges of the engine with itself over the loopback, so that the first clients
    /// need not wait that long for code to be compiled. No configured server is asked, and nothing counts in metrics, traces or the access log.
    /// </summary>
    /// <value><see langword="true"/> by default.</value>
    public bool SelfExercise { get; set; } = true;

    /// <summary>Adds a place where clients connect.</summary>
    /// <param name="url">Such as <c>http://127.0.0.1:8080</c>; port 0 picks a free one.</param>
    public void Listen(string url) => Endpoints.Add(url);

    /// <summary>Adds a server to the group <c>default</c>.</summary>
    /// <param name="url">Such as <c>http://10.0.0.11:9000</c>.</param>
    public void AddServer(string url) => Servers.AddServer(url);

    /// <summary>Adds a server group, or takes the one of this name; <c>default</c> is <see cref="Servers"/>.</summary>
    /// <param name="name">What routes and logs call it: letters, digits, '-', '_' and '.', whatever their case; at most 64.</param>
    /// <param name="configure">Adds its servers, and says how they are shared.</param>
    /// <returns>The group.</returns>
    public ServerOptions AddGroup(string name, Action<ServerOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(name);
        var isDefault = name.Equals(DefaultName, StringComparison.OrdinalIgnoreCase);
        if (!_groups.TryGetValue(name, out var group)) group = isDefault ? Servers : _groups[name] = new();
        configure?.Invoke(group);
        return group;
    }

    /// <summary>Adds a route, or takes the one of this name.</summary>
    /// <param name="name">What logs call it: letters, digits, '-', '_' and '.', whatever their case; at most 64.</param>
    /// <param name="configure">Says which requests it takes, to which group they go, and what is different for them.</param>
    /// <returns>The route.</returns>
    public RouteOptions AddRoute(string name, Action<RouteOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(name);
        var route = _routes.Find(known => known.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
        if (route is null) _routes.Add(route = new(name, this));
        configure?.Invoke(route);
        return route;
    }
}

/// <summary>How a server is chosen.</summary>
public enum ServerSelection
{
    /// <summary>The one with the fewest requests in flight; the next in turn among equals.</summary>
    LeastJobs,

    /// <summary>The next in turn.</summary>
    RoundRobin,
}

/// <summary>The servers of a group, and how they are shared. <para>Threading: as <see cref="CmiOptions"/>.</para></summary>
public sealed class ServerOptions
{
    /// <summary>The servers.</summary>
    /// <value>URLs such as <c>http://10.0.0.11:9000</c>; at least one, none twice.</value>
    public IList<string> Addresses { get; } = [];

    /// <summary>Requests of this group in flight at one server, exact over all loops; the rest wait in the queue.</summary>
    /// <value>0 (the default): no limit; at most 1,000,000.</value>
    public int MaxRequests { get; set; }

    /// <summary>Open connections to one server, exact over all loops. A server of several groups may have as many as they allow together.</summary>
    /// <value>0: no limit; at most 1,000,000; by default <see cref="MaxRequests"/>.</value>
    public int? MaxConnections { get; set; }

    /// <summary>Idle connections that one loop keeps to one server; for a server of several groups the highest counts.</summary>
    /// <value>256 by default; 0: connections are not reused; at most 65,536.</value>
    public int MaxIdleConnections { get; set; } = 256;

    /// <summary>How a server is chosen.</summary>
    /// <value><see cref="ServerSelection.LeastJobs"/> by default.</value>
    public ServerSelection Selection { get; set; }

    /// <summary>Adds a server.</summary>
    /// <param name="url">Such as <c>http://10.0.0.11:9000</c>.</param>
    public void AddServer(string url) => Addresses.Add(url);
}

/// <summary>Which stacked requests are distributed.</summary>
public enum Distribution
{
    /// <summary>
    /// Runs of safe methods run side by side; any other waits for those before it, and those behind it wait for it (RFC 9112 §9.3.2).
    /// </summary>
    Safe,

    /// <summary>One after the other.</summary>
    Off,
}

/// <summary>What becomes of requests that a client stacks on one connection. <para>Threading: as <see cref="CmiOptions"/>.</para></summary>
public sealed class PipeliningOptions
{
    private Distribution? _distribute;

    internal PipeliningOptions? Inherited { get; init; }

    /// <summary>Which stacked requests are distributed.</summary>
    /// <value><see cref="Distribution.Safe"/> by default.</value>
    public Distribution Distribute
    {
        get => _distribute ?? Inherited?.Distribute ?? Distribution.Safe;
        set => _distribute = value;
    }
}

/// <summary>What goes through the buffer store. <para>Threading: as <see cref="CmiOptions"/>.</para></summary>
public sealed class BufferUseOptions
{
    private bool? _always;

    internal BufferUseOptions? Inherited { get; init; }

    /// <summary>Every reply with content goes through the store, even one that is whole in the loop's memory; for tests and auditing.</summary>
    /// <value><see langword="false"/> by default.</value>
    public bool Always
    {
        get => _always ?? Inherited?.Always ?? false;
        set => _always = value;
    }
}

/// <summary>One record for each exchange. <para>Threading: as <see cref="CmiOptions"/>.</para></summary>
public sealed class AccessLogOptions
{
    /// <summary>Where the records go. A file is opened for appending, and anew when it was moved away or truncated, or at SIGHUP.</summary>
    /// <value>The path of a file; <c>-</c> for standard output; <see langword="null"/> or empty, the default: there is no access log.</value>
    public string? Path { get; set; }

    /// <summary>How a record is written.</summary>
    /// <value>
    /// Text with names in braces, such as <c>{client} "{method} {target}" {status} {total_ms}</c>; <see langword="null"/> or empty, the default: one
    /// JSON object a line. The names are in <c>docs/access-log.md</c>.
    /// </value>
    public string? Template { get; set; }

    /// <summary>What may wait to be written; twice that is held. A record that finds no room is lost and counted.</summary>
    /// <value>Bytes; 1 MiB by default; 65,536 to 1 GiB.</value>
    public int BufferBytes { get; set; } = 1 << 20;
}
