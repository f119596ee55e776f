using Cmi.Samples.Gateway;
using NUnit.Framework;

namespace Cmi.Tests.EndToEnd;

/// <summary>The servers of these tests without a gateway before them: if one of these fails, the others mean nothing.</summary>
[Category("Slow")]
public sealed class TestServersTests
{
    [Test]
    public async Task Nginx_GivesFiles()
    {
        using var nginx = NginxServer.Start();
        var expected = nginx.Add("file", 100_000);
        using var client = new HttpClient();

        Assert.That((await client.GetByteArrayAsync(new Uri($"{nginx.Url}/file"))).AsSpan().SequenceEqual(expected), Is.True);
    }

    [Test]
    public async Task Python_SpeaksHttp10()
    {
        using var content = new ContentDirectory();
        var expected = content.Add("file", 100_000);
        using var python = await PythonServer.StartAsync(content);
        using var client = new HttpClient();

        using var reply = await client.GetAsync(new Uri($"{python.Url}/file"));

        Assert.That(reply.Version, Is.EqualTo(new Version(1, 0)));
        Assert.That((await reply.Content.ReadAsByteArrayAsync()).AsSpan().SequenceEqual(expected), Is.True);
    }

    [Test]
    public async Task Kestrel_AnswersAtEachAddress_InChunksToo()
    {
        await using var servers = await KestrelServer.StartAsync(addresses: 2);
        using var client = new HttpClient();
        foreach (var url in servers.Urls)
        {
            Assert.That((await client.GetByteArrayAsync(new Uri($"{url}/bytes/70000"))).AsSpan().SequenceEqual(ContentDirectory.Bytes(70_000)), Is.True);
            Assert.That((await client.GetByteArrayAsync(new Uri($"{url}/chunked/70000"))).AsSpan().SequenceEqual(ContentDirectory.Bytes(70_000)), Is.True);
            Assert.That(await client.GetStringAsync(new Uri($"{url}/slow/7")), Is.EqualTo("7"));
        }
        Assert.That(servers.RequestsByPort.Values, Is.EqualTo([3, 3]));
    }

    [Test]
    public async Task DemoServers_AnswerEachInItsVersion()
    {
        using var demo = new DemoServers();
        using var client = new HttpClient();
        foreach (var (url, version) in demo.Urls.Zip([new Version(1, 1), new Version(1, 0)]))
        {
            using var content = new StringContent("some text");
            using var hello = await client.GetAsync(new Uri(url));
            using var chunked = await client.GetAsync(new Uri($"{url}/chunked"));
            using var echo = await client.PostAsync(new Uri($"{url}/echo"), content);
            using var nothing = await client.GetAsync(new Uri($"{url}/nothing"));

            Assert.That(hello.Version, Is.EqualTo(version));
            Assert.That(hello.Headers.ConnectionClose is true, Is.EqualTo(version.Minor == 0));
            Assert.That(await chunked.Content.ReadAsStringAsync(), Does.EndWith("This is piece 5 of 5.\n"));
            Assert.That(await echo.Content.ReadAsStringAsync(), Does.StartWith("POST /echo\n").And.EndsWith("\n\nsome text"));
            Assert.That((int)nothing.StatusCode, Is.EqualTo(404));
            Assert.That(await client.GetByteArrayAsync(new Uri($"{url}/big?bytes=3000000")), Has.Length.EqualTo(3_000_000));
        }
    }
}
