// A proxy where the field X-Priority, 0 to 255, says who goes first, and equals take turns, however much each of them asks for:
//   dotnet run --project samples/CustomJobQueue -- http://127.0.0.1:8080 http://127.0.0.1:9000
using Cmi.Samples.CustomJobQueue;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

var (listen, server) = args is [var first, var second] ? (first, second) : ("http://127.0.0.1:8080", "http://127.0.0.1:9000");
var builder = Host.CreateApplicationBuilder();
builder.Services
    .AddCmi(o =>
    {
        o.Listen(listen);
        o.AddServer(server);
        o.Request.PriorityField = "X-Priority";
        o.Servers.MaxRequests = 4;                                  // without a limit nobody waits, and no order matters
    })
    .UseSockets()
    .UseRamBuffers()
    .UseJobQueue(group => new FairJobQueue(group, capacity: 1000));
await builder.Build().RunAsync();
