// YARP on Kestrel, set up for the same work as its neighbours: YarpPeer LISTEN SERVER…, each as host:port.
using System.Net;
using Yarp.ReverseProxy.Configuration;

var builder = WebApplication.CreateSlimBuilder();
builder.Logging.ClearProviders();
builder.WebHost.ConfigureKestrel(kestrel =>
{
    kestrel.AddServerHeader = false;
    kestrel.Limits.KeepAliveTimeout = TimeSpan.FromMinutes(10);
    kestrel.Limits.MinResponseDataRate = null;                      // slow readers are part of the work
    kestrel.Listen(IPEndPoint.Parse(args[0]));
});
var destinations = args.Skip(1).ToDictionary(server => server, server => new DestinationConfig { Address = $"http://{server}/" });
builder.Services.AddReverseProxy().LoadFromMemory(
    [new RouteConfig { RouteId = "all", ClusterId = "servers", Match = new() { Path = "{**all}" } }],
    [new ClusterConfig { ClusterId = "servers", LoadBalancingPolicy = "RoundRobin", Destinations = destinations }]);
var app = builder.Build();
app.MapReverseProxy();
await app.RunAsync();
