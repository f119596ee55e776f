using Cmi.Tests.EndToEnd;

namespace Cmi.Tests.Reliability;

/// <summary>Some servers, each a process of its own that can be ended and started again at its address.</summary>
internal sealed class ServerFarm : IDisposable
{
    // Below those that the system gives to clients: nobody takes the port of a server while it is down.
    private const int LowestPort = 12_000, HighestPort = 32_000, Attempts = 20;

    private readonly NodeServer[] _servers;

    private ServerFarm(int count) => _servers = new NodeServer[count];

    internal int Count => _servers.Length;

    internal static async Task<ServerFarm> StartAsync(int count)
    {
        var farm = new ServerFarm(count);
        for (var index = 0; index < count; index++) farm._servers[index] = await StartSomewhereAsync();
        return farm;
    }

    /// <summary>Gateway options that name every server.</summary>
    internal IEnumerable<string> AsOptions() => _servers.SelectMany(server => new[] { "--server", server.Url });

    /// <summary>Ends a server and starts it again; when this is done, it listens.</summary>
    internal async Task RestartAsync(int index, bool kill)
    {
        using var old = _servers[index];
        await old.StopAsync(kill);
        _servers[index] = await NodeServer.StartAsync(old.Port);
    }

    public void Dispose()
    {
        foreach (var server in _servers) server?.Dispose();
    }

    private static async Task<NodeServer> StartSomewhereAsync()
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await NodeServer.StartAsync(Random.Shared.Next(LowestPort, HighestPort));
            }
            catch (IOException) when (attempt < Attempts)
            {
                // taken: another one
            }
        }
    }
}
