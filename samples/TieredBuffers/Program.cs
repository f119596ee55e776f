// A proxy that keeps requests and replies in three tiers, the middle one a store of one's own; when it stops it tells what each has held:
//   dotnet run --project samples/TieredBuffers -- http://127.0.0.1:8080 http://127.0.0.1:9000
using Cmi;
using Cmi.Samples.CustomBufferStore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

var (listen, server) = args is [var first, var second] ? (first, second) : ("http://127.0.0.1:8080", "http://127.0.0.1:9000");
var builder = Host.CreateApplicationBuilder();
builder.Services
    .AddCmi(o =>
    {
        o.Listen(listen);
        o.AddServer(server);
        o.Buffers.Always = true;                                    // even what is whole in a loop's memory goes through the store, to see it at work
    })
    .UseSockets()
    .UseRamBuffers(o => o.MaxTotalBytes = 16 << 20)                 // the last Use… begins the list
    .ThenBufferStore(_ => new ListBufferStore(maxTotalBytes: 64 << 20))        // any store may stand in any place
    .ThenDisk(o => o.MaxTotalBytes = 1L << 30);

using var host = builder.Build();
var store = (IMeasuredBufferStore)host.Services.GetRequiredService<IBufferStore>();
host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.Register(() =>
{
    foreach (var tier in store.GetUsage()) Console.WriteLine($"{tier.Tier}: {tier.UsedBytes} bytes held, {tier.MovedInBytes} moved down to it");
});
await host.RunAsync();
