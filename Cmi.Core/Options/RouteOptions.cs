namespace Cmi;

/// <summary>
/// Which requests are treated in a way of their own, and how. Of the routes that take a request the most specific counts, whatever their order: an exact
/// host before a wildcard, a longer wildcard before a shorter one, a host before none, the same host with a port before the one without; and among routes
/// of the same host the longest path prefix. What is not set here is as in <see cref="CmiOptions"/>.
/// <para>Threading: as <see cref="CmiOptions"/>.</para>
/// </summary>
public sealed class RouteOptions
{
    internal RouteOptions(string name, CmiOptions engine) => (Name, Own) = (name, new(servers: null, inherited: engine));

    /// <summary>What logs call it.</summary>
    public string Name { get; }

    /// <summary>The host of the requests: of an absolute target its own, else what the Host field says.</summary>
    /// <value>
    /// A name or address such as <c>example.org</c> or <c>[::1]</c>, or <c>*.example.org</c> for all names below (not <c>example.org</c> itself); with or
    /// without a port; the case does not matter. <see langword="null"/> (the default): any.
    /// </value>
    public string? Host { get; set; }

    /// <summary>What the path of the requests begins with, up to its end or a slash; byte for byte as it came, not decoded, without the query.</summary>
    /// <value>Such as <c>/images</c>, which takes <c>/images</c> and <c>/images/a</c>, but not <c>/imagesque</c>. <see langword="null"/> (the default): any.</value>
    public string? PathPrefix { get; set; }

    /// <summary>The servers that answer.</summary>
    /// <value>The name of a group; <c>default</c> by default, which is <see cref="CmiOptions.Servers"/>.</value>
    public string Group { get; set; } = CmiOptions.DefaultName;

    /// <summary>How long each wait of an exchange may last.</summary>
    public RouteTimeoutOptions Timeouts => Own.Timeouts;

    /// <summary>How large the parts of an exchange may be.</summary>
    public RouteLimitOptions Limits => Own.Limits;

    /// <summary>When a request is tried again.</summary>
    public RouteRetryOptions Retry => Own.Retry;

    /// <summary>When a reply may leave for its client.</summary>
    public ReplyOptions Reply => Own.Reply;

    /// <summary>When a request may leave for a server.</summary>
    public RequestOptions Request => Own.Request;

    /// <summary>What becomes of requests that a client stacks on one connection.</summary>
    public PipeliningOptions Pipelining => Own.Pipelining;

    /// <summary>What goes through the buffer store.</summary>
    public BufferUseOptions Buffers => Own.Buffers;

    /// <summary>The settings that its exchanges have: its own, and for the rest those of the engine.</summary>
    internal CmiOptions Own { get; }

    /// <summary>Whether it takes every request.</summary>
    internal bool IsCatchAll => Host is null && PathPrefix is null;
}
