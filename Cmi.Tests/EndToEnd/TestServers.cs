using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using NUnit.Framework;

namespace Cmi.Tests.EndToEnd;

/// <summary>A directory of files that the servers below give out, gone with the object.</summary>
internal sealed class ContentDirectory : IDisposable
{
    internal ContentDirectory() => Path = Directory.CreateTempSubdirectory("cmi-e2e-").FullName;

    internal string Path { get; }

    /// <summary>Bytes that look like chance and are the same in every run.</summary>
    internal static byte[] Bytes(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }

    internal string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Makes a file of <see cref="Bytes"/> and tells its content.</summary>
    internal byte[] Add(string name, int length)
    {
        var bytes = Bytes(length);
        System.IO.File.WriteAllBytes(File(name), bytes);
        return bytes;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

/// <summary>nginx with one worker, in the foreground of nobody: its starter returns when it listens.</summary>
internal sealed class NginxServer : IDisposable
{
    private readonly ContentDirectory _own = new();
    private readonly Process _master;

    private NginxServer(int port)
    {
        Url = $"http://127.0.0.1:{port}";
        File.WriteAllText(_own.File("nginx.conf"), $$"""
            worker_processes 1;
            pid {{_own.File("nginx.pid")}};
            error_log stderr;
            events { worker_connections 1024; }
            http {
                access_log off;
                client_body_temp_path {{_own.File("body")}};
                proxy_temp_path {{_own.File("proxy")}};
                fastcgi_temp_path {{_own.File("fastcgi")}};
                uwsgi_temp_path {{_own.File("uwsgi")}};
                scgi_temp_path {{_own.File("scgi")}};
                keepalive_requests 1000000;
                server { listen 127.0.0.1:{{port}}; root {{_own.Path}}/content; }
            }
            """);
        Directory.CreateDirectory(_own.File("content"));
        Directory.CreateDirectory(_own.File("logs"));
        // Workers of a master that runs as root are someone else.
        foreach (var directory in new[] { _own.Path, _own.File("content") })
            if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(directory, (UnixFileMode)Convert.ToInt32("755", 8));
        using var starter = Process.Start(Programs.Find("nginx"), ["-e", "stderr", "-p", _own.Path, "-c", _own.File("nginx.conf")]);
        starter.WaitForExit();
        if (starter.ExitCode != 0) throw new IOException($"nginx ended with {starter.ExitCode}.");
        _master = Process.GetProcessById(int.Parse(File.ReadAllText(_own.File("nginx.pid")), System.Globalization.CultureInfo.InvariantCulture));
    }

    internal string Url { get; }

    /// <summary>Starts it. Its port must be known before, so another program may take it in between: then the next one is tried.</summary>
    internal static NginxServer Start()
    {
        Programs.Find("nginx");
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return new(FreePort());
            }
            catch (IOException) when (attempt < 5)
            {
            }
        }
    }

    internal byte[] Add(string name, int length)
    {
        var bytes = ContentDirectory.Bytes(length);
        File.WriteAllBytes(Path.Combine(_own.File("content"), name), bytes);
        return bytes;
    }

    internal void AddText(string name, string text) => File.WriteAllText(Path.Combine(_own.File("content"), name), text);

    public void Dispose()
    {
        Programs.Terminate(_master);
        _master.WaitForExit();
        _master.Dispose();
        _own.Dispose();
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}

/// <summary>Python's http.server: HTTP/1.0, and every connection is closed after one reply.</summary>
internal sealed partial class PythonServer : IDisposable
{
    private readonly Process _process;

    private PythonServer(Process process, string url) => (_process, Url) = (process, url);

    internal string Url { get; }

    internal static async Task<PythonServer> StartAsync(ContentDirectory content)
    {
        var process = Programs.Start(
            Programs.Find("python3"), "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--protocol", "HTTP/1.0", "--directory", content.Path);
        _ = process.StandardError.ReadToEndAsync();                 // its log of requests
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var line = await process.StandardOutput.ReadLineAsync(patience.Token) ?? throw new AssertionException("http.server did not start.");
        return new(process, Address().Match(line).Value);
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    [GeneratedRegex(@"http://127\.0\.0\.1:\d+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Address();
}
