using System.Diagnostics;
using System.Globalization;
using Cmi.Tests.EndToEnd;

namespace Cmi.Tests.Hostile;

/// <summary>
/// Many connections of clients that mean ill, as <c>hostile.js</c> tells, in a process of their own with the least priority: what they cost beside the gateway
/// must not be taken for what they cost the gateway.
/// </summary>
internal sealed class HostileClients : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process _process;

    private HostileClients(Process process) => _process = process;

    /// <summary>Starts them, and returns when all connections were opened.</summary>
    public static async Task<HostileClients> StartAsync(Uri gateway, int count, int actionsPerSecond)
    {
        var start = new ProcessStartInfo(Programs.Find("nice"), ["-n", "19", Programs.Find("node"), NodeServer.Script("hostile.js"), Text(gateway.Port), Text(count), Text(actionsPerSecond)])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        var clients = new HostileClients(Process.Start(start) ?? throw new InvalidOperationException("nice did not start."));
        using var patience = new CancellationTokenSource(Patience);
        Assert.That(await clients._process.StandardOutput.ReadLineAsync(patience.Token), Is.EqualTo("open"));
        return clients;

        static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>All vanish.</summary>
    /// <returns>What they did, as JSON.</returns>
    public async Task<string> StopAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        _process.StandardInput.Close();
        var counts = await _process.StandardOutput.ReadLineAsync(patience.Token) ?? "";
        await _process.WaitForExitAsync(patience.Token);
        return counts;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}
