using System.Diagnostics;
using System.Runtime.InteropServices;
using NUnit.Framework;

namespace Cmi.Tests.EndToEnd;

/// <summary>Runs programs of the system; what it starts it ends, by its id and never by its name.</summary>
internal static class Programs
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>The path of a program. Without it a test fails where everything must have been installed (the variable CI is set), and is ignored elsewhere.</summary>
    internal static string Find(string name)
    {
        var directories = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Append("/usr/sbin").Append("/usr/local/sbin");
        var path = directories.Select(d => Path.Combine(d, name)).FirstOrDefault(File.Exists);
        if (path is not null) return path;
        var message = $"{name} is not installed; .ci/run installs it.";
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("CI"))) Assert.Ignore(message);
        throw new AssertionException(message);
    }

    /// <summary>Starts a program with its output and errors to be read.</summary>
    internal static Process Start(string path, params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(path, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        return Process.Start(start) ?? throw new InvalidOperationException($"{path} did not start.");
    }

    /// <summary>Runs a program to its end.</summary>
    internal static async Task<ProgramResult> RunAsync(string name, params IEnumerable<string> arguments)
    {
        using var process = Start(Find(name), arguments);
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            var (output, errors) = (process.StandardOutput.ReadToEndAsync(patience.Token), process.StandardError.ReadToEndAsync(patience.Token));
            await process.WaitForExitAsync(patience.Token);
            return new(process.ExitCode, await output, await errors);
        }
        catch (OperationCanceledException e)
        {
            process.Kill();
            throw new AssertionException($"{name} {string.Join(' ', arguments)} did not end within {Patience}.", e);
        }
    }

    /// <summary>Sends SIGTERM.</summary>
    internal static void Terminate(Process process) => _ = Kill(process.Id, signal: 15);

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int process, int signal);
}

internal sealed record ProgramResult(int ExitCode, string Output, string Errors)
{
    /// <summary>The output of a run that went well.</summary>
    internal string Succeeded()
    {
        Assert.That(ExitCode, Is.Zero, Errors);
        return Output;
    }
}
