using System.Net;
using System.Net.Sockets;
using Cmi.Sockets;
using NUnit.Framework;

namespace Cmi.Tests.Sockets;

[TestFixture(SocketTransport.Managed, false)]
[TestFixture(SocketTransport.Epoll, false)]
[TestFixture(SocketTransport.Epoll, true)]
public sealed class SocketConnectionTests(SocketTransport transport, bool batched)
{
    private readonly byte[] _into = new byte[1024];

    [Test]
    public async Task PeerEnds_ReadyTellsTheEndFromBytes()
    {
        await using var harness = new SocketHarness(transport, batched);
        var (client, connection, watcher) = await harness.PairAsync();
        using var _ = client;
        client.Send("abc"u8);
        var told = await watcher.UntilAsync(Readiness.Receivable);
        Assert.That(told & Readiness.PeerEnded, Is.EqualTo(Readiness.None), "bytes are no end");
        await SocketHarness.On(connection, () =>
        {
            Assert.That(connection.TryReceive(_into, out var received), Is.EqualTo(IoStatus.Done));
            Assert.That(received, Is.EqualTo(3));
            Assert.That(connection.Ready, Is.EqualTo(Readiness.Sendable), "a short read has emptied it");
        });
        client.Shutdown(SocketShutdown.Send);
        told = await watcher.UntilAsync(Readiness.PeerEnded);
        Assert.That(told, Is.EqualTo(Readiness.PeerEnded | Readiness.Receivable | Readiness.Sendable));
        await SocketHarness.On(connection, () =>
        {
            for (var i = 0; i < 3; i++) Assert.That(connection.TryReceive(_into, out var _), Is.EqualTo(IoStatus.End));
            Assert.That(connection.Ready, Is.EqualTo(Readiness.PeerEnded | Readiness.Sendable));
        });
    }

    [Test]
    public async Task PeerResets_ReadyIsFailed()
    {
        await using var harness = new SocketHarness(transport, batched);
        var (client, connection, watcher) = await harness.PairAsync();
        client.LingerState = new(true, 0);
        client.Dispose();
        var told = await watcher.UntilAsync(Readiness.Failed);
        Assert.That(told & (Readiness.PeerEnded | Readiness.Sendable), Is.EqualTo(Readiness.None));
        await SocketHarness.On(connection, () =>
        {
            for (var i = 0; i < 2; i++) Assert.That(connection.TryReceive(_into, out var _), Is.EqualTo(IoStatus.Failed));
            Assert.That(connection.TrySend("x"u8, default, out var _), Is.EqualTo(IoStatus.Failed));
            connection.Close();
        });
        Assert.That(harness.Manager.OpenConnections, Is.Zero);
    }

    [Test]
    [Platform("Linux", Reason = "Other systems drop what they had.")]
    public async Task BytesBeforeAReset_AreStillReceived()
    {
        await using var harness = new SocketHarness(transport, batched);
        var (client, connection, watcher) = await harness.PairAsync();
        await SocketHarness.On(connection, () => connection.TrySend("unread"u8, default, out var _));
        client.Send("reply"u8);
        client.Dispose();                                          // with bytes unread: the kernel makes it a reset
        await watcher.UntilAsync(Readiness.Receivable);
        await SocketHarness.On(connection, () => Assert.That((connection.TryReceive(_into, out var received), received), Is.EqualTo((IoStatus.Done, 5))));
    }

    [Test]
    public async Task HeadAndContent_LeaveAsOneRun([Values(10, 60_000, 100_000)] int contentBytes)
    {
        await using var harness = new SocketHarness(transport, batched);
        var (client, connection, _) = await harness.PairAsync();
        using var __ = client;
        var content = new byte[contentBytes];
        new Random(1).NextBytes(content);
        var sent = 0;
        var status = await SocketHarness.On(connection, () => connection.TrySend("head"u8, content, out sent));
        Assert.That(status, Is.EqualTo(IoStatus.Done));
        var got = new byte[sent];
        await client.ReceiveAllAsync(got);
        Assert.That(got.AsSpan(0, 4).SequenceEqual("head"u8), Is.True);
        Assert.That(got.AsSpan(4).SequenceEqual(content.AsSpan(0, sent - 4)), Is.True);
    }

    [Test]
    public async Task CloseWhileBytesAreHeld_AllTakenArriveBeforeACleanEnd()
    {
        await using var harness = new SocketHarness(transport, batched);
        var (client, connection, watcher) = await harness.PairAsync();
        using var _ = client;
        await watcher.UntilAsync(Readiness.Sendable);
        var taken = await SocketHarness.On(connection, () =>
        {
            var count = Fill(connection);
            connection.Close();
            connection.Close();
            connection.Abort("does nothing after a close");
            return count;
        });
        var told = watcher.Count;
        Assert.That(harness.Manager.OpenConnections, Is.EqualTo(transport == SocketTransport.Managed ? 1 : 0), "it lingers, or the kernel does that");
        Assert.That(await DrainAsync(client), Is.EqualTo(taken));
        await SocketHarness.On(connection, () => { });
        Assert.That(harness.Manager.OpenConnections, Is.Zero);
        Assert.That(watcher.Count, Is.EqualTo(told), "told after the close");
    }

    [Test]
    public async Task EndSendingWhileBytesAreHeld_EndComesBehindThem()
    {
        await using var harness = new SocketHarness(transport, batched);
        var (client, connection, watcher) = await harness.PairAsync();
        using var _ = client;
        var taken = await SocketHarness.On(connection, () =>
        {
            var count = Fill(connection);
            connection.EndSending();
            Assert.Throws<InvalidOperationException>(() => connection.TrySend("x"u8, default, out var _));
            return count;
        });
        Assert.That(await DrainAsync(client), Is.EqualTo(taken));
        client.Send("still"u8);
        await watcher.UntilAsync(Readiness.Receivable);
    }

    [Test]
    public async Task HeldBytesAreSent_OwnerHearsOfRoom()
    {
        await using var harness = new SocketHarness(transport, batched);
        var (client, connection, watcher) = await harness.PairAsync();
        using var _ = client;
        await watcher.UntilAsync(Readiness.Sendable);
        var taken = await SocketHarness.On(connection, () =>
        {
            var count = Fill(connection);
            Assert.That(connection.Ready & Readiness.Sendable, Is.EqualTo(Readiness.None));
            Assert.That(connection.TrySend("x"u8, default, out var _), Is.EqualTo(IoStatus.WouldBlock));
            return count;
        });
        await client.ReceiveAllAsync(new byte[taken]);
        await watcher.UntilAsync(Readiness.Sendable);
        Assert.That(await SocketHarness.On(connection, () => connection.TrySend("x"u8, default, out var _)), Is.EqualTo(IoStatus.Done));
    }

    [Test]
    public async Task PeerNeverReads_CloseEndsInAReset()
    {
        if (transport == SocketTransport.Epoll) Assert.Ignore("The kernel does it, in its own time: EpollTransportTests.");
        await using var harness = new SocketHarness(transport, batched, new() { LoopCount = 1, CloseTimeout = TimeSpan.FromMilliseconds(50) });
        var (client, connection, _) = await harness.PairAsync();
        using var __ = client;
        var over = new TaskCompletionSource();
        var timer = new LoopTimer(_ => over.SetResult(), null);
        await SocketHarness.On(connection, () =>
        {
            Fill(connection);
            connection.Close();
            connection.Loop.SetTimer(timer, connection.Loop.Now + 51);
        });
        await over.Task.WaitAsync(SocketHarness.Patience);
        Assert.That(harness.Manager.OpenConnections, Is.Zero);
        Assert.That((await Assert.ThrowsAsync<SocketException>(() => DrainAsync(client)))?.SocketErrorCode, Is.EqualTo(SocketError.ConnectionReset));
    }

    [Test]
    public async Task CloseWhileIdle_PeerSeesACleanEnd()
    {
        await using var harness = new SocketHarness(transport, batched);
        var (client, connection, _) = await harness.PairAsync();
        using var __ = client;
        await SocketHarness.On(connection, connection.Close);
        Assert.That(await DrainAsync(client), Is.Zero);
        Assert.That(harness.Manager.OpenConnections, Is.Zero);
    }

    [Test]
    public async Task AbortWhileBytesAreHeld_PeerSeesAReset()
    {
        await using var harness = new SocketHarness(transport, batched);
        var (client, connection, _) = await harness.PairAsync();
        using var __ = client;
        await SocketHarness.On(connection, () =>
        {
            Fill(connection);
            connection.Abort("for the test");
        });
        await Assert.ThrowsAsync<SocketException>(() => DrainAsync(client));
        Assert.That(await harness.Logs.UntilAsync(3004), Does.EndWith("for the test"));
        Assert.That(harness.Manager.OpenConnections, Is.Zero);
    }

    [Test]
    [NonParallelizable]
    public async Task PingPong_AllocatesNextToNothing()
    {
        const int Rounds = 2000;
        await using var harness = new SocketHarness(transport, batched);
        // Connected by a blocking call: after an asynchronous one the client's own blocking receives would allocate.
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.Connect(IPAddress.Loopback, (await harness.ListenAsync()).Address.Port);
        var connection = await harness.AcceptedAsync();
        await SocketHarness.On(connection, () => connection.SetOwner(new Echo()));
        var buffer = new byte[16];
        long Run()
        {
            var before = GC.GetTotalAllocatedBytes(precise: true);
            for (var i = 0; i < Rounds; i++)
            {
                client.Send(buffer);
                client.Receive(buffer);
            }
            return GC.GetTotalAllocatedBytes(precise: true) - before;
        }
        Run();
        var begin = TimeProvider.System.GetTimestamp();
        var perRound = Run() / (double)Rounds;
        var time = TimeProvider.System.GetElapsedTime(begin) / Rounds;
        TestContext.Out.WriteLine($"{perRound:F0} bytes and {time.TotalMicroseconds:F0} us per round");
        Assert.That(perRound, Is.LessThan(100));                   // with epoll it is 0 on the loop's own thread: EpollTransportTests
    }

    private static long Fill(IConnection connection)
    {
        var (taken, bytes) = (0L, new byte[100_000]);
        while (connection.TrySend(bytes, default, out var sent) == IoStatus.Done) taken += sent;
        return taken;
    }

    private static async Task<long> DrainAsync(Socket socket)
    {
        var (total, buffer) = (0L, new byte[65536]);
        for (; ; )
        {
            var count = await socket.ReceiveAsync(buffer).WaitAsync(SocketHarness.Patience);
            if (count == 0) return total;
            total += count;
        }
    }

    private sealed class Echo : IConnectionOwner
    {
        private readonly byte[] _bytes = new byte[1024];

        public void OnReady(IConnection connection)
        {
            while (connection.TryReceive(_bytes, out var received) == IoStatus.Done) connection.TrySend(_bytes.AsSpan(0, received), default, out _);
        }
    }
}

internal static class SocketTestExtensions
{
    public static async Task ReceiveAllAsync(this Socket socket, Memory<byte> into)
    {
        while (!into.IsEmpty)
        {
            var count = await socket.ReceiveAsync(into).AsTask().WaitAsync(SocketHarness.Patience);
            if (count == 0) throw new IOException("The end came early.");
            into = into[count..];
        }
    }
}
