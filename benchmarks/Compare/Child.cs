using System.Diagnostics;

namespace Cmi.Benchmarks.Compare;

/// <summary>A process that was started for a measurement and ends with it. <para>Threading: one thread.</para></summary>
internal sealed class Child : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private readonly Process _process;
    private readonly Task<string> _complaints;

    public Child(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        _process = Process.Start(start)!;
        _complaints = _process.StandardError.ReadToEndAsync();
    }

    public int Id => _process.Id;

    /// <summary>Starts this program anew in another role.</summary>
    public static Child OfRole(params IEnumerable<string> arguments) => new(Path.Combine(AppContext.BaseDirectory, typeof(Child).Assembly.GetName().Name!), arguments);

    public async Task<string> ReadLineAsync() =>
        await _process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException($"{_process.StartInfo.FileName} ended early: {await _complaints}");

    public async Task WriteLineAsync()
    {
        await _process.StandardInput.WriteLineAsync();
        await _process.StandardInput.FlushAsync();
    }

    /// <summary>Keeps all its threads, and those of its children, on one core.</summary>
    public async Task PinAsync(int core)
    {
        foreach (var pid in ProcessTree.Pids(Id))
        {
            using var taskset = Process.Start(new ProcessStartInfo("taskset", ["-apc", $"{core}", $"{pid}"]) { UseShellExecute = false, RedirectStandardOutput = true })!;
            await taskset.StandardOutput.ReadToEndAsync();
            await taskset.WaitForExitAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        using (_process)
        {
            if (_process.HasExited) return;
            using (var stop = Process.Start("kill", ["-TERM", $"{Id}"])) await stop.WaitForExitAsync();
            try
            {
                await _process.WaitForExitAsync().WaitAsync(Patience);
            }
            catch (TimeoutException)
            {
                _process.Kill(entireProcessTree: true);
            }
        }
    }
}
