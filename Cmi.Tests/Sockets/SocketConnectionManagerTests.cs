using System.Net;
using System.Net.Sockets;
using Cmi.Sockets;
using Microsoft.Extensions.DependencyInjection;
using NUnit.Framework;

namespace Cmi.Tests.Sockets;

[TestFixture(SocketTransport.Managed, false)]
[TestFixture(SocketTransport.Epoll, false)]
[TestFixture(SocketTransport.Epoll, true)]
public sealed class SocketConnectionManagerTests(SocketTransport transport, bool batched)
{
    [Test]
    public async Task ClientsConnect_LoopsShareThemEvenly()
    {
        await using var harness = new SocketHarness(transport, batched, new() { LoopCount = 3 });
        var address = (await harness.ListenAsync()).Address;
        var connections = new List<IConnection>();
        for (var i = 0; i < 12; i++)
        {
            using var client = await SocketHarness.ClientAsync(address);
            connections.Add(await harness.AcceptedAsync());
        }
        // With epoll the kernel spreads them, evenly in the long run: EpollTransportTests.
        if (transport == SocketTransport.Managed) Assert.That(connections.CountBy(connection => connection.Loop).Select(pair => pair.Value), Is.EqualTo(new[] { 4, 4, 4 }));
        Assert.That(connections.Select(connection => connection.Peer?.Address), Is.All.EqualTo(IPAddress.Loopback));
    }

    [Test]
    public async Task ListenerIsPaused_ClientsWaitInTheBacklog()
    {
        await using var harness = new SocketHarness(transport, batched);
        var listener = await harness.ListenAsync();
        for (var i = 0; i < 3; i++)
        {
            listener.Pause();
            listener.Pause();
            using var client = await SocketHarness.ClientAsync(listener.Address);
            Assert.That(harness.AcceptedWaiting, Is.Zero);
            listener.Resume();
            listener.Resume();
            await harness.AcceptedAsync();
        }
        listener.Pause();
        await listener.DisposeAsync();
        await listener.DisposeAsync();
    }

    [Test]
    public async Task AddressIsInUse_IOExceptionNamesIt()
    {
        await using var harness = new SocketHarness(transport, batched);
        var address = (await harness.ListenAsync()).Address;
        var fault = await Assert.ThrowsAsync<IOException>(() => harness.ListenAsync(address.ToString()));
        Assert.That(fault?.Message, Does.Contain(address.ToString()).And.Contain("in use"));
    }

    [Test]
    public async Task AddressIsOfAnotherMachine_IOExceptionNamesIt()
    {
        await using var harness = new SocketHarness(transport, batched);
        var fault = await Assert.ThrowsAsync<IOException>(() => harness.ListenAsync("http://192.0.2.1:0"));
        Assert.That(fault?.Message, Does.Contain("http://192.0.2.1:0"));
    }

    [TestCase("http://localhost:0")]
    [TestCase("http://*:0")]
    public async Task BothFamilies_AreListenedAt(string at)
    {
        await using var harness = new SocketHarness(transport, batched);
        var address = (await harness.ListenAsync(at)).Address;
        Assert.That(address.Port, Is.Positive);
        using var four = await SocketHarness.ClientAsync(address);
        Assert.That((await harness.AcceptedAsync()).Peer?.Address, Is.EqualTo(IPAddress.Loopback));
        if (!Socket.OSSupportsIPv6) return;
        try
        {
            using var six = await SocketHarness.ClientAsync(address, IPAddress.IPv6Loopback);
            Assert.That((await harness.AcceptedAsync()).Peer?.Address, Is.EqualTo(IPAddress.IPv6Loopback));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressNotAvailable)
        {
            Assert.Warn("No IPv6 loopback here.");
        }
    }

    [Test]
    public async Task UnixSocketFile_IsRemovedWithItsListener()
    {
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        await using var harness = new SocketHarness(transport, batched);
        var listener = await harness.ListenAsync("unix:" + path);
        Assert.That(File.Exists(path), Is.True);
        await Assert.ThrowsAsync<IOException>(() => harness.ListenAsync("unix:" + path), "somebody answers there");
        await listener.DisposeAsync();
        Assert.That(File.Exists(path), Is.False);
    }

    [Test]
    public async Task UnixSocketFileIsStale_IsReplaced()
    {
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        using (var dead = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            dead.Bind(new UnixDomainSocketEndPoint(path + "~"));
            File.Move(path + "~", path);                           // so that closing it does not remove it
        }
        await using var harness = new SocketHarness(transport, batched);
        var listener = await harness.ListenAsync("unix:" + path);
        using var client = await SocketHarness.ClientAsync(listener.Address);
        Assert.That((await harness.AcceptedAsync()).Peer, Is.Null);
    }

    [Test]
    public async Task PlainFileIsInTheWay_IsLeftAlone()
    {
        var path = Path.GetTempFileName();
        await using var harness = new SocketHarness(transport, batched);
        await Assert.ThrowsAsync<IOException>(() => harness.ListenAsync("unix:" + path));
        Assert.That(File.Exists(path), Is.True);
        File.Delete(path);
    }

    [Test]
    public async Task NameHasSeveralAddresses_AllAreTriedAndTheNameIsKept()
    {
        var lookUps = 0;
        await using var harness = new SocketHarness(transport, batched, resolve: _ =>
        {
            lookUps++;
            return Task.FromResult(new[] { IPAddress.Parse("127.0.0.9"), IPAddress.Loopback });
        });
        var port = (await harness.ListenAsync()).Address.Port;
        for (var i = 0; i < 3; i++)
        {
            var connection = await harness.ConnectAsync(new(AddressKind.Tcp, "server.example", port));
            Assert.That(connection.Peer, Is.EqualTo(new PeerAddress(IPAddress.Loopback, port)));
            Assert.That(connection.Loop, Is.SameAs(harness.Manager.Loops[0]));
        }
        Assert.That(lookUps, Is.EqualTo(1));
    }

    [Test]
    public async Task NameServerIsAway_TheAddressesFromBeforeServe()
    {
        var away = false;
        await using var harness = new SocketHarness(transport, batched, new() { LoopCount = 1, ResolveEvery = TimeSpan.Zero },
            _ => away ? throw new SocketException((int)SocketError.TryAgain) : Task.FromResult(new[] { IPAddress.Loopback }));
        var server = new ServerAddress(AddressKind.Tcp, "server.example", (await harness.ListenAsync()).Address.Port);
        await harness.ConnectAsync(server);
        away = true;
        await harness.ConnectAsync(server);
        var fault = await Assert.ThrowsAsync<IOException>(() => harness.ConnectAsync(server with { Host = "other.example" }));
        Assert.That(fault?.Message, Does.Contain("other.example"));
    }

    [Test]
    public async Task AllAddressesFail_IOExceptionListsThem()
    {
        await using var harness = new SocketHarness(transport, batched, resolve: _ => Task.FromResult(new[] { IPAddress.Parse("127.0.0.8"), IPAddress.Parse("127.0.0.9") }));
        var listener = await harness.ListenAsync();
        await listener.DisposeAsync();
        var fault = await Assert.ThrowsAsync<IOException>(() => harness.ConnectAsync(new(AddressKind.Tcp, "server.example", listener.Address.Port)));
        Assert.That(fault?.Message, Does.Contain("server.example").And.Contain("127.0.0.8:").And.Contain("127.0.0.9:"));
        Assert.That(harness.Manager.OpenConnections, Is.Zero);
    }

    [Test]
    public async Task CancelledDuringTheLookUp_IsCancelled()
    {
        var never = new TaskCompletionSource<IPAddress[]>();
        await using var harness = new SocketHarness(transport, batched, resolve: _ => never.Task);
        using var cancel = new CancellationTokenSource();
        var connecting = harness.ConnectAsync(new(AddressKind.Tcp, "server.example", 1), cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThatAsync(() => connecting, Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public async Task ManagerIsDisposed_NothingIsLeft()
    {
        var never = new TaskCompletionSource<IPAddress[]>();
        var harness = new SocketHarness(transport, batched, new() { LoopCount = 2 }, _ => never.Task);
        var listener = await harness.ListenAsync();
        using var client = await SocketHarness.ClientAsync(listener.Address);
        await harness.AcceptedAsync();
        var dialling = harness.ConnectAsync(new(AddressKind.Tcp, "server.example", 1));
        await SocketHarness.On(harness.Manager.Loops[0], () => 0);
        await harness.DisposeAsync().AsTask().WaitAsync(SocketHarness.Patience);
        await harness.DisposeAsync();
        await Assert.ThrowsAsync<IOException>(() => dialling);
        Assert.That(harness.Manager.OpenConnections, Is.Zero);
        Assert.That((await Assert.ThrowsAsync<SocketException>(async () => await client.ReceiveAsync(new byte[1])))?.SocketErrorCode,
            Is.EqualTo(SocketError.ConnectionReset));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => harness.ListenAsync());
        Assert.DoesNotThrow(() => harness.Manager.Loops[0].Post(_ => { }, null), "late completions still post");
    }

    [Test]
    public async Task ExceptionEscapes_IsLoggedAndTheLoopGoesOn()
    {
        await using var harness = new SocketHarness(transport, batched);
        var loop = harness.Manager.Loops[0];
        loop.Post(_ => throw new InvalidOperationException("from a post"), null);
        Assert.That(await harness.Logs.UntilAsync(3000), Does.Contain("cmi-loop-0").And.EndWith("from a post"));
        var timer = new LoopTimer(_ => throw new InvalidOperationException("from a timer"), null);
        await SocketHarness.On(loop, () =>
        {
            loop.SetTimer(timer, loop.Now + 1);
            return 0;
        });
        Assert.That(await harness.Logs.UntilAsync(3000), Does.EndWith("from a timer"));
        Assert.That(await SocketHarness.On(loop, () => loop.IsCurrent && SynchronizationContext.Current is not null), Is.True);
        Assert.That(loop.IsCurrent, Is.False);
    }

    [Test]
    public async Task TurnIsLong_IsLogged()
    {
        await using var harness = new SocketHarness(transport, batched);
        harness.Manager.Loops[0].Post(_ => SpinWait.SpinUntil(() => false, 120), null);
        Assert.That(await harness.Logs.UntilAsync(3001), Does.Contain("cmi-loop-0"));
    }

    [Test]
    public void SettingsThatCannotWork_AreAllNamed()
    {
        var options = new SocketOptions { Transport = (SocketTransport)9, LoopCount = 0, Backlog = 0, ResolveEvery = TimeSpan.FromDays(2), CloseTimeout = TimeSpan.Zero };
        var fault = Assert.Throws<ArgumentException>(() => new SocketConnectionManager(options));
        foreach (var name in new[] { "Transport is 9", "LoopCount is 0", "Backlog is 0", "ResolveEvery is 2", "CloseTimeout is 00" })
            Assert.That(fault?.Message, Does.Contain(name));
        Assert.That(new SocketOptionsValidator().Validate(null, new()).Succeeded, Is.True);
    }

    [Test]
    public async Task UseSockets_TheLastCallWins()
    {
        var builder = new Builder();
        builder.Services.AddSingleton<IConnectionManager>(_ => throw new InvalidOperationException());
        SocketHarness.Available(transport, batched);
        builder.UseSockets().UseSockets(options => (options.LoopCount, options.Transport) = (2, transport));
        await using var services = builder.Services.BuildServiceProvider();
        var manager = services.GetServices<IConnectionManager>().Single();
        Assert.That((manager as SocketConnectionManager)?.Transport, Is.EqualTo(transport));
        Assert.That(manager.Loops, Has.Count.EqualTo(2));
    }

    private sealed class Builder : ICmiBuilder
    {
        public IServiceCollection Services { get; } = new ServiceCollection();
    }
}
