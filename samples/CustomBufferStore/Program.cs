// A proxy that keeps requests and replies in a store of its own:
//   dotnet run --project samples/CustomBufferStore -- http://127.0.0.1:8080 http://127.0.0.1:9000
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
    .UseBufferStore(_ => new ListBufferStore(maxTotalBytes: 64 << 20));
await builder.Build().RunAsync();
