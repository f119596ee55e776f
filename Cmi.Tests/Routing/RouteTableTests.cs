using System.Text;
using Cmi.Engine;
using Cmi.Routing;
using NUnit.Framework;

namespace Cmi.Tests.Routing;

public sealed class RouteTableTests
{
    private static readonly RouteSettings Settings = new(new CmiOptions());

    [TestCase("example.org", "exact")]
    [TestCase("EXAMPLE.org", "exact")]
    [TestCase("example.org:8080", "exact", Description = "a pattern without a port takes any")]
    [TestCase("example.org.", "exact", Description = "RFC 1034 §3.1: the dot of the root")]
    [TestCase("www.example.org", "wildcard")]
    [TestCase("a.b.example.org", "wildcard")]
    [TestCase("img.example.org", "exact under the wildcard")]
    [TestCase("a.img.example.org", "longer wildcard")]
    [TestCase("port.example.org", "wildcard", Description = "port 80 is meant")]
    [TestCase("port.example.org:81", "with a port")]
    [TestCase("port.example.org:", "wildcard", Description = "an empty port is the default one")]
    [TestCase("port80.example.org", "with port 80")]
    [TestCase("port80.example.org:80", "with port 80")]
    [TestCase("[::1]:9", "literal")]
    [TestCase("[::2]", "any")]
    [TestCase("org", "any")]
    [TestCase(".example.org", "any")]
    [TestCase("notexample.org", "any")]
    [TestCase("..", "any")]
    [TestCase(".", "any")]
    [TestCase("", "any", Description = "HTTP/1.0 without a Host")]
    public void Host_MostSpecificCounts(string authority, string route)
    {
        var table = Table(
            ("any", null, null), ("wildcard", "*.example.org", null), ("exact", "example.org", null), ("longer wildcard", "*.img.example.org", null),
            ("exact under the wildcard", "IMG.example.org.", null), ("with a port", "port.example.org:81", null), ("with port 80", "port80.example.org:80", null),
            ("literal", "[::1]", null));

        Assert.That(Find(table, authority, "/"), Is.EqualTo(route));
    }

    [TestCase("/", "all")]
    [TestCase("/images", "images")]
    [TestCase("/images?a=/images/deep", "images")]
    [TestCase("/images/", "images")]
    [TestCase("/images/a", "images")]
    [TestCase("/images/deep", "images", Description = "the longer prefix ends with a slash and takes only what is below")]
    [TestCase("/images/deep/a", "deep")]
    [TestCase("/imagesque", "all")]
    [TestCase("/Images", "all", Description = "paths are case-sensitive")]
    [TestCase("/%69mages", "all", Description = "nothing is decoded")]
    [TestCase("//images", "all", Description = "nothing is merged")]
    [TestCase("/images/../x", "images", Description = "nothing is resolved")]
    [TestCase("*", "all")]
    public void Path_LongestPrefixCounts(string pathAndQuery, string route) =>
        Assert.That(Find(Table(("images", null, "/images"), ("deep", null, "/images/deep/"), ("all", null, null)), "h", pathAndQuery), Is.EqualTo(route));

    [TestCase("/", "slash")]
    [TestCase("/a", "slash")]
    [TestCase("*", "404")]
    public void PathPrefixOfASlash_TakesEveryPath_ButNotTheAsterisk(string path, string route) =>
        Assert.That(Find(Table(("slash", null, "/")), "h", path), Is.EqualTo(route));

    [TestCase("a.example", "/x/long/path", "host and short path", Description = "the host counts before the path")]
    [TestCase("a.example", "/y", "wildcard", Description = "where a host has no route, a less specific one may")]
    [TestCase("b.example", "/y", "wildcard")]
    [TestCase("b.test", "/y", "any host")]
    [TestCase("b.test", "/z", "404")]
    public void HostAndPath_TheHostCountsFirst(string host, string path, string route) =>
        Assert.That(
            Find(Table(("host and short path", "a.example", "/x"), ("wildcard", "*.example", "/y"), ("any host", null, "/y"), ("long path", null, "/x/long")), host, path),
            Is.EqualTo(route));

    [TestCase("a.example", "/a", "a")]
    [TestCase("a.example", "/b", "404")]
    [TestCase("b.example", "/a", "421")]
    [TestCase("a.example:81", "/a", "a")]
    [TestCase("c.example", "/", "421", Description = "known with another port only")]
    [TestCase("c.example:81", "/", "c")]
    public void NoRoute_IsNotFoundOrMisdirected(string host, string path, string route) =>
        Assert.That(Find(Table(("a", "a.example", "/a"), ("c", "c.example:81", null)), host, path), Is.EqualTo(route));

    [Test]
    public void HostsOfAnyLength_DoNoHarm()
    {
        var table = Table(("a", "*.example", null), ("any", null, null));

        for (var length = 1; length < 600; length++)
            Assert.That(Find(table, new string('x', length) + ".example", "/"), Is.EqualTo(length + ".example".Length <= HostPattern.MaxNameBytes ? "a" : "any"));
    }

    [Test]
    public void Find_AllocatesNothing()
    {
        var table = Table(("a", "*.a.example", "/x"), ("b", "b.example", null), ("any", null, "/y"));
        var (authority, path) = ("deep.down.a.example:80"u8.ToArray(), "/y?z"u8.ToArray());
        table.Find(authority, path);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++) table.Find(authority, path);

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    [TestCase("*")]
    [TestCase("*.")]
    [TestCase("a.*")]
    [TestCase("*.*.a")]
    [TestCase("*a.b")]
    [TestCase("*.[::1]")]
    [TestCase("*..a")]
    [TestCase("")]
    [TestCase(".")]
    [TestCase("a:")]
    [TestCase("a:0")]
    [TestCase("a:65536")]
    [TestCase("a:b")]
    [TestCase("http://a")]
    [TestCase("a/b")]
    [TestCase("a b")]
    [TestCase("[::1")]
    [TestCase("%41")]
    [TestCase("bücher.example", Description = "names are in their ASCII form")]
    public void BadHostPattern_IsRefused(string pattern) => Assert.That(HostPattern.TryParse(pattern, out _), Is.False);

    private static string Find(RouteTable table, string authority, string path)
    {
        var route = table.Find(Encoding.ASCII.GetBytes(authority), Encoding.ASCII.GetBytes(path));
        return route.Refusal == 0 ? route.Name : $"{route.Refusal}";
    }

    private static RouteTable Table(params (string Name, string? Host, string? PathPrefix)[] routes) => new(
        [
            .. routes.Select(r => new RouteRule(
                new(r.Name, Settings, group: null), r.Host is null ? null : HostPattern.TryParse(r.Host, out var host) ? host : throw new FormatException(r.Host), r.PathPrefix)),
        ],
        new("", Settings, group: null, refusal: 404),
        new("", Settings, group: null, refusal: 421));
}
