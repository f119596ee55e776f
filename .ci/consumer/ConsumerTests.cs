using System.Net;
using Cmi;
using Cmi.Samples.CustomBufferStore;
using Cmi.Samples.CustomJobQueue;
using Cmi.Testing.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Consumer;

public sealed class OwnStoreTests : BufferStoreContract
{
    protected override IBufferStore CreateStore() => new ListBufferStore(maxTotalBytes: 128 << 20);

    protected override IBufferStore CreateFullStore() => new ListBufferStore(maxTotalBytes: 0);
}

public sealed class OwnQueueTests : JobQueueContract
{
    protected override IJobQueue CreateQueue(ServerGroup group, int capacity) => new FairJobQueue(group, capacity);
}

public sealed class EmbeddedProxyTests
{
    [Test]
    public async Task TenLines_AreAProxy()
    {
        await using var server = await StartServerAsync();

        var builder = Host.CreateApplicationBuilder();
        builder.Services
            .AddCmi(o =>
            {
                o.Listen("http://127.0.0.1:0");
                o.AddServer(server.Urls.Single());
            })
            .UseSockets()
            .UseRamBuffers();
        using var host = builder.Build();
        await host.StartAsync();

        await AssertIsProxiedAsync(host);
    }

    [Test]
    public async Task OwnParts_CarryARequest()
    {
        await using var server = await StartServerAsync();
        var builder = Host.CreateApplicationBuilder();
        builder.Services
            .AddCmi(o =>
            {
                o.Listen("http://127.0.0.1:0");
                o.AddServer(server.Urls.Single());
                o.Buffers.Always = true;                            // even what the engine would not need the store for
            })
            .UseSockets()
            .UseBufferStore(_ => new ListBufferStore(maxTotalBytes: 64 << 20))
            .UseJobQueue(group => new FairJobQueue(group, capacity: 100));
        using var host = builder.Build();
        await host.StartAsync();

        await AssertIsProxiedAsync(host);
    }

    private static async Task AssertIsProxiedAsync(IHost host)
    {
        using var client = new HttpClient { BaseAddress = new(host.Services.GetRequiredService<CmiEngine>().Endpoints[0].ToString()) };
        var content = string.Concat(Enumerable.Repeat("0123456789", 10_000));
        using var reply = await client.PostAsync("/echo", new StringContent(content));
        Assert.That(reply.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await reply.Content.ReadAsStringAsync(), Is.EqualTo(content));
        Assert.That(reply.Headers.GetValues("X-Came-Via"), Is.EqualTo(new[] { "1.1 cmi" }), "the server was asked by the proxy");
        Assert.That(reply.Content.Headers.ContentLength, Is.EqualTo(content.Length), "the server has not told it: the proxy has measured");
        await host.StopAsync();
    }

    private static async Task<WebApplication> StartServerAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var server = builder.Build();
        server.MapPost("/echo", (HttpContext context) =>
        {
            context.Response.Headers["X-Came-Via"] = context.Request.Headers.Via;
            return context.Request.Body.CopyToAsync(context.Response.Body);
        });
        await server.StartAsync();
        return server;
    }
}
