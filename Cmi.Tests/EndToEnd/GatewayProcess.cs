using System.Collections.Concurrent;
using System.Diagnostics;
using NUnit.Framework;

namespace Cmi.Tests.EndToEnd;

/// <summary>The built Gateway, run as a process and known by what it prints only.</summary>
internal sealed class GatewayProcess : IAsyncDisposable
{
    private const string AdminPrefix = "admin on ";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _errors = new();
    private readonly List<(string Part, TaskCompletionSource Seen)> _awaited = [];
    private readonly Task _readErrors;
    private readonly TaskCompletionSource _drains = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private GatewayProcess(Process process)
    {
        _process = process;
        _readErrors = ReadErrorsAsync();
    }

    /// <summary>The program, beside the tests in the tree and built like them (Debug or Release).</summary>
    internal static string Path { get; } = FindProgram();

    /// <summary>Where it listens, such as <c>http://127.0.0.1:40123</c>.</summary>
    internal Uri Url { get; private set; } = new("http://invalid");

    /// <summary>What it printed before and with the first <c>listening on</c>.</summary>
    internal List<string> Output { get; } = [];

    /// <summary>Where it tells operators how it is; it was started with <c>--admin</c>.</summary>
    internal Uri AdminUrl => new(Output.Single(line => line.StartsWith(AdminPrefix, StringComparison.Ordinal))[AdminPrefix.Length..]);

    internal bool HasExited => _process.HasExited;

    /// <summary>The id of the process.</summary>
    internal int Id => _process.Id;

    internal string Errors => string.Join('\n', _errors);

    /// <summary>Completes when it says that it stops.</summary>
    internal Task Drains => _drains.Task.WaitAsync(Patience);

    /// <summary>Starts it on a free port and returns when it listens.</summary>
    internal static Task<GatewayProcess> StartAsync(params IEnumerable<string> arguments) =>
        ListensAsync(Programs.Start("dotnet", [Path, "--listen", "http://127.0.0.1:0", .. arguments]));

    /// <summary>Starts it with one loop and no more than so many open files and sockets.</summary>
    // In memory: the handles of files would only blur how many are left.
    internal static Task<GatewayProcess> StartWithHandlesAsync(int handles) =>
        ListensAsync(Programs.Start("/bin/sh", ["-c", $"ulimit -n {handles} && exec dotnet \"$0\" --listen http://127.0.0.1:0 --loops 1 --buffer ram", Path]));

    private static async Task<GatewayProcess> ListensAsync(Process process)
    {
        var gateway = new GatewayProcess(process);
        using var patience = new CancellationTokenSource(Patience);
        while (await gateway._process.StandardOutput.ReadLineAsync(patience.Token) is { } line)
        {
            gateway.Output.Add(line);
            if (!line.StartsWith("listening on ", StringComparison.Ordinal)) continue;
            gateway.Url = new(line["listening on ".Length..]);
            _ = gateway._process.StandardOutput.ReadToEndAsync(CancellationToken.None);       // so that it never waits for a reader
            return gateway;
        }
        await gateway.DisposeAsync();
        throw new AssertionException($"The gateway did not start:\n{gateway.Errors}");
    }

    /// <summary>Starts it for a run that is to end by itself.</summary>
    internal static Task<ProgramResult> RunAsync(params IEnumerable<string> arguments) => Programs.RunAsync("dotnet", [Path, .. arguments]);

    internal Uri At(string pathAndQuery) => new(Url, pathAndQuery);

    internal void Terminate() => Programs.Terminate(_process);

    /// <summary>Waits for a line among its errors.</summary>
    internal Task ErrorAsync(string part)
    {
        lock (_awaited)
        {
            if (_errors.FirstOrDefault(line => line.Contains(part, StringComparison.Ordinal)) is not null) return Task.CompletedTask;
            var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _awaited.Add((part, seen));
            return seen.Task.WaitAsync(Patience);
        }
    }

    /// <summary>Waits for its end.</summary>
    internal async Task<int> ExitAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        await _process.WaitForExitAsync(patience.Token);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
        await _readErrors;
        _process.Dispose();
    }

    private static string FindProgram()
    {
        // …/Cmi.Tests/bin/Release/net10.0/ → …/samples/Gateway/bin/Release/net10.0/
        var here = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(System.IO.Path.DirectorySeparatorChar));
        var root = here.Parent!.Parent!.Parent!.Parent!.FullName;
        return System.IO.Path.Combine(root, "samples", "Gateway", "bin", here.Parent.Name, here.Name, "Gateway.dll");
    }

    private async Task ReadErrorsAsync()
    {
        while (await _process.StandardError.ReadLineAsync() is { } line)
        {
            lock (_awaited)
            {
                _errors.Enqueue(line);
                foreach (var (part, seen) in _awaited)
                    if (line.Contains(part, StringComparison.Ordinal)) seen.TrySetResult();
            }
            if (line.Contains("Draining:", StringComparison.Ordinal)) _drains.TrySetResult();
        }
    }
}
