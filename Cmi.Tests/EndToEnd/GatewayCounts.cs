using System.Text.Json;

namespace Cmi.Tests.EndToEnd;

/// <summary>
/// What a gateway has at a moment: by its own word (<c>/status</c>), and by the system's. <see cref="ServerRequests"/> are the grants that are out, <see cref="ServersOut"/>
/// the servers that are probed, with timers of their own.
/// </summary>
internal sealed record GatewayCounts(
    long Clients, long Requests, long Waiting, long ServerRequests, long ServerConnections, long Buffers, long BufferBytes, long Blocks, long Timers, int ServersOut,
    int Sockets, int Descriptors, long Memory)
{
    /// <summary>Asks a gateway that was started with <c>--admin</c>. The connection of the question is closed, and may still be counted.</summary>
    internal static async Task<GatewayCounts> OfAsync(GatewayProcess gateway)
    {
        using var status = await StatusAsync(gateway);
        var root = status.RootElement;
        var servers = root.GetProperty("groups").EnumerateArray().SelectMany(group => group.GetProperty("servers").EnumerateArray()).ToList();
        var isLinux = OperatingSystem.IsLinux();
        return new(
            Sum(root.GetProperty("loops").EnumerateArray(), "clients"),
            Sum(root.GetProperty("loops").EnumerateArray(), "activeRequests"),
            Sum(root.GetProperty("groups").EnumerateArray(), "waiting"),
            Sum(servers, "activeRequests"),
            Sum(servers, "openConnections"),
            Sum(root.GetProperty("buffers").EnumerateArray(), "buffers"),
            Sum(root.GetProperty("buffers").EnumerateArray(), "usedBytes"),
            Sum(root.GetProperty("loops").EnumerateArray(), "blocksOut"),
            Sum(root.GetProperty("loops").EnumerateArray(), "timersSet"),
            servers.Count(server => server.GetProperty("health").GetProperty("condition").GetString() != nameof(ServerCondition.Healthy)),
            isLinux ? ProcessFigures.Sockets(gateway.Id) : 0,
            isLinux ? ProcessFigures.Descriptors(gateway.Id) : 0,
            isLinux ? ProcessFigures.Memory(gateway.Id) : 0);
    }

    /// <summary>What a gateway says of itself.</summary>
    internal static async Task<JsonDocument> StatusAsync(GatewayProcess gateway)
    {
        using var client = new HttpClient();
        return JsonDocument.Parse(await client.GetStringAsync(new Uri(gateway.AdminUrl, "/status")));
    }

    private static long Sum(IEnumerable<JsonElement> of, string name) => of.Sum(element => element.GetProperty(name).GetInt64());
}
