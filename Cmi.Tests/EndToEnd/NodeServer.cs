using System.Diagnostics;
using System.Globalization;

namespace Cmi.Tests.EndToEnd;

/// <summary>Node's http server, run as a process; what it has is told in <c>Node/server.js</c>.</summary>
internal sealed class NodeServer : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Process _process;

    private NodeServer(Process process, int port) => (_process, Port, Url) = (process, port, $"http://127.0.0.1:{port}");

    internal int Port { get; }

    internal string Url { get; }

    /// <summary>The path of a script beside the tests.</summary>
    internal static string Script(string name) => Path.Combine(AppContext.BaseDirectory, "EndToEnd", "Node", name);

    /// <summary>The bytes of this length that both scripts make too.</summary>
    internal static byte[] Bytes(int length)
    {
        var bytes = new byte[length];
        for (var i = 0; i < length; i++) bytes[i] = (byte)(i * 31 + (i >> 8) * 7 + length);
        return bytes;
    }

    /// <summary>Starts it at a port, or at a free one.</summary>
    /// <exception cref="IOException">It cannot listen there.</exception>
    internal static async Task<NodeServer> StartAsync(int port = 0)
    {
        var process = Programs.Start(Programs.Find("node"), Script("server.js"), port.ToString(CultureInfo.InvariantCulture));
        _ = process.StandardError.ReadToEndAsync();
        using var patience = new CancellationTokenSource(Patience);
        if (await process.StandardOutput.ReadLineAsync(patience.Token) is { } line) return new(process, int.Parse(line, CultureInfo.InvariantCulture));
        await process.WaitForExitAsync(patience.Token);
        process.Dispose();
        throw new IOException($"The server of Node does not listen at {port}.");
    }

    /// <summary>Ends it, by SIGKILL or by SIGTERM, upon which it answers what it was asked.</summary>
    internal async Task StopAsync(bool kill)
    {
        if (kill) _process.Kill();
        else Programs.Terminate(_process);
        using var patience = new CancellationTokenSource(Patience);
        await _process.WaitForExitAsync(patience.Token);
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}
