using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

var builder = Host.CreateApplicationBuilder();
builder.Services
    .AddCmi(o =>
    {
        o.Listen(args.ElementAtOrDefault(0) ?? "http://127.0.0.1:8080");
        o.AddServer(args.ElementAtOrDefault(1) ?? "http://127.0.0.1:9000");
        o.Servers.MaxRequests = 16;                                 // at one server at a time; the rest wait in the queue
    })
    .UseSockets()
    .UseRamBuffers(o => o.MaxTotalBytes = 512L << 20);              // where contents wait
await builder.Build().RunAsync();
