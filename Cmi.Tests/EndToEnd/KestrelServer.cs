using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Cmi.Tests.EndToEnd;

/// <summary>
/// Servers in this process, one for each address: <c>/bytes/N</c>, <c>/chunked/N</c> (without a length), <c>/echo</c>, <c>/slow/N</c> (50 ms, then N)
/// and <c>/held</c> (until <see cref="Release"/>).
/// </summary>
internal sealed class KestrelServer : IAsyncDisposable
{
    internal static readonly TimeSpan SlowTime = TimeSpan.FromMilliseconds(50);

    private readonly WebApplication _app;
    private readonly TaskCompletionSource _held = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _release = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _slow, _mostSlow;

    private KestrelServer(int addresses)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls([.. Enumerable.Repeat("http://127.0.0.1:0", addresses)]);
        builder.WebHost.ConfigureKestrel(o => o.Limits.MaxRequestBodySize = null);
        _app = builder.Build();
        _app.Run(ServeAsync);
    }

    internal IReadOnlyList<string> Urls => [.. _app.Urls];

    /// <summary>How many requests each address got.</summary>
    internal ConcurrentDictionary<int, int> RequestsByPort { get; } = new();

    /// <summary>How many requests for <c>/slow/N</c> were there at once at the most, over all addresses. One has gone before its reply leaves.</summary>
    internal int MostSlowAtOnce => Volatile.Read(ref _mostSlow);

    /// <summary>Completes when a request for <c>/held</c> has arrived.</summary>
    internal Task Held => _held.Task.WaitAsync(TimeSpan.FromSeconds(30));

    internal static async Task<KestrelServer> StartAsync(int addresses = 1)
    {
        var server = new KestrelServer(addresses);
        await server._app.StartAsync();
        return server;
    }

    /// <summary>Gateway options that name every address.</summary>
    internal IEnumerable<string> AsOptions() => Urls.SelectMany(url => new[] { "--server", url });

    internal void Release() => _release.TrySetResult();

    public async ValueTask DisposeAsync()
    {
        Release();
        await _app.DisposeAsync();
    }

    private void NoteAtOnce(int slow)
    {
        for (var most = _mostSlow; slow > most;)
        {
            var seen = Interlocked.CompareExchange(ref _mostSlow, slow, most);
            if (seen == most) return;
            most = seen;
        }
    }

    private async Task ServeAsync(HttpContext context)
    {
        RequestsByPort.AddOrUpdate(context.Connection.LocalPort, 1, (_, count) => count + 1);
        var path = context.Request.Path.Value!.Split('/');
        var (request, response) = (context.Request, context.Response);
        switch (path[1])
        {
            case "bytes":
                var bytes = ContentDirectory.Bytes(int.Parse(path[2], CultureInfo.InvariantCulture));
                response.ContentLength = bytes.Length;
                await response.Body.WriteAsync(bytes);
                break;
            case "chunked":
                await response.StartAsync();                        // the head leaves before the length can be known
                foreach (var piece in ContentDirectory.Bytes(int.Parse(path[2], CultureInfo.InvariantCulture)).Chunk(10_000))
                {
                    await response.Body.WriteAsync(piece);
                    await response.Body.FlushAsync();
                }
                break;
            case "echo":
                response.Headers["X-Method"] = request.Method;
                await request.Body.CopyToAsync(response.Body);
                break;
            case "slow":
                NoteAtOnce(Interlocked.Increment(ref _slow));
                await Task.Delay(SlowTime);                         // what the test is about: a server that needs this long
                Interlocked.Decrement(ref _slow);
                response.ContentLength = path[2].Length;
                await response.WriteAsync(path[2]);
                break;
            case "held":
                _held.TrySetResult();
                await _release.Task;
                await response.WriteAsync("released");
                break;
            default:
                response.StatusCode = StatusCodes.Status404NotFound;
                break;
        }
    }
}
