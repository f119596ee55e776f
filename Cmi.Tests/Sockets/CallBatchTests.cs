using System.Net.Sockets;
using System.Text;
using Cmi.Sockets;
using Cmi.Sockets.Linux;
using NUnit.Framework;

namespace Cmi.Tests.Sockets;

/// <summary>Calls that go to the system together: what connections promise all the same.</summary>
[TestFixture]
[NonParallelizable]
public sealed partial class CallBatchTests
{
    private SocketHarness _harness = null!;

    [SetUp]
    public void MakeTransport() => _harness = new(SocketTransport.Epoll, batched: true, new() { LoopCount = 1, CloseTimeout = TimeSpan.FromMinutes(1) });

    [TearDown]
    public async Task DisposeTransport()
    {
        if (_harness is null) return;
        await _harness.DisposeAsync();
        Assert.That(_harness.Manager.OpenConnections, Is.Zero);
    }

    [Test]
    public async Task BatchCalls_SaysWhetherTheyAreMadeTogether([Values] bool batched)
    {
        await using var harness = new SocketHarness(SocketTransport.Epoll, batched);
        var loop = (EpollLoop)harness.Manager.Loops[0];
        Assert.That(await SocketHarness.On(loop, () => loop.Calls), batched ? Is.Not.Null : Is.Null);
    }

    [TestCase(425, Description = "io_uring_setup, as containers forbid it")]
    [TestCase(426, Description = "io_uring_enter alone")]
    public async Task SystemForbidsIt_CallsAreMadeOneByOneAndThatIsLogged(int call)
    {
        SocketHarness harness = null!;
        // Threads inherit what is forbidden to the one that makes them; nobody else is concerned.
        await ForbiddenCall.OnThreadAsync(call, () => harness = new(SocketTransport.Epoll, options: new() { LoopCount = 1 }));
        await using var disposed = harness;
        Assert.That(await harness.Logs.UntilAsync(3006), Does.Contain("one by one"));
        var loop = (EpollLoop)harness.Manager.Loops[0];
        Assert.That(await SocketHarness.On(loop, () => loop.Calls), Is.Null);
        var (client, connection, watcher) = await harness.PairAsync();
        client.Send("abc"u8);
        await watcher.UntilAsync(Readiness.Receivable);
        await SocketHarness.On(connection, () =>
        {
            var into = new byte[10];
            connection.TryReceive(into, out var received);
            connection.TrySendLast(into.AsSpan(0, received), default, out _);
            connection.Close();
        });
        Assert.That(Received(client), Is.EqualTo("abc"u8.ToArray()));
    }

    [Test]
    public async Task Run_MakesTheCallsInTheirOrderAndSaysWhatBecameOfThem()
    {
        var listener = await _harness.ListenAsync();
        using var near = await SocketHarness.ClientAsync(listener.Address);
        var far = (EpollConnection)await _harness.AcceptedAsync();
        near.Blocking = false;
        var closed = Libc.CreateEvent();
        using var ring = Ring.TryOpen()!;
        var bytes = GC.AllocateArray<byte>(6, pinned: true);
        "ab"u8.CopyTo(bytes);
        ring.Receive(far.Descriptor, bytes, 2, 2);
        ring.Send((int)near.Handle, bytes, 0, 2, endFollows: false);
        ring.Receive(far.Descriptor, bytes, 4, 2);
        ring.Receive(far.Descriptor, bytes, 2, 2);
        ring.Close(closed);
        ring.Close(closed);
        ring.Run();
        const int BadDescriptor = 9;
        Assert.That(ring.Outcomes[..6].ToArray(), Is.EqualTo(new[] { -Errno.Again, 2, 2, -Errno.Again, 0, -BadDescriptor }));
        Assert.That(bytes, Is.EqualTo("ab\0\0ab"u8.ToArray()));
    }

    [TestCase(1, false, Description = "Alone, a call of its own costs no more.")]
    [TestCase(3, true)]
    public async Task SeveralAreReceivable_TheyAreReceivedFromBeforeTheFirstOwnerIsTold(int count, bool early)
    {
        var pairs = await PairsAsync(count, static connection => new Taker(connection, takesAll: true));
        await WhileHeldAsync(() => SendAll(pairs, "abc"u8));
        foreach (var pair in pairs) await pair.Taker.UntilAsync(3);
        Assert.That(pairs.Select(pair => pair.Taker.InKernelWhenTold), Is.All.EqualTo(early ? 0 : 3));
    }

    [Test]
    public async Task FirstOwnerEndsTheOthersOfItsTurn_TheyHearNoMore([Values] bool aborts)
    {
        var pairs = await PairsAsync(3, static connection => new Rival(connection));
        foreach (var pair in pairs) ((Rival)pair.Owner).Others.AddRange(from other in pairs where other != pair select other.Connection);
        foreach (var pair in pairs) ((Rival)pair.Owner).Aborts = aborts;
        await WhileHeldAsync(() => SendAll(pairs, "abc"u8));
        await UntilAsync(() => _harness.Manager.OpenConnections == 1);
        Assert.That(pairs.Select(pair => ((Rival)pair.Owner).Received), Is.EquivalentTo(new[] { 3, 0, 0 }));
        var first = pairs.Single(pair => ((Rival)pair.Owner).Received > 0);
        SendAll([first], "de"u8);
        await UntilAsync(() => ((Rival)first.Owner).Received == 5);
        foreach (var pair in pairs) pair.Client.Dispose();
    }

    [Test]
    public async Task OwnerTakesAByteATurn_NothingIsLostOrOutOfOrder([Values] bool moreComes, [Values] bool ends)
    {
        var pairs = await PairsAsync(2, static connection => new Taker(connection, takesAll: false));
        await WhileHeldAsync(() => SendAll(pairs, "abc"u8));
        foreach (var pair in pairs) await pair.Taker.UntilAsync(1);
        if (moreComes) SendAll(pairs, "defg"u8);
        if (ends)
        {
            foreach (var pair in pairs) pair.Client.Shutdown(SocketShutdown.Send);
        }
        foreach (var pair in pairs)
        {
            var count = moreComes ? 7 : 3;
            for (var taken = 2; taken <= count; taken++) await SocketHarness.On(pair.Connection, () => pair.Taker.OnReady(pair.Connection));
            Assert.That(await SocketHarness.On(pair.Connection, () => Encoding.ASCII.GetString([.. pair.Taker.Bytes])), Is.EqualTo("abcdefg"[..count]));
            Assert.That(await SocketHarness.On(pair.Connection, () => pair.Connection.TryReceive(new byte[1], out var _)), Is.EqualTo(ends ? IoStatus.End : IoStatus.WouldBlock));
        }
    }

    [TestCase(CallBatch.ReceiveBytes - 1)]
    [TestCase(CallBatch.ReceiveBytes)]
    [TestCase(CallBatch.ReceiveBytes + 1)]
    [TestCase(3 * CallBatch.ReceiveBytes)]
    public async Task MoreThanAPlaceHolds_IsReceivedToo(int count)
    {
        var pairs = await PairsAsync(2, static connection => new Taker(connection, takesAll: true));
        for (var round = 1; round <= 3; round++)
        {
            var bytes = new byte[count];
            Random.Shared.NextBytes(bytes);
            await WhileHeldAsync(() => SendAll(pairs, bytes));
            foreach (var pair in pairs)
            {
                await pair.Taker.UntilAsync(round * count);
                Assert.That(await SocketHarness.On(pair.Connection, () => pair.Taker.Bytes[^count..].SequenceEqual(bytes)), Is.True);
            }
        }
    }

    [Test]
    public async Task KeptBytes_LeaveBeforeWhatFollowsThem([Values] bool together)
    {
        var pairs = await PairsAsync(2, static connection => new Taker(connection, takesAll: true));
        await SocketHarness.On(pairs[0].Connection, () =>
        {
            foreach (var pair in pairs[..(together ? 2 : 1)])
            {
                Assert.That(pair.Connection.TrySendSoon("a"u8, "b"u8, out var sent), Is.EqualTo(IoStatus.Done));
                Assert.That(sent, Is.EqualTo(2));
            }
            pairs[0].Connection.TrySendSoon("c"u8, default, out _);
            pairs[0].Connection.TrySend("d"u8, default, out _);
            pairs[0].Connection.TrySendSoon(new byte[CallBatch.MaxSendBytes + 1], default, out _);
            pairs[0].Connection.TrySendLast("e"u8, default, out _);
            pairs[0].Connection.Close();
            if (together) pairs[1].Connection.EndSending();
        });
        Assert.That(Received(pairs[0].Client), Is.EqualTo((byte[])[.. "abcd"u8, .. new byte[CallBatch.MaxSendBytes + 1], .. "e"u8]));
        if (together) Assert.That(Received(pairs[1].Client), Is.EqualTo("ab"u8.ToArray()));
    }

    [Test]
    public async Task Abort_DropsWhatIsKept()
    {
        var pairs = await PairsAsync(2, static connection => new Taker(connection, takesAll: true));
        await SocketHarness.On(pairs[0].Connection, () =>
        {
            foreach (var pair in pairs) pair.Connection.TrySendSoon("kept"u8, default, out _);
            pairs[0].Connection.Abort("a test");
            pairs[1].Connection.Close();
        });
        Assert.That(() => pairs[0].Client.Receive(new byte[10]), Throws.TypeOf<SocketException>().With.Property(nameof(SocketException.SocketErrorCode)).EqualTo(SocketError.ConnectionReset));
        Assert.That(Received(pairs[1].Client), Is.EqualTo("kept"u8.ToArray()));
    }

    [Test]
    public async Task PeerHasReset_OwnerOfKeptBytesIsTold([Values] bool endsSending)
    {
        var listener = await _harness.ListenAsync();
        var clients = new[] { await SocketHarness.ClientAsync(listener.Address), await SocketHarness.ClientAsync(listener.Address) };
        var (first, second) = (await _harness.AcceptedAsync(), await _harness.AcceptedAsync());
        var watcher = new Watcher();
        await SocketHarness.On(first, () => first.SetOwner(watcher));
        await SocketHarness.On(first, () =>
        {
            first.TrySendSoon("lost"u8, default, out _);
            if (endsSending) first.EndSending();
            second.TrySendSoon("arrives"u8, default, out _);
            clients[0].LingerState = new(true, 0);
            clients[0].Dispose();
        });
        await watcher.UntilAsync(Readiness.Failed);
        Assert.That(await SocketHarness.On(first, () => endsSending ? first.TryReceive(new byte[1], out var _) : first.TrySendSoon("x"u8, default, out var _)), Is.EqualTo(IoStatus.Failed));
        await SocketHarness.On(second, second.Close);
        Assert.That(Received(clients[1]), Is.EqualTo("arrives"u8.ToArray()));
        clients[1].Dispose();
    }

    [Test]
    public async Task PeerTakesLessThanWasKept_RestFollowsAndRoomIsToldThen()
    {
        var (clients, connections, watchers, taken) = await FilledAsync();
        for (var i = 0; i < 2; i++)
        {
            Assert.That(await SocketHarness.On(connections[i], () => connections[i].TrySendSoon("x"u8, default, out _)), Is.EqualTo(IoStatus.WouldBlock));
            Receive(clients[i], taken[i]);
            await watchers[i].UntilAsync(Readiness.Sendable);
            await SocketHarness.On(connections[i], () => connections[i].TrySendSoon("end"u8, default, out _));
            await SocketHarness.On(connections[i], connections[i].Close);
            Assert.That(Received(clients[i]), Is.EqualTo("end"u8.ToArray()));
        }
    }

    [Test]
    public async Task ClosedWithARest_PeerGetsItBeforeTheEnd([Values] bool endsSendingOnly)
    {
        var (clients, connections, _, taken) = await FilledAsync();
        for (var i = 0; i < 2; i++)
        {
            var connection = connections[i];
            await SocketHarness.On(connection, () =>
            {
                if (endsSendingOnly) connection.EndSending();
                else connection.Close();
            });
        }
        Assert.That(_harness.Manager.OpenConnections, Is.EqualTo(2), "a rest is to be sent");
        for (var i = 0; i < 2; i++)
        {
            Receive(clients[i], taken[i]);
            Assert.That(clients[i].Receive(new byte[1]), Is.Zero);
        }
        await UntilAsync(() => _harness.Manager.OpenConnections == (endsSendingOnly ? 2 : 0));
    }

    [Test]
    public async Task ClosedWithARestThatNobodyTakes_IsGivenUpInTime([Values] bool unix, [Values] bool whileDisposed)
    {
        await _harness.DisposeAsync();
        _harness = new(SocketTransport.Epoll, batched: true, new() { LoopCount = 1, CloseTimeout = TimeSpan.FromMilliseconds(50) });
        var (_, connections, _, _) = await FilledAsync(unix);
        foreach (var connection in connections) await SocketHarness.On(connection, connection.Close);
        Assert.That(_harness.Manager.OpenConnections, Is.EqualTo(2), "a rest is to be sent");
        if (whileDisposed) await _harness.DisposeAsync().AsTask().WaitAsync(SocketHarness.Patience);
        else await UntilAsync(() => _harness.Manager.OpenConnections == 0);
        Assert.That(_harness.Manager.OpenConnections, Is.Zero);
    }

    [Test]
    public async Task ClosedWithARest_EndOfTheTransportWaitsForIt()
    {
        var (clients, connections, _, taken) = await FilledAsync();
        foreach (var connection in connections) await SocketHarness.On(connection, connection.Close);
        var disposed = _harness.DisposeAsync().AsTask();
        for (var i = 0; i < 2; i++)
        {
            Assert.That(disposed.IsCompleted, Is.False);
            Receive(clients[i], taken[i]);
            Assert.That(clients[i].Receive(new byte[1]), Is.Zero);
        }
        await disposed.WaitAsync(SocketHarness.Patience);
    }

    [Test]
    public async Task MuchIsUnanswered_NothingMoreIsKeptSoThatItIsKnownWhatIsTaken()
    {
        var pair = (await PairsAsync(1, static connection => new Taker(connection, takesAll: true)))[0];
        var piece = new byte[5_000];
        for (var sends = 1; sends <= 3; sends++)
        {
            var kept = await SocketHarness.On(pair.Connection, () => pair.Connection.TrySendSoon(piece, default, out _) == IoStatus.Done && ((EpollConnection)pair.Connection).HasKept);
            Assert.That(kept, Is.EqualTo(sends < 3), "the client has answered nothing");
        }
        pair.Client.Send("x"u8);
        await pair.Taker.UntilAsync(1);
        Assert.That(await SocketHarness.On(pair.Connection, () => pair.Connection.TrySendSoon(piece, default, out _) == IoStatus.Done && ((EpollConnection)pair.Connection).HasKept), Is.True);
    }

    [Test]
    public async Task MoreInATurnThanGoTogether_AllAreServed()
    {
        const int Count = 2 * CallBatch.MaxReceives + 50;
        var pairs = await PairsAsync(Count, static connection => new Echo(connection));
        await WhileHeldAsync(() => SendAll(pairs, "once"u8));
        foreach (var pair in pairs) Assert.That(Received(pair.Client), Is.EqualTo("once"u8.ToArray()));
        await SocketHarness.On(_harness.Manager.Loops[0], () => true);
        Assert.That(_harness.Manager.OpenConnections, Is.Zero);
    }
}
