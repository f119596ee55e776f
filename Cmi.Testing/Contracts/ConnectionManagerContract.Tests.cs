using NUnit.Framework;

#pragma warning disable CS1591 // The names of the tests say what they hold.
#pragma warning disable CA1707

namespace Cmi.Testing.Contracts;

public abstract partial class ConnectionManagerContract
{
    private const long MiB = 1024 * 1024;
    private const long MoreThanAnyBuffer = 256 * MiB;

    [Test]
    public async Task BytesSent_ComeBackFromAnEcho([Values(1, 1_000, 300_000)] int count)
    {
        var (client, server) = await Pair(echoing: true);
        await OnLoop(client.Connection.Loop, () => client.Send(count));
        await Until(client, p => p.Received == count, "all bytes had come back");
        await Until(server, p => p.Sent == count, "the server had sent all bytes");
    }

    [Test]
    public async Task ServerSpeaksFirst_ClientReceives()
    {
        var (client, server) = await Pair();
        await OnLoop(server.Connection.Loop, () => server.Send(10));
        await Until(client, p => p.Received == 10, "the bytes had come");
    }

    [Test]
    public async Task SlowReader_BlocksTheSenderAndLosesNothing([Values] bool byTheServer)
    {
        var (client, server) = await Pair();
        var (from, to) = byTheServer ? (server, client) : (client, server);
        await OnLoop(to.Connection.Loop, () => to.Reading = false);
        await OnLoop(from.Connection.Loop, () => from.SendUntilBlocked(MoreThanAnyBuffer));
        Assert.That(await OnLoop(from.Connection.Loop, () => from.Blocked), Is.EqualTo(1), "a sender without a reader never blocked");
        await OnLoop(from.Connection.Loop, () => from.Send(MiB, thenEnd: true));
        await OnLoop(to.Connection.Loop, to.Read);
        await Until(to, p => p.Ended, "the end had come");
        Assert.That(await OnLoop(to.Connection.Loop, () => to.Received), Is.EqualTo(await OnLoop(from.Connection.Loop, () => from.ToSend)));
        Assert.That(await OnLoop(from.Connection.Loop, () => from.ToldSendable), Is.Positive, "the sender was never told of room");
    }

    [Test]
    public async Task ClientEndsSending_ServerStillSends()
    {
        var (client, server) = await Pair(echoing: true);
        await OnLoop(client.Connection.Loop, () => client.Send(MiB, thenEnd: true));
        await Until(client, p => p.Ended, "the echo had ended too");
        Assert.That(await OnLoop(client.Connection.Loop, () => client.Received), Is.EqualTo(MiB));
        Assert.That(await OnLoop(server.Connection.Loop, () => server.Connection.Ready & Readiness.PeerEnded), Is.EqualTo(Readiness.PeerEnded));
    }

    [Test]
    public async Task ServerEndsSending_ClientStillSends()
    {
        var (client, server) = await Pair();
        await OnLoop(server.Connection.Loop, () => { server.Send(5); server.EndSending(); server.EndSending(); });
        await Until(client, p => p.Ended, "the end had come");
        Assert.That(await OnLoop(client.Connection.Loop, () => client.Received), Is.EqualTo(5));
        await OnLoop(client.Connection.Loop, () => client.Send(70_000));
        await Until(server, p => p.Received == 70_000, "the bytes had come");
    }

    [Test]
    public async Task EndOfAnIdlePeer_IsTold()
    {
        var (client, server) = await Pair();
        await OnLoop(client.Connection.Loop, client.EndSending);
        await Until(server, p => p.Ended, "the end had come");
        Assert.That(await OnLoop(server.Connection.Loop, () => server.Failed), Is.False);
    }

    [Test]
    public async Task Close_DeliversTheRest([Values] bool byTheServer)
    {
        var (client, server) = await Pair();
        var (from, to) = byTheServer ? (server, client) : (client, server);
        await OnLoop(to.Connection.Loop, () => to.Reading = false);
        var sent = await OnLoop(from.Connection.Loop, () =>
        {
            from.Send(60_000);
            from.Close();
            from.Close();
            return from.Sent;
        });
        Assert.That(sent, Is.Positive);
        await OnLoop(to.Connection.Loop, to.Read);
        await Until(to, p => p.Ended, "the end had come");
        Assert.That(await OnLoop(to.Connection.Loop, () => to.Received), Is.EqualTo(sent));
    }

    [Test]
    public async Task Abort_BreaksTheConnectionForThePeer([Values] bool byTheServer)
    {
        if (!AbortIsVisible) Assert.Ignore("This transport cannot make an abort visible.");
        var (client, server) = await Pair();
        var (from, to) = byTheServer ? (server, client) : (client, server);
        await OnLoop(from.Connection.Loop, from.Abort);
        await Until(to, p => p.Failed, "the reset had come");
        Assert.That(await OnLoop(to.Connection.Loop, () => to.Ended), Is.False, "a reset looked like a clean end");
        Assert.That(await OnLoop(to.Connection.Loop, () => to.Connection.Ready & Readiness.Failed), Is.EqualTo(Readiness.Failed));
        Assert.That(await OnLoop(to.Connection.Loop, () => to.Connection.TryReceive(new byte[10], out _)), Is.EqualTo(IoStatus.Failed));
        Assert.That(await OnLoop(to.Connection.Loop, () => to.Connection.TrySend("x"u8, default, out _)), Is.EqualTo(IoStatus.Failed));
    }

    [Test]
    public async Task RefusedConnect_ThrowsIOException()
    {
        var (listener, _) = await Listen();
        var nobody = ServerAt(listener);
        await Crank(listener.DisposeAsync().AsTask());
        await Assert.ThatAsync(() => Connect(nobody), Throws.InstanceOf<IOException>());
    }

    [Test]
    public async Task ConnectWithACancelledToken_IsCancelled()
    {
        var (listener, _) = await Listen();
        var loop = _manager.Loops[0];
        await Assert.ThatAsync(() => OnLoop(loop, () => _manager.ConnectAsync(ServerAt(listener), loop, new CancellationToken(true))),
            Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public async Task ConnectCancelledWhileItWaits_IsCancelled()
    {
        if (SilentServer(_manager) is not { } silent)
        {
            Assert.Ignore("This transport knows no server that never answers.");
            return;
        }
        using var cancel = new CancellationTokenSource();
        var loop = _manager.Loops[0];
        var connecting = await OnLoop(loop, () => _manager.ConnectAsync(silent, loop, cancel.Token).AsTask());
        await OnLoop(loop, () => { });
        Assert.That(connecting.IsCompleted, Is.False);
        await OnLoop(loop, cancel.Cancel);
        await Assert.ThatAsync(() => Await(connecting), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public async Task SetOwner_TellsTheNewOwnerWhatIsReadyInTheSameTurnButNotInside()
    {
        var (client, server) = await Pair(serverReads: false);
        await OnLoop(client.Connection.Loop, () => client.Send(10));
        await Until(server, p => (p.Connection.Ready & Readiness.Receivable) != Readiness.None, "the bytes had arrived");
        var next = await OnLoop(server.Connection.Loop, () =>
        {
            var probe = new ConnectionProbe(server.Connection);
            server.Own(probe);
            Assert.That(probe.Told, Is.Zero, "told from inside SetOwner");
            return probe;
        });
        lock (_probes) _probes.Add(next);
        await Until(next, p => p.Received == 10, "the new owner had the bytes");
        await OnLoop(client.Connection.Loop, () => client.Send(20));
        await Until(next, p => p.Received == 30, "the new owner had the later bytes");
    }

    [Test]
    public async Task OwnerSetLater_HearsWhatCameBefore()
    {
        var (client, server) = await Pair(serverOwned: false);
        await OnLoop(client.Connection.Loop, () => client.Send(10, thenEnd: true));
        await OnLoop(server.Connection.Loop, () => server.Start());
        await Until(server, p => p.Received == 10 && p.Ended, "all had come");
    }

    [Test]
    public async Task ManyConnections_HaveTheirOwnIdsBytesAndLoops()
    {
        const int Count = 20;
        var accepted = new List<ConnectionProbe>();
        var listener = await Await(_manager.ListenAsync(AnyAddress, connection =>
        {
            var probe = new ConnectionProbe(connection) { Echoing = true }.Start();
            lock (_probes) _probes.Add(probe);
            lock (accepted) accepted.Add(probe);
        }, CancellationToken.None));
        var clients = new List<ConnectionProbe>();
        for (var i = 0; i < Count; i++) clients.Add(await Connect(ServerAt(listener), on: _manager.Loops[i % _manager.Loops.Count]));
        for (var i = 0; i < Count; i++)
        {
            var (client, count) = (clients[i], (i * 1_000) + 1);
            Assert.That(client.Connection.Loop, Is.SameAs(_manager.Loops[i % _manager.Loops.Count]));
            await OnLoop(client.Connection.Loop, () => client.Send(count, thenEnd: true));
        }
        foreach (var client in clients) await Until(client, p => p.Ended, "the echo had ended");
        for (var i = 0; i < Count; i++) Assert.That(await OnLoop(clients[i].Connection.Loop, () => clients[i].Received), Is.EqualTo((i * 1_000) + 1));
        lock (accepted)
        {
            Assert.That(accepted, Has.Count.EqualTo(Count));
            Assert.That(accepted.Concat(clients).Select(p => p.Connection.Id), Is.Unique);
            Assert.That(accepted.Select(p => p.Connection.Loop).Distinct(), Is.SubsetOf(_manager.Loops));
        }
    }

    [Test]
    public async Task ListenTwiceAtOneAddress_ThrowsIOException()
    {
        var (listener, _) = await Listen();
        await Assert.ThatAsync(() => Await(_manager.ListenAsync(listener.Address, _ => { }, CancellationToken.None)), Throws.InstanceOf<IOException>());
    }

    [Test]
    public async Task ListenerDisposed_KeepsOpenConnections()
    {
        var (listener, accepted) = await Listen(echoing: true);
        var client = await Connect(ServerAt(listener));
        await Await(accepted);
        await Crank(listener.DisposeAsync().AsTask());
        await OnLoop(client.Connection.Loop, () => client.Send(100));
        await Until(client, p => p.Received == 100, "the echo had come");
    }

    [Test]
    public async Task PausedListener_TakesClientsAfterResume()
    {
        var (listener, accepted) = await Listen(echoing: true);
        listener.Pause();
        var client = await Connect(ServerAt(listener));
        await OnLoop(client.Connection.Loop, () => client.Send(7));
        listener.Resume();
        await Await(accepted);
        await Until(client, p => p.Received == 7, "the echo had come");
    }

    [Test]
    public void PortZero_PicksOne()
    {
        if (AnyAddress.Kind != AddressKind.Tcp) Assert.Ignore("This transport listens at paths.");
        Assert.That(async () => (await Listen()).Listener.Address.Port, Is.InRange(1, 65535));
    }

    [Test]
    public async Task ConnectionClosed_HearsNoMore()
    {
        var (client, server) = await Pair();
        await OnLoop(server.Connection.Loop, server.Close);
        await OnLoop(client.Connection.Loop, () => client.Send(100));
        await Until(client, p => p.Ended || p.Failed, "the close was seen");
        await OnLoop(server.Connection.Loop, () => { });           // TearDown looks for what the closed one was told
    }
}
