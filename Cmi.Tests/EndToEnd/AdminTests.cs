using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Cmi.Tests.EndToEnd;

/// <summary>What the program tells operators on the port that <c>--admin</c> opens.</summary>
[Category("Slow")]
public sealed partial class AdminTests
{
    [Test]
    public async Task Metrics_AreTextThatPrometheusReads_AndCountWhatHappened()
    {
        await using var server = await KestrelServer.StartAsync();
        await using var gateway = await GatewayProcess.StartAsync([.. server.AsOptions(), "--admin", "http://127.0.0.1:0"]);
        using var client = new HttpClient();
        (await client.GetStringAsync(AdminOf(gateway, "/metrics"))).Parse();                         // listens from now on
        for (var i = 0; i < 10; i++) await client.GetStringAsync(gateway.At("/bytes/10"));

        var samples = (await client.GetStringAsync(AdminOf(gateway, "/metrics"))).Parse();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Sum(samples, "http_server_request_duration_seconds_count"), Is.EqualTo(10));
            Assert.That(Sum(samples, "http_client_request_duration_seconds_count"), Is.EqualTo(10));
            Assert.That(Sum(samples, "cmi_grants_total"), Is.EqualTo(10));
            Assert.That(Sum(samples, "cmi_client_connections"), Is.EqualTo(1));
            Assert.That(samples.Select(sample => sample.Name), Has.Some.StartsWith("dotnet_"));
        }
    }

    [Test]
    public async Task Status_IsJson_AndHealthIsGood()
    {
        await using var gateway = await GatewayProcess.StartAsync("--server", "http://127.0.0.1:1", "--admin", "http://127.0.0.1:0", "--loops=2");
        using var client = new HttpClient();
        using var status = JsonDocument.Parse(await client.GetStringAsync(AdminOf(gateway, "/status")));
        var root = status.RootElement;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(root.GetProperty("state").GetString(), Is.EqualTo("listening"));
            Assert.That(root.GetProperty("endpoints")[0].GetString(), Is.EqualTo(gateway.Url.OriginalString));
            Assert.That(root.GetProperty("loops").GetArrayLength(), Is.EqualTo(2));
            Assert.That(root.GetProperty("groups")[0].GetProperty("servers")[0].GetProperty("address").GetString(), Is.EqualTo("http://127.0.0.1:1"));
            Assert.That(await client.GetStringAsync(AdminOf(gateway, "/health/live")), Does.StartWith("Healthy"));
            Assert.That(await client.GetStringAsync(AdminOf(gateway, "/health/ready")), Does.StartWith("Healthy"));
        }
    }

    [Test]
    public async Task ClientPorts_KnowNothingOfIt()
    {
        await using var server = await KestrelServer.StartAsync();
        await using var gateway = await GatewayProcess.StartAsync([.. server.AsOptions(), "--admin", "http://127.0.0.1:0"]);
        using var client = new HttpClient();
        Assert.That(await (await client.GetAsync(gateway.At("/metrics"))).Content.ReadAsStringAsync(), Does.Not.Contain("cmi_"));
    }

    [TestCase("drain")]
    [TestCase("maintenance")]
    public async Task ServerIsTakenOutAndBackByOrder_ItIsAskedOnlyWhileItIsIn(string state)
    {
        await using var first = await KestrelServer.StartAsync();
        await using var second = await KestrelServer.StartAsync();
        await using var gateway = await GatewayProcess.StartAsync([.. first.AsOptions(), .. second.AsOptions(), "--admin", "http://127.0.0.1:0"]);
        using var client = new HttpClient();
        Assert.That(await GrantsOfTenAsync(), Has.All.GreaterThan(0), "both take their share");
        await OrderAsync(state);
        Assert.That(await GrantsOfTenAsync(), Is.EqualTo(new[] { 0L, 10L }));
        await OrderAsync("active");
        Assert.That(await GrantsOfTenAsync(), Has.All.GreaterThan(0), "it is asked again at once");

        using var form = await client.PostAsync(AdminOf(gateway, "/servers"), new StringContent($$"""{"server":"{{AddressOf(first)}}","state":"{{state}}"}"""));
        using var unknown = await client.PostAsJsonAsync(AdminOf(gateway, "/servers"), new { server = "http://127.0.0.1:1", state });
        Assert.That((form.StatusCode, unknown.StatusCode), Is.EqualTo((HttpStatusCode.BadRequest, HttpStatusCode.BadRequest)));
        Assert.That(await GrantsOfTenAsync(), Has.All.GreaterThan(0), "what is refused changes nothing");

        async Task OrderAsync(string wanted)
        {
            using var reply = await client.PostAsJsonAsync(AdminOf(gateway, "/servers"), new { server = AddressOf(first), state = wanted });
            using var health = JsonDocument.Parse(await reply.Content.ReadAsStringAsync());
            Assert.That((reply.StatusCode, health.RootElement[0].GetProperty("state").GetString()), Is.EqualTo((HttpStatusCode.OK, wanted)));
        }

        async Task<long[]> GrantsOfTenAsync()
        {
            var before = await GrantsAsync();
            for (var i = 0; i < 10; i++) await client.GetStringAsync(gateway.At("/bytes/10"));
            return [.. (await GrantsAsync()).Zip(before, (now, then) => now - then)];
        }

        async Task<long[]> GrantsAsync()
        {
            using var status = JsonDocument.Parse(await client.GetStringAsync(AdminOf(gateway, "/status")));
            return [.. status.RootElement.GetProperty("groups")[0].GetProperty("servers").EnumerateArray().Select(server => server.GetProperty("grants").GetInt64())];
        }
    }

    [Test]
    public async Task Stopping_TurnsReadinessFirst_WhileClientsAreStillServed()
    {
        await using var server = await KestrelServer.StartAsync();
        await using var gateway = await GatewayProcess.StartAsync([.. server.AsOptions(), "--admin", "http://127.0.0.1:0", "--Cmi:Timeouts:DrainDelay=01:00:00"]);
        using var client = new HttpClient();
        gateway.Terminate();
        await gateway.ErrorAsync("Leaving:");
        using var ready = await client.GetAsync(AdminOf(gateway, "/health/ready"));
        using var live = await client.GetAsync(AdminOf(gateway, "/health/live"));
        using var reply = await client.GetAsync(gateway.At("/bytes/10"));
        Assert.That((ready.StatusCode, live.StatusCode, reply.StatusCode, reply.Headers.ConnectionClose),
            Is.EqualTo((HttpStatusCode.ServiceUnavailable, HttpStatusCode.OK, HttpStatusCode.OK, (bool?)true)));
        gateway.Terminate();
        Assert.That(await gateway.ExitAsync(), Is.Zero);
    }

    private static string AddressOf(KestrelServer server) => server.AsOptions().Last();

    private static double Sum(IEnumerable<Sample> samples, string name) => samples.Where(sample => sample.Name == name).Sum(sample => sample.Value);

    private static Uri AdminOf(GatewayProcess gateway, string path) => new(gateway.AdminUrl, path);
}

/// <summary>One line of the text format of Prometheus.</summary>
internal sealed record Sample(string Name, Dictionary<string, string> Labels, double Value);

/// <summary>Reads the text format of Prometheus, version 0.0.4, strictly: every line is a comment of a known kind or a sample of a family that was declared.</summary>
internal static partial class PrometheusText
{
    internal static List<Sample> Parse(this string text)
    {
        Assert.That(text, Does.EndWith("\n"));
        var families = new Dictionary<string, string>();
        var samples = new List<Sample>();
        foreach (var line in text.Split('\n').Where(line => line.Length > 0))
        {
            if (line == "# EOF" || Help().IsMatch(line) || Unit().IsMatch(line)) continue;
            if (Type().Match(line) is { Success: true } type)
            {
                Assert.That(families.TryAdd(type.Groups["name"].Value, type.Groups["type"].Value), $"declared twice: {line}");
                continue;
            }
            var match = Line().Match(line);
            Assert.That(match.Success, $"not a sample: {line}");
            var name = match.Groups["name"].Value;
            Assert.That(families.Any(family => Belongs(name, family.Key, family.Value)), $"of no declared family: {line}");
            var labels = Label().Matches(match.Groups["labels"].Value).ToDictionary(label => label.Groups["name"].Value, label => label.Groups["value"].Value);
            samples.Add(new(name, labels, match.Groups["value"].Value switch
            {
                "+Inf" => double.PositiveInfinity,
                "NaN" => double.NaN,
                var number => double.Parse(number, NumberStyles.Float, CultureInfo.InvariantCulture),
            }));
        }
        Assert.That(samples.Select(sample => sample.Name + string.Concat(sample.Labels.OrderBy(label => label.Key).Select(label => $" {label}"))), Is.Unique);
        return samples;
    }

    private static bool Belongs(string sample, string family, string type) => type switch
    {
        "histogram" => sample == family + "_bucket" || sample == family + "_sum" || sample == family + "_count",
        _ => sample == family,
    };

    [GeneratedRegex("^# HELP [a-zA-Z_:][a-zA-Z0-9_:]* .*$")]
    private static partial Regex Help();

    [GeneratedRegex("^# UNIT [a-zA-Z_:][a-zA-Z0-9_:]* [a-zA-Z_]+$")]
    private static partial Regex Unit();

    [GeneratedRegex("^# TYPE (?<name>[a-zA-Z_:][a-zA-Z0-9_:]*) (?<type>counter|gauge|histogram|summary|untyped|unknown|info)$")]
    private static partial Regex Type();

    [GeneratedRegex("""^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?<labels>([a-zA-Z_][a-zA-Z0-9_]*="([^"\\]|\\[\\"n])*",?)*)\})? (?<value>[-+]?[0-9.]+([eE][-+]?[0-9]+)?|\+Inf|NaN)( [0-9]+)?$""")]
    private static partial Regex Line();

    [GeneratedRegex("""(?<name>[a-zA-Z_][a-zA-Z0-9_]*)="(?<value>([^"\\]|\\[\\"n])*)",?""")]
    private static partial Regex Label();
}
