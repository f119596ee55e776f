using System.Text;
using Cmi.Engine;
using Cmi.Http1;
using Cmi.Messages;

namespace Cmi.Routing;

/// <summary>What a route takes.</summary>
/// <param name="Route">The route.</param>
/// <param name="Host">The host; <see langword="null"/>: any.</param>
/// <param name="PathPrefix">How the path begins; <see langword="null"/>: any, and <c>*</c> too.</param>
internal sealed record RouteRule(Route Route, HostPattern? Host, string? PathPrefix);

/// <summary>
/// Finds the route of a request: of those that take it the one with the most specific host, and of these the one with the longest path prefix. A host costs
/// one look-up, and one more for each of its dots if it is not there; path prefixes are tried one after the other, the longest first. Nothing is allocated.
/// <para>Threading: immutable.</para>
/// </summary>
internal sealed class RouteTable
{
    private const int DefaultPort = 80;                             // RFC 9110 §4.2.1

    private readonly Route? _only;                                  // takes everything
    private readonly Dictionary<byte[], Paths>.AlternateLookup<ReadOnlySpan<byte>> _hosts;
    private readonly Paths _anyHost;
    private readonly Route _notFound, _misdirected;

    /// <summary>Makes a table.</summary>
    /// <param name="rules">The routes; no two of them take the same.</param>
    /// <param name="notFound">What requests get whose host has routes, but not for their path.</param>
    /// <param name="misdirected">What requests get whose host has no route (RFC 9110 §15.5.20).</param>
    public RouteTable(IReadOnlyList<RouteRule> rules, Route notFound, Route misdirected)
    {
        (_notFound, _misdirected) = (notFound, misdirected);
        if (rules is [{ Host: null, PathPrefix: null } only]) _only = only.Route;
        var hosts = new Dictionary<byte[], Paths>(HostNameComparer.Instance);
        foreach (var host in rules.Where(rule => rule.Host is not null).GroupBy(rule => rule.Host!.Name))
            hosts.Add(Encoding.ASCII.GetBytes(host.Key), new(host));
        _hosts = hosts.GetAlternateLookup<ReadOnlySpan<byte>>();
        _anyHost = new(rules.Where(rule => rule.Host is null));
        Routes = [.. rules.Select(rule => rule.Route)];
    }

    /// <summary>The routes, in no order that says anything.</summary>
    public IReadOnlyList<Route> Routes { get; }

    /// <summary>The route of a request, or one that refuses it.</summary>
    public Route Find(RequestHead head) => _only ?? Find(head.Authority, head.PathAndQuery);

    internal Route Find(ReadOnlySpan<byte> authority, ReadOnlySpan<byte> pathAndQuery)
    {
        var query = pathAndQuery.IndexOf((byte)'?');
        var path = query < 0 ? pathAndQuery : pathAndQuery[..query];
        AuthorityParser.Split(authority, out var host, out var digits);
        var port = digits.IsEmpty ? DefaultPort : HostPattern.PortOf(digits);
        var knowsHost = false;
        if (host is not [] and not [(byte)'.', ..] && host.Length <= HostPattern.MaxNameBytes && _hosts.Dictionary.Count > 0)
        {
            Span<byte> lowered = stackalloc byte[HostPattern.MaxNameBytes];
            Ascii.ToLower(host, lowered, out var length);
            ReadOnlySpan<byte> name = lowered[..(lowered[length - 1] == '.' ? length - 1 : length)];
            for (var rest = name; ;)
            {
                if (_hosts.TryGetValue(rest, out var paths) && paths.Find(path, port, ref knowsHost) is { } found) return found;
                // Names that do not match as a whole may as ".example.org", the longest first; not the whole name again.
                var dot = rest[1..].IndexOf((byte)'.');
                if (dot < 0) break;
                rest = rest[(dot + 1)..];
            }
        }
        return _anyHost.Find(path, port, ref knowsHost) ?? (knowsHost ? _notFound : _misdirected);
    }

    /// <summary>The routes of one host, in the order in which they are tried.</summary>
    private sealed class Paths(IEnumerable<RouteRule> rules)
    {
        private readonly (int Port, byte[] Prefix, Route Route)[] _inOrder =
        [
            .. rules.Select(rule => (Port: rule.Host?.Port ?? 0, Prefix: Encoding.ASCII.GetBytes(rule.PathPrefix ?? ""), rule.Route))
                .OrderBy(rule => rule.Port == 0).ThenByDescending(rule => rule.Prefix.Length),
        ];

        public Route? Find(ReadOnlySpan<byte> path, int port, ref bool knowsHost)
        {
            foreach (ref readonly var rule in _inOrder.AsSpan())
            {
                if (rule.Port != 0 && rule.Port != port) continue;
                knowsHost = true;
                if (rule.Prefix.Length == 0 || PathPrefix.Matches(path, rule.Prefix)) return rule.Route;
            }
            return null;
        }
    }
}
