using NUnit.Framework;

namespace Cmi.Tests.EndToEnd;

/// <summary>What curl gets through the gateway from servers of other people, byte for byte.</summary>
[Category("Slow")]
public sealed class CurlTests : GatewayFixture
{
    [Test]
    public async Task ServerThatClosesEveryConnection_LeavesTheClientItsConnection()
    {
        using var content = new ContentDirectory();
        var (first, second) = (content.Add("first", 12_345), content.Add("second", 2_000_000));
        using var python = await PythonServer.StartAsync(content);
        var gateway = await StartGatewayAsync("--server", python.Url);

        var output = await CurlAsync(
            "-w", "%{http_code} %{num_connects}\n", "-o", content.File("a"), $"{gateway.At("/first")}", "-o", content.File("b"), $"{gateway.At("/second")}");

        Assert.That(output, Is.EqualTo("200 1\n200 0\n"), "The second request went over the connection of the first.");
        AssertSame(content.File("a"), first);
        AssertSame(content.File("b"), second);
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(100_000)]
    [TestCase(20_000_000)]
    public async Task FileOfNginx_ArrivesWhole(int length)
    {
        using var nginx = NginxServer.Start();
        var expected = nginx.Add("file", length);
        using var content = new ContentDirectory();
        var gateway = await StartGatewayAsync("--server", nginx.Url);

        var output = await CurlAsync("-w", "%{http_code} %{size_download}", "-o", content.File("got"), $"{gateway.At("/file")}");

        Assert.That(output, Is.EqualTo($"200 {length}"));
        if (length > 0) AssertSame(content.File("got"), expected);
    }

    [Test]
    public async Task ReplyOfUnknownLength_GetsItsLength_AndNoTransferEncoding()
    {
        await using var kestrel = await KestrelServer.StartAsync();
        var gateway = await StartGatewayAsync(kestrel.AsOptions());
        using var content = new ContentDirectory();

        await CurlAsync("-D", content.File("head"), "-o", content.File("got"), $"{gateway.At("/chunked/1234567")}");

        var head = await File.ReadAllTextAsync(content.File("head"));
        Assert.That(head, Does.Contain("Content-Length: 1234567").IgnoreCase);
        Assert.That(head, Does.Not.Contain("Transfer-Encoding").IgnoreCase);
        AssertSame(content.File("got"), ContentDirectory.Bytes(1_234_567));
    }

    [Test]
    public async Task ClientOfHttp10_GetsTheSame()
    {
        await using var kestrel = await KestrelServer.StartAsync();
        var gateway = await StartGatewayAsync(kestrel.AsOptions());
        using var content = new ContentDirectory();

        await CurlAsync("--http1.0", "-D", content.File("head"), "-o", content.File("got"), $"{gateway.At("/chunked/100000")}");

        Assert.That(await File.ReadAllTextAsync(content.File("head")), Does.Contain("Content-Length: 100000").IgnoreCase);
        AssertSame(content.File("got"), ContentDirectory.Bytes(100_000));
    }

    [Test]
    public async Task Head_TellsTheLengthOfTheServer_AndHasNoContent()
    {
        using var nginx = NginxServer.Start();
        nginx.Add("file", 4321);
        var gateway = await StartGatewayAsync("--server", nginx.Url);

        Assert.That(await CurlAsync("-I", $"{gateway.At("/file")}"), Does.Contain("Content-Length: 4321").IgnoreCase);
    }

    [TestCase("Expect:", 0)]
    [TestCase("Expect:", 50_000)]
    [TestCase("Expect: 100-continue", 3_000_000)]
    [TestCase("Transfer-Encoding: chunked", 3_000_000)]
    public async Task Upload_ComesBackAsItWent(string field, int length)
    {
        await using var kestrel = await KestrelServer.StartAsync();
        var gateway = await StartGatewayAsync(kestrel.AsOptions());
        using var content = new ContentDirectory();
        var sent = content.Add("sent", length);

        await CurlAsync("-H", field, "--data-binary", $"@{content.File("sent")}", "-o", content.File("got"), $"{gateway.At("/echo")}");

        if (length > 0) AssertSame(content.File("got"), sent);
    }

    private static async Task<string> CurlAsync(params IEnumerable<string> arguments) =>
        (await Programs.RunAsync("curl", ["-sS", "--fail", "--max-time", "50", .. arguments])).Succeeded();

    // Not by a collection constraint: it would describe megabytes.
    private static void AssertSame(string file, byte[] expected) =>
        Assert.That(File.ReadAllBytes(file).AsSpan().SequenceEqual(expected), Is.True, $"{file} differs from what the server has.");
}
