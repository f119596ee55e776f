using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Cmi.Benchmarks.Compare;

/// <summary>One of those compared.</summary>
/// <param name="Name">As tables call it.</param>
/// <param name="Program">What must be on the path; <c>dotnet</c> for programs of this repository.</param>
/// <param name="Arguments">Given what it is started for.</param>
/// <param name="Template">Its configuration file in <c>peers</c>, if it has one.</param>
/// <param name="Version">What tells its version; empty: it runs on the .NET that runs this.</param>
/// <param name="IsCompiledJustInTime">Whether it needs a long warm-up.</param>
internal sealed record Proxy(string Name, string Program, Func<ProxySetup, IEnumerable<string>> Arguments, string? Template, string[] Version, bool IsCompiledJustInTime)
{
    public static IReadOnlyList<Proxy> All { get; } =
    [
        new("nginx", "nginx", setup => ["-p", setup.Directory, "-e", $"{setup.Directory}/error.log", "-c", $"{setup.Directory}/nginx.conf", "-g", "daemon off;"], "nginx.conf", ["nginx", "-v"], false),
        new("haproxy", "haproxy", setup => ["-db", "-f", $"{setup.Directory}/haproxy.cfg"], "haproxy.cfg", ["haproxy", "-v"], false),
        new("yarp", "dotnet", setup => [BuiltBeside("benchmarks/YarpPeer", "YarpPeer.dll"), $"127.0.0.1:{setup.Port}", .. setup.Servers], null, [], true),
        new("cmi", "dotnet", setup => [BuiltBeside("samples/Gateway", "Gateway.dll"), "--listen", $"http://127.0.0.1:{setup.Port}", "--loops", $"{setup.Loops}",
            "--buffer-path", setup.Directory, .. setup.Servers.SelectMany(server => new[] { "--server", $"http://{server}" })], null, [], true),
    ];

    /// <summary>What stands in its way; <see langword="null"/>: nothing.</summary>
    public string? Missing()
    {
        if (!IsOnPath(Program)) return $"{Name}: the program {Program} is not installed (on Debian: apt-get install {Program}).";
        return null;
    }

    public static bool IsOnPath(string program) => $"{Environment.GetEnvironmentVariable("PATH")}:/usr/sbin".Split(':').Any(folder => File.Exists(Path.Combine(folder, program)));

    public async Task<string> TellVersionAsync()
    {
        if (Version.Length == 0) return RuntimeInformation.FrameworkDescription;
        using var process = Process.Start(new ProcessStartInfo(OnPath(Version[0]), Version.Skip(1)) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true })!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return $"{await output}{await error}".Trim().Split('\n')[0];
    }

    /// <summary>Starts it and waits until it answers.</summary>
    public async Task<Child> StartAsync(ProxySetup setup)
    {
        if (Template is not null) await File.WriteAllTextAsync(Path.Combine(setup.Directory, Template), setup.FillIn(await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "peers", Template))));
        var child = new Child(OnPath(Program), Arguments(setup), new Dictionary<string, string> { ["DOTNET_PROCESSOR_COUNT"] = $"{setup.Loops}" });
        using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(2) };
        for (var attempt = 0; attempt < 150; attempt++)
        {
            try
            {
                using var reply = await client.GetAsync(new Uri($"http://127.0.0.1:{setup.Port}/length/8"));
                if (reply.StatusCode == HttpStatusCode.OK) return child;
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
            {
                // Not yet.
            }
            await Task.Delay(100);
        }
        await child.DisposeAsync();
        throw new InvalidOperationException($"{Name} did not answer within 15 s.");
    }

    private static string OnPath(string program) => File.Exists($"/usr/sbin/{program}") ? $"/usr/sbin/{program}" : program;

    // This program lies in benchmarks/Compare/bin/CONFIGURATION/FRAMEWORK, theirs in the like folders of their projects.
    private static string BuiltBeside(string project, string file)
    {
        var own = new DirectoryInfo(AppContext.BaseDirectory);
        return Path.GetFullPath(Path.Combine(own.FullName, "../../../../..", project, "bin", own.Parent!.Name, own.Name, file));
    }
}

/// <summary>What a proxy is started for.</summary>
/// <param name="Port">Where it shall listen on 127.0.0.1.</param>
/// <param name="Servers">Each as host:port.</param>
/// <param name="Loops">Threads, workers or loops.</param>
/// <param name="Directory">For its files.</param>
internal sealed record ProxySetup(int Port, IReadOnlyList<string> Servers, int Loops, string Directory)
{
    public string FillIn(string template) => string.Join('\n', template.Split('\n').SelectMany(line =>
        line.Contains("@each@ ", StringComparison.Ordinal) ? Servers.Select((server, number) => FillInLine(line.Replace("@each@ ", "", StringComparison.Ordinal), server, number)) : [FillInLine(line, "", 0)]));

    public static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private string FillInLine(string line, string server, int number) => line
        .Replace("@server@", server, StringComparison.Ordinal).Replace("@number@", $"{number}", StringComparison.Ordinal)
        .Replace("@listen@", $"127.0.0.1:{Port}", StringComparison.Ordinal).Replace("@loops@", $"{Loops}", StringComparison.Ordinal).Replace("@dir@", Directory, StringComparison.Ordinal);
}
