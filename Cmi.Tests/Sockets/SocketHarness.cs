using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Cmi.Sockets;
using Cmi.Sockets.Linux;
using Microsoft.Extensions.Logging;
using NUnit.Framework;

namespace Cmi.Tests.Sockets;

/// <summary>A transport that listens, and plain sockets as its peers. Every wait is bounded.</summary>
internal sealed class SocketHarness : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly Channel<IConnection> _accepted = Channel.CreateUnbounded<IConnection>();

    public SocketHarness(SocketTransport transport, bool batched, SocketOptions? options = null, Func<string, Task<IPAddress[]>>? resolve = null)
        : this(transport, With(options ?? new() { LoopCount = 1 }, batched), resolve)
    {
    }

    public SocketHarness(SocketTransport transport, SocketOptions? options = null, Func<string, Task<IPAddress[]>>? resolve = null)
    {
        Available(transport);
        options ??= new() { LoopCount = 1 };
        options.Transport = transport;
        Manager = new(options, Logs, resolve ?? (host => throw new InvalidOperationException($"'{host}' was to be looked up.")));
    }

    public SocketConnectionManager Manager { get; }

    public LogList Logs { get; } = new();

    public int AcceptedWaiting => _accepted.Reader.Count;

    /// <summary>Leaves a test out where the system has no such transport.</summary>
    public static void Available(SocketTransport transport, bool batched = false)
    {
        var fault = new SocketOptionsValidator().Validate(null, new() { Transport = transport }).FailureMessage;
        if (fault is not null) Assert.Ignore(fault);
        if (!batched) return;
        using var ring = Ring.TryOpen();
        if (ring is null) Assert.Ignore("This system does not let a process make calls together.");
    }

    public async Task<IListener> ListenAsync(string at = "http://127.0.0.1:0") =>
        await Manager.ListenAsync(Parse(at), connection => _accepted.Writer.TryWrite(connection), default);

    public static ListenAddress Parse(string at) => ListenAddress.TryParse(at, out var address, out var fault) ? address : throw new FormatException(fault);

    public async Task<IConnection> AcceptedAsync() => await _accepted.Reader.ReadAsync().AsTask().WaitAsync(Patience);

    public static async Task<Socket> ClientAsync(ListenAddress to, IPAddress? at = null)
    {
        EndPoint endPoint = to.Kind == AddressKind.Unix ? new UnixDomainSocketEndPoint(to.Host) : new IPEndPoint(at ?? IPAddress.Loopback, to.Port);
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 10_000, SendTimeout = 10_000 };
        await socket.ConnectAsync(endPoint).WaitAsync(Patience);
        return socket;
    }

    /// <summary>A listener, a plain client, and the connection that it became, watched.</summary>
    public async Task<(Socket Client, IConnection Connection, Watcher Watcher)> PairAsync()
    {
        var client = await ClientAsync((await ListenAsync()).Address);
        var connection = await AcceptedAsync();
        var watcher = new Watcher();
        await On(connection, () => connection.SetOwner(watcher));
        return (client, connection, watcher);
    }

    public Task<IConnection> ConnectAsync(ServerAddress server, CancellationToken cancellationToken = default) =>
        On(Manager.Loops[0], () => Manager.ConnectAsync(server, Manager.Loops[0], cancellationToken).AsTask()).Unwrap().WaitAsync(Patience, CancellationToken.None);

    public static Task<T> On<T>(ILoop loop, Func<T> work)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        loop.Post(_ =>
        {
            try
            {
                done.SetResult(work());
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        }, null);
        return done.Task.WaitAsync(Patience);
    }

    public static Task<T> On<T>(IConnection connection, Func<T> work) => On(connection.Loop, work);

    public static Task On(IConnection connection, Action work) => On(connection.Loop, () =>
    {
        work();
        return true;
    });

    public ValueTask DisposeAsync() => Manager.DisposeAsync();

    private static SocketOptions With(SocketOptions options, bool batched)
    {
        Available(SocketTransport.Auto, batched);
        options.BatchCalls = batched;
        return options;
    }
}

/// <summary>An owner that notes what it is told.</summary>
internal sealed class Watcher : IConnectionOwner
{
    private readonly Channel<Readiness> _told = Channel.CreateUnbounded<Readiness>();

    public int Count { get; private set; }

    public void OnReady(IConnection connection)
    {
        Count++;
        _told.Writer.TryWrite(connection.Ready);
    }

    public async Task<Readiness> UntilAsync(Readiness all)
    {
        for (; ; )
        {
            var told = await _told.Reader.ReadAsync().AsTask().WaitAsync(SocketHarness.Patience);
            if ((told & all) == all) return told;
        }
    }
}

/// <summary>What was logged.</summary>
internal sealed class LogList : ILogger<SocketConnectionManager>
{
    private readonly Channel<(int Id, string Text)> _lines = Channel.CreateUnbounded<(int, string)>();

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _lines.Writer.TryWrite((eventId.Id, formatter(state, exception) + exception?.Message));

    public async Task<string> UntilAsync(int id)
    {
        for (; ; )
        {
            var (seen, text) = await _lines.Reader.ReadAsync().AsTask().WaitAsync(SocketHarness.Patience);
            if (seen == id) return text;
        }
    }
}
