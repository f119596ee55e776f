using System.Diagnostics;

namespace Cmi.Tests.EndToEnd;

/// <summary>Node's http server, run as a process; what it has is told in <c>Node/server.js</c>.</summary>
internal sealed class NodeServer : IDisposable
{
    private readonly Process _process;

    private NodeServer(Process process, string port) => (_process, Url) = (process, $"http://127.0.0.1:{port}");

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

    internal static async Task<NodeServer> StartAsync()
    {
        var process = Programs.Start(Programs.Find("node"), Script("server.js"));
        _ = process.StandardError.ReadToEndAsync();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        return new(process, await process.StandardOutput.ReadLineAsync(patience.Token) ?? throw new AssertionException("The server of Node did not start."));
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}
