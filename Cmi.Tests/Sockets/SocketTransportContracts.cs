using System.Net;
using System.Net.Sockets;
using Cmi.Sockets;
using Cmi.Testing.Contracts;
using NUnit.Framework;

namespace Cmi.Tests.Sockets;

[TestFixture(SocketTransport.Managed, false)]
[TestFixture(SocketTransport.Epoll, false)]
[TestFixture(SocketTransport.Epoll, true)]
public sealed class TcpTransportFollowsTheContract(SocketTransport transport, bool batched) : ConnectionManagerContract
{
    private readonly List<Socket> _silent = [];
    private SocketConnectionManager? _manager;

    [OneTimeSetUp]
    public void OnlyWhereAvailable() => SocketHarness.Available(transport, batched);

    [TearDown]
    public void CloseSilentServer()
    {
        foreach (var socket in _silent) socket.Dispose();
        _silent.Clear();
    }

    protected override ValueTask<IConnectionManager> CreateManagerAsync() =>
        new(_manager = new SocketConnectionManager(new() { LoopCount = 2, Transport = transport, BatchCalls = batched }));

    // Its backlog is full, so the system drops what asks for more: such a connect hangs.
    protected override ServerAddress? SilentServer(IConnectionManager manager)
    {
        if (!OperatingSystem.IsLinux()) return null;
        var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        _silent.Add(server);
        server.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        server.Listen(0);
        for (var i = 0; i < 4; i++)
        {
            var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            _silent.Add(client);
            _ = client.ConnectAsync(server.LocalEndPoint!).ContinueWith(connect => connect.Exception, TaskScheduler.Default);
        }
        return new(AddressKind.Tcp, "127.0.0.1", ((IPEndPoint)server.LocalEndPoint!).Port);
    }

    protected override void AssertNothingIsLeft() => Assert.That(_manager?.OpenConnections, Is.Zero);
}

[TestFixture(SocketTransport.Managed, false)]
[TestFixture(SocketTransport.Epoll, false)]
[TestFixture(SocketTransport.Epoll, true)]
public sealed class UnixTransportFollowsTheContract(SocketTransport transport, bool batched) : ConnectionManagerContract
{
    private SocketConnectionManager? _manager;

    [OneTimeSetUp]
    public void OnlyWhereAvailable() => SocketHarness.Available(transport, batched);

    protected override ListenAddress AnyAddress => new(AddressKind.Unix, Path.Combine(Path.GetTempPath(), Path.GetRandomFileName()), 0);

    // A Unix domain socket has no reset: its peer sees an end.
    protected override bool AbortIsVisible => false;

    protected override ValueTask<IConnectionManager> CreateManagerAsync() =>
        new(_manager = new SocketConnectionManager(new() { LoopCount = 2, Transport = transport, BatchCalls = batched }));

    protected override void AssertNothingIsLeft() => Assert.That(_manager?.OpenConnections, Is.Zero);
}
