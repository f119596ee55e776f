using System.Net;
using System.Net.Sockets;
using NUnit.Framework;

namespace Cmi.Tests.EndToEnd;

/// <summary>What the program promises to those who start it.</summary>
[Category("Slow")]
public sealed class GatewayContractTests
{
    [Test]
    public async Task EveryListener_IsPrintedOnALineOfItsOwn_WithThePortItGot()
    {
        await using var gateway = await GatewayProcess.StartAsync("--server", "http://127.0.0.1:1");

        Assert.That(gateway.Output[^1], Does.Match(@"^listening on http://127\.0\.0\.1:[1-9]\d*$"));
        Assert.That(gateway.Output, Has.Some.StartsWith("buffers: ram "));
    }

    [TestCase("ram", "^buffers: ram ")]
    [TestCase("flash", "^buffers: flash 64M in ")]
    [TestCase("disk", "^buffers: disk 64M in ")]
    [TestCase("tiered", "^buffers: ram .*, flash 64M, disk 64M in ")]
    public async Task EveryStore_HoldsLargeReplies_AndLeavesNoFile(string kind, string line)
    {
        await using var server = await KestrelServer.StartAsync();
        string path;
        await using (var gateway = await GatewayProcess.StartAsync([.. server.AsOptions(), "--buffer", kind, "--buffer-ram", "1M", "--buffer-flash", "64M", "--buffer-disk", "64M"]))
        {
            var told = gateway.Output.Single(said => said.StartsWith("buffers: ", StringComparison.Ordinal));
            Assert.That(told, Does.Match(line));
            path = told.Contains(" in ", StringComparison.Ordinal) ? told[(told.IndexOf(" in ", StringComparison.Ordinal) + 4)..] : "";
            using var client = new HttpClient();
            var replies = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => client.GetByteArrayAsync(gateway.At("/bytes/3000000"))));
            Assert.That(replies, Has.All.Length.EqualTo(3_000_000));
            gateway.Terminate();
            Assert.That(await gateway.ExitAsync(), Is.Zero);
        }
        Assert.That(path.Length > 0 && Directory.Exists(path), Is.False, "its own directory is left");
    }

    [TestCase("flash")]
    [TestCase("disk")]
    public async Task DirectoryCannotBeUsed_FlashOrDiskAlone_IsSaid_AndEndsWith2(string kind)
    {
        var result = await GatewayProcess.RunAsync("--buffer", kind, "--buffer-path", "/proc/none", "--server", "http://127.0.0.1:1", "--listen", "http://127.0.0.1:0");

        Assert.That(result.ExitCode, Is.EqualTo(2));
        Assert.That(result.Errors, Does.Contain("/proc/none"));
    }

    [Test]
    public async Task DirectoryCannotBeUsed_AsATier_RamDoesTheWork()
    {
        await using var server = await KestrelServer.StartAsync();
        await using var gateway = await GatewayProcess.StartAsync([.. server.AsOptions(), "--buffer-path", "/proc/none"]);
        using var client = new HttpClient();

        Assert.That(await client.GetByteArrayAsync(gateway.At("/bytes/3000000")), Has.Length.EqualTo(3_000_000));
    }

    [Test]
    public async Task UnknownOptionsAndBadSettings_AreAllListed_AndEndWith2()
    {
        var result = await GatewayProcess.RunAsync("--frobnicate", "--loops=0", "--admin", "127.0.0.1", "--Cmi:Retry:Attempts=x", "--Cmi:Typo=1");

        Assert.That(result.ExitCode, Is.EqualTo(2));
        Assert.That(result.Output, Is.Empty);
        Assert.That(result.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries), Has.Length.EqualTo(5));
        foreach (var name in new[] { "--frobnicate", "--loops", "--admin", "Cmi:Retry:Attempts", "Cmi:Typo" }) Assert.That(result.Errors, Does.Contain(name));
    }

    [Test]
    public async Task AddressInUse_IsSaidInOneLine_AndEndsWith1()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();

        var result = await GatewayProcess.RunAsync("--listen", $"http://{taken.LocalEndpoint}", "--server", "http://127.0.0.1:1");

        Assert.That(result.ExitCode, Is.EqualTo(1));
        Assert.That(result.Output, Does.Not.Contain("listening on"));
        Assert.That(result.Errors.TrimEnd().Split('\n'), Has.Length.EqualTo(1));
        Assert.That(result.Errors, Does.StartWith("Cannot listen: "));
    }

    [TestCase("--help", "--max-requests-per-server")]
    [TestCase("--version", "Gateway 0.")]
    public async Task HelpAndVersion_ArePrinted(string option, string expected)
    {
        var result = await GatewayProcess.RunAsync(option);

        Assert.That(result.Succeeded(), Does.Contain(expected));
    }

    [Test]
    public async Task ConfigFileChanges_GoodOnesAreTakenOver_AndBadOnesRefused()
    {
        await using var first = await KestrelServer.StartAsync();
        await using var second = await KestrelServer.StartAsync();
        var directory = Directory.CreateTempSubdirectory("cmi-test-").FullName;
        var file = Path.Combine(directory, "gateway.json");
        string Settings(string more, string server) => $$"""{ "Cmi": { "Servers": { "Addresses": ["{{server}}"] }{{more}} } }""";
        await File.WriteAllTextAsync(file, Settings("", first.Urls[0]));
        await using var gateway = await GatewayProcess.StartAsync("--config", file);
        async Task Becomes(string text, string log)
        {
            await File.WriteAllTextAsync(file, text);
            await gateway.ErrorAsync(log);
        }
        using var client = new HttpClient();
        await client.GetStringAsync(gateway.At("/bytes/10"));

        await Becomes(Settings("", first.Urls[0])[..^20], "cannot be read");
        await client.GetStringAsync(gateway.At("/bytes/10"));
        await Becomes(Settings(""", "Typo": 1""", second.Urls[0]), "Cmi:Typo is not a setting");
        await client.GetStringAsync(gateway.At("/bytes/10"));
        Assert.That((first.RequestsByPort.Values.Sum(), second.RequestsByPort.Values.Sum()), Is.EqualTo((3, 0)));

        await Becomes(
            Settings($$""", "Groups": { "b": { "Addresses": ["{{first.Urls[0]}}"] } }, "Routes": { "b": { "PathPrefix": "/bytes", "Group": "b" } }""", second.Urls[0]),
            "The settings have changed: 2 routes, 2 server groups, 2 servers.");
        await client.GetStringAsync(gateway.At("/bytes/10"));
        await client.GetStringAsync(gateway.At("/chunked/10"));
        Assert.That((first.RequestsByPort.Values.Sum(), second.RequestsByPort.Values.Sum()), Is.EqualTo((4, 1)));
        Directory.Delete(directory, recursive: true);
    }

    [Test]
    public async Task Terminated_FinishesWhatHasArrived_AndEndsWith0()
    {
        await using var server = await KestrelServer.StartAsync();
        await using var gateway = await GatewayProcess.StartAsync(server.AsOptions());
        using var client = new HttpClient();
        var reply = client.GetStringAsync(gateway.At("/held"));
        await server.Held;

        gateway.Terminate();
        await gateway.Drains;
        server.Release();

        Assert.That(await reply, Is.EqualTo("released"));
        Assert.That(await gateway.ExitAsync(), Is.Zero);
    }

    [Test]
    public async Task TerminatedTwice_StopsAtOnce()
    {
        await using var server = await KestrelServer.StartAsync();
        await using var gateway = await GatewayProcess.StartAsync([.. server.AsOptions(), "--Cmi:Timeouts:Drain=01:00:00"]);
        using var client = new HttpClient();
        var reply = client.GetStringAsync(gateway.At("/held"));
        await server.Held;

        gateway.Terminate();
        await gateway.Drains;
        gateway.Terminate();
        await gateway.ExitAsync();

        await Assert.ThrowsAsync<HttpRequestException>(() => reply);
    }

    [Test]
    public async Task WithoutServers_TheDemoServersAnswer_BothWithALength()
    {
        await using var gateway = await GatewayProcess.StartAsync();
        using var client = new HttpClient();

        var texts = new List<string>();
        for (var i = 0; i < 4; i++)
        {
            using var reply = await client.GetAsync(gateway.Url);
            Assert.That(reply.Content.Headers.ContentLength, Is.Not.Null);
            texts.Add(await reply.Content.ReadAsStringAsync());
        }

        Assert.That(texts, Has.Some.Contains("HTTP/1.1 server"));
        Assert.That(texts, Has.Some.Contains("HTTP/1.0 server"));
    }

    [Test]
    public async Task DemoPaths_DoWhatTheyTell()
    {
        await using var gateway = await GatewayProcess.StartAsync();
        using var client = new HttpClient();
        using var content = new StringContent("some text");

        using var chunked = await client.GetAsync(gateway.At("/chunked"));
        using var echo = await client.PostAsync(gateway.At("/echo?x=1"), content);
        var big = await client.GetByteArrayAsync(gateway.At("/big?bytes=3000000"));

        Assert.That(chunked.Headers.TransferEncodingChunked, Is.Not.True);
        Assert.That((await chunked.Content.ReadAsStringAsync()).Split('\n'), Has.Length.EqualTo(6));
        Assert.That(await echo.Content.ReadAsStringAsync(), Does.StartWith("POST /echo?x=1\n").And.EndsWith("\n\nsome text"));
        Assert.That(await client.GetStringAsync(gateway.At("/headers")), Does.Contain("Via:").IgnoreCase);
        Assert.That(big, Has.Length.EqualTo(3_000_000));
    }
}
