using System.Globalization;
using System.Text.RegularExpressions;
using NUnit.Framework;

namespace Cmi.Tests.EndToEnd;

/// <summary>Load by wrk, plain and stacked: no errors, and each content compared by the script.</summary>
[Category("Slow"), NonParallelizable]
public sealed partial class WrkTests : GatewayFixture
{
    private const string Content = "The same content, whichever reply it is.\n";

    // wrk calls response() for every reply, also for those of a stack; each thread counts for itself.
    private const string Script = """
        local threads = {}
        function setup(thread) table.insert(threads, thread) end
        function init(args)
            bad = 0
            good = 0
            stack = ""
            for i = 1, tonumber(args[1]) do stack = stack .. wrk.format("GET", "/text") end
        end
        function request() return stack end
        function response(status, headers, body)
            if status == 200 and body == "CONTENT" then good = good + 1 else bad = bad + 1 end
        end
        function done(summary, latency, requests)
            local good, bad = 0, 0
            for _, thread in ipairs(threads) do good = good + thread:get("good"); bad = bad + thread:get("bad") end
            local e = summary.errors
            print(string.format("good=%d bad=%d errors=%d", good, bad, e.connect + e.read + e.write + e.status + e.timeout))
        end
        """;

    [TestCase(1, TestName = "Plain_NoErrors")]
    [TestCase(16, TestName = "Stacked_NoErrors")]
    public async Task Load_NoErrors(int stacked)
    {
        using var nginx = NginxServer.Start();
        nginx.AddText("text", Content);
        using var content = new ContentDirectory();
        await File.WriteAllTextAsync(content.File("load.lua"), Script.Replace("CONTENT", Content.Replace("\n", "\\n", StringComparison.Ordinal), StringComparison.Ordinal));
        var gateway = await StartGatewayAsync("--server", nginx.Url);

        var result = await Programs.RunAsync("wrk", "-t1", "-c16", "-d3s", "-s", content.File("load.lua"), $"{gateway.Url}", "--", $"{stacked}");

        var output = result.Succeeded();
        TestContext.Out.WriteLine(output);
        var counts = Counts().Match(output);
        Assert.That(counts.Success, Is.True, output);
        Assert.That(int.Parse(counts.Groups["good"].Value, CultureInfo.InvariantCulture), Is.GreaterThan(100));
        Assert.That(counts.Groups["bad"].Value, Is.EqualTo("0"));
        Assert.That(counts.Groups["errors"].Value, Is.EqualTo("0"));
    }

    [GeneratedRegex(@"good=(?<good>\d+) bad=(?<bad>\d+) errors=(?<errors>\d+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Counts();
}
