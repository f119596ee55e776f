using System.Net;
using System.Net.Sockets;
using System.Text;
using Cmi.Sockets;
using Cmi.Sockets.Linux;
using NUnit.Framework;

namespace Cmi.Tests.Sockets;

/// <summary>What only the epoll transport promises.</summary>
[TestFixture]
[NonParallelizable]
public sealed class EpollTransportTests
{
    [OneTimeSetUp]
    public void OnlyWhereAvailable() => SocketHarness.Available(SocketTransport.Epoll);

    [Test]
    public async Task Auto_ChoosesEpoll()
    {
        await using var harness = new SocketHarness(SocketTransport.Auto);
        Assert.That(harness.Manager.Transport, Is.EqualTo(SocketTransport.Epoll));
    }

    [Test]
    public void DescriptorIsReusedInsideOneBatch_StaleEventIsNobodys()
    {
        using var set = new EpollSet();
        var (first, second) = (new ReadyTarget(), new ReadyTarget());
        Assert.That((set.Add(first, EpollEvents.Receivable), set.Add(second, EpollEvents.Receivable)), Is.EqualTo((0, 0)));
        Assert.That(set.Wait(0), Is.EqualTo(2));
        Assert.That(set.Target(0, out var events), Is.SameAs(first));
        Assert.That(events, Is.EqualTo(EpollEvents.Receivable));

        // What the first event sets off closes the second target; a new one takes its number and its place at once.
        var (descriptor, slot) = (second.Descriptor, second.Slot);
        set.Forget(second);
        second.Close();
        var third = new ReadyTarget();
        Assert.That(set.Add(third, EpollEvents.Receivable), Is.Zero);
        Assert.That((third.Descriptor, third.Slot), Is.EqualTo((descriptor, slot)), "the test needs the same number and place");

        Assert.That(set.Target(1, out var _), Is.Null, "the event is of the closed one");
        Assert.That(set.Wait(0), Is.EqualTo(1));
        Assert.That(set.Target(0, out var _), Is.SameAs(third), "its own event comes with the next wait");
        Assert.That(set.Count, Is.EqualTo(2));
        set.Forget(first);
        set.Remove(third);
        first.Close();
        third.Close();
        Assert.That((set.Count, set.Wait(0)), Is.EqualTo((0, 0)));
    }

    [Test]
    public void SetIsDisposed_WakeDoesNothing()
    {
        var set = new EpollSet();
        set.Wake();
        set.Wake();
        Assert.That(set.Wait(-1), Is.EqualTo(1));
        Assert.That(set.Target(0, out var _), Is.Null);
        set.Dispose();
        set.Dispose();
        Assert.DoesNotThrow(set.Wake);
    }

    [TestCase("http://127.0.0.1:0")]
    [TestCase("unix")]
    public async Task ThousandClients_NoLoopOfTwoHoldsOver60Percent(string at)
    {
        const int Count = 1000;
        await using var harness = new SocketHarness(SocketTransport.Epoll, options: new() { LoopCount = 2 });
        var listener = await harness.ListenAsync(at == "unix" ? "unix:" + Path.Combine(Path.GetTempPath(), Path.GetRandomFileName()) : at);
        var clients = new List<Socket>(Count);
        var perLoop = new Dictionary<ILoop, int>();
        try
        {
            for (var i = 0; i < Count; i++) clients.Add(await SocketHarness.ClientAsync(listener.Address));
            for (var i = 0; i < Count; i++)
            {
                var loop = (await harness.AcceptedAsync()).Loop;
                perLoop[loop] = perLoop.GetValueOrDefault(loop) + 1;
            }
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
        }
        TestContext.Out.WriteLine(string.Join(" and ", perLoop.Values));
        Assert.That(perLoop, Has.Count.EqualTo(2));
        Assert.That(perLoop.Values, Is.All.LessThanOrEqualTo(Count * 6 / 10));
    }

    [Test]
    public async Task PingPong_AllocatesNothingOnTheLoop()
    {
        const int Rounds = 2000, Plays = 5;
        await using var harness = new SocketHarness(SocketTransport.Epoll);
        using var client = await SocketHarness.ClientAsync((await harness.ListenAsync()).Address);
        var connection = await harness.AcceptedAsync();
        await SocketHarness.On(connection, () => connection.SetOwner(new Echo()));
        var buffer = new byte[16];
        void PlayRounds()
        {
            for (var i = 0; i < Rounds; i++)
            {
                client.Send(buffer);
                for (var got = 0; got < buffer.Length;) got += client.Receive(buffer, got, buffer.Length - got, SocketFlags.None);
            }
        }
        // The question itself allocates: asked twice in a row tells how much. The leanest of a few plays counts, as in Harness/Allocations.
        var least = long.MaxValue;
        for (var play = 0; play < Plays; play++)
        {
            var asked = await SocketHarness.On(connection, GC.GetAllocatedBytesForCurrentThread);
            var before = await SocketHarness.On(connection, GC.GetAllocatedBytesForCurrentThread);
            PlayRounds();
            var after = await SocketHarness.On(connection, GC.GetAllocatedBytesForCurrentThread);
            least = Math.Min(least, after - before - (before - asked));
        }
        Assert.That(least, Is.LessThanOrEqualTo(0), $"bytes in {Rounds} rounds");
    }

    [Test]
    public async Task ClientsComeAndGoOnTwoLoops_NothingIsLeft()
    {
        const int Players = 8, Games = 60;
        await using var harness = new SocketHarness(SocketTransport.Epoll, options: new() { LoopCount = 2 });
        var listener = await harness.Manager.ListenAsync(SocketHarness.Parse("http://127.0.0.1:0"), connection => connection.SetOwner(new Echo()), default);
        async Task PlayAsync(int player)
        {
            var random = new Random(player);
            var (sent, got) = (new byte[50_000], new byte[50_000]);
            random.NextBytes(sent);
            for (var game = 0; game < Games; game++)
            {
                using var client = await SocketHarness.ClientAsync(listener.Address);
                var count = random.Next(1, sent.Length);
                var sending = client.SendAsync(sent.AsMemory(0, count)).AsTask();
                if (game % 3 == 0)
                {
                    client.LingerState = new(true, 0);             // leaves in the middle of it, with a reset
                    await Task.WhenAny(sending);
                    continue;
                }
                await client.ReceiveAllAsync(got.AsMemory(0, count));
                await sending;
                Assert.That(got.AsSpan(0, count).SequenceEqual(sent.AsSpan(0, count)), Is.True);
                if (game % 3 == 1) client.Shutdown(SocketShutdown.Send);
            }
        }
        await Task.WhenAll(Enumerable.Range(0, Players).Select(player => Task.Run(() => PlayAsync(player)))).WaitAsync(3 * SocketHarness.Patience);
        var over = new TaskCompletionSource();
        harness.Manager.Loops[0].Post(_ => WhenNothingIsOpen(harness, over), null);
        await over.Task.WaitAsync(SocketHarness.Patience);
    }

    [Test]
    public async Task ManagerIsDisposed_NoDescriptorIsLeft()
    {
        async Task UseAsync()
        {
            await using var harness = new SocketHarness(SocketTransport.Epoll, options: new() { LoopCount = 2 });
            var listener = await harness.ListenAsync("http://localhost:0");
            await harness.ListenAsync("unix:" + Path.Combine(Path.GetTempPath(), Path.GetRandomFileName()));
            await harness.ConnectAsync(new(AddressKind.Tcp, "127.0.0.1", listener.Address.Port));
            await harness.AcceptedAsync();
            await Assert.ThrowsAsync<IOException>(() => harness.ListenAsync(listener.Address.ToString()));
            await listener.DisposeAsync();
            await Assert.ThrowsAsync<IOException>(() => harness.ConnectAsync(new(AddressKind.Tcp, "127.0.0.1", listener.Address.Port)));
        }
        await UseAsync();                                          // what the runtime opens for itself
        var before = Directory.GetFiles("/proc/self/fd").Length;
        for (var i = 0; i < 5; i++) await UseAsync();
        Assert.That(Directory.GetFiles("/proc/self/fd"), Has.Length.LessThanOrEqualTo(before));
    }

    [Test]
    public async Task TwoTransportsAtOneAddress_TheSecondIsRefused()
    {
        await using var first = new SocketHarness(SocketTransport.Epoll, options: new() { LoopCount = 2 });
        await using var second = new SocketHarness(SocketTransport.Epoll, options: new() { LoopCount = 2 });
        var address = (await first.ListenAsync()).Address.ToString();
        await Assert.ThrowsAsync<IOException>(() => second.ListenAsync(address), "the loops share the address, but with nobody else");
    }

    [Test]
    public async Task SmallPieces_LeaveAtOnceWhicheverSideDialled([Values] bool noDelay)
    {
        await using var harness = new SocketHarness(SocketTransport.Epoll, options: new() { LoopCount = 1, NoDelay = noDelay, KeepAlive = true });
        var listener = await harness.ListenAsync();
        var dialled = await harness.ConnectAsync(new(AddressKind.Tcp, "127.0.0.1", listener.Address.Port));
        var accepted = await harness.AcceptedAsync();
        // What is dialled asks for it with the second piece in a row: the first never waits.
        foreach (var piece in new[] { "first", "second" }) await SocketHarness.On(dialled, () => dialled.TrySend(Encoding.ASCII.GetBytes(piece), default, out _));
        foreach (var connection in new[] { dialled, accepted })
            Assert.That(await SocketHarness.On(connection, () => Libc.HasNoDelay(((EpollConnection)connection).Descriptor)), Is.EqualTo(noDelay));
    }

    [Test]
    public async Task ClientComes_ThatItCanBeSentToIsNoEvent()
    {
        await using var harness = new SocketHarness(SocketTransport.Epoll);
        var isEvent = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        var listener = await harness.Manager.ListenAsync(SocketHarness.Parse("http://127.0.0.1:0"), connection =>
        {
            var set = ((EpollLoop)connection.Loop).Set;
            isEvent.TrySetResult(Enumerable.Range(0, set.Wait(0)).Any(index => ReferenceEquals(set.Target(index, out _), connection)));
        }, default);
        using var client = await SocketHarness.ClientAsync(listener.Address);
        Assert.That(await isEvent.Task.WaitAsync(SocketHarness.Patience), Is.False);
    }

    [Test]
    public async Task LastBytesAndTheEnd_AreOneSegment([Values] bool noDelay, [Values] bool closing)
    {
        await using var harness = new SocketHarness(SocketTransport.Epoll, options: new() { LoopCount = 1, NoDelay = noDelay });
        var (client, connection, _) = await harness.PairAsync();
        using var closed = client;
        var before = SegmentsReceived(client);
        await SocketHarness.On(connection, () =>
        {
            connection.TrySendLast("head"u8, "content"u8, out var sent);
            Assert.That(sent, Is.EqualTo(11));
            if (closing) connection.Close();
            else connection.EndSending();
        });
        var received = new byte[100];
        Assert.That((client.Receive(received), client.Receive(received, 11, 1, SocketFlags.None)), Is.EqualTo((11, 0)));
        Assert.That(SegmentsReceived(client) - before, Is.EqualTo(1));
    }

    // tcpi_segs_in of struct tcp_info.
    private static uint SegmentsReceived(Socket socket)
    {
        const int IpProtoTcp = 6, TcpInfo = 11, SegmentsIn = 140;
        var info = new byte[SegmentsIn + sizeof(uint)];
        socket.GetRawSocketOption(IpProtoTcp, TcpInfo, info);
        return BitConverter.ToUInt32(info, SegmentsIn);
    }

    [TestCase("http://127.0.0.1:0", true)]
    [TestCase("http://*:0", false)]
    public async Task WithinTheMachine_CongestionIsNotWatchedFor(string at, bool isKnownToBeWithin)
    {
        await using var harness = new SocketHarness(SocketTransport.Epoll);
        var listener = await harness.ListenAsync(at);
        var dialled = await harness.ConnectAsync(new(AddressKind.Tcp, "127.0.0.1", listener.Address.Port));
        var accepted = await harness.AcceptedAsync();
        Task<bool> IsPlainAsync(IConnection connection) => SocketHarness.On(connection, () => Libc.HasPlainCongestionControl(((EpollConnection)connection).Descriptor));
        Assert.That(await IsPlainAsync(dialled), Is.True);
        if (isKnownToBeWithin) Assert.That(await IsPlainAsync(accepted), Is.True);
        else Assert.That(await IsPlainAsync(accepted), Is.EqualTo(SystemIsPlain()), "as the system has it: clients may come from anywhere");
    }

    private static bool SystemIsPlain() => File.ReadAllText("/proc/sys/net/ipv4/tcp_congestion_control").Trim() == "reno";

    [Test]
    public async Task PinLoops_EachThreadKeepsToOneProcessor()
    {
        await using var harness = new SocketHarness(SocketTransport.Epoll, options: new() { LoopCount = 2, PinLoops = true });
        foreach (var loop in harness.Manager.Loops)
        {
            var allowed = await SocketHarness.On(loop, () => File.ReadLines("/proc/thread-self/status").First(line => line.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal)));
            Assert.That(allowed.Split('\t')[1], Does.Match("^[0-9]+$"));
        }
    }

    [Test]
    public async Task PeerNeverReads_KernelGivesUpAfterTheCloseTimeout()
    {
        await using var harness = new SocketHarness(SocketTransport.Epoll, options: new() { LoopCount = 1, CloseTimeout = TimeSpan.FromMilliseconds(50) });
        var (client, connection, _) = await harness.PairAsync();
        using var __ = client;
        await SocketHarness.On(connection, () =>
        {
            var bytes = new byte[100_000];
            while (connection.TrySend(bytes, default, out var _) == IoStatus.Done) { }
            connection.Close();
        });
        Assert.That(harness.Manager.OpenConnections, Is.Zero);
        // The kernel's own way to say it: the line of the server's end is gone, though the client has read nothing.
        var end = $":{((IPEndPoint)client.RemoteEndPoint!).Port:X4} 0100007F:{((IPEndPoint)client.LocalEndPoint!).Port:X4} ";
        var over = new TaskCompletionSource();
        LoopTimer? look = null;
        look = new(_ =>
        {
            if (!File.ReadAllText("/proc/net/tcp").Contains(end, StringComparison.Ordinal)) over.SetResult();
            else harness.Manager.Loops[0].SetTimer(look!, harness.Manager.Loops[0].Now + 50);
        }, null);
        harness.Manager.Loops[0].Post(_ => harness.Manager.Loops[0].SetTimer(look, 0), null);
        await over.Task.WaitAsync(SocketHarness.Patience);
    }

    private static void WhenNothingIsOpen(SocketHarness harness, TaskCompletionSource over)
    {
        var loop = harness.Manager.Loops[0];
        if (harness.Manager.OpenConnections == 0) over.SetResult();
        else loop.SetTimer(new(_ => WhenNothingIsOpen(harness, over), null), loop.Now + 5);
    }

    private sealed class ReadyTarget : EpollTarget
    {
        public ReadyTarget()
        {
            Descriptor = Libc.CreateEvent();
            Libc.Signal(Descriptor);
        }

        public void Close() => Libc.Close(Descriptor);

        public override void OnEvents(EpollEvents events) => throw new InvalidOperationException("Nobody dispatches here.");
    }

    /// <summary>Sends back what comes; closes at the end.</summary>
    private sealed class Echo : IConnectionOwner
    {
        private readonly byte[] _bytes = new byte[100_000];
        private int _count;

        public void OnReady(IConnection connection)
        {
            for (; ; )
            {
                while (_count > 0)
                {
                    var sending = connection.TrySend(_bytes.AsSpan(0, _count), default, out var sent);
                    if (sending == IoStatus.Failed) connection.Close();
                    if (sending != IoStatus.Done) return;
                    _bytes.AsSpan(sent, _count - sent).CopyTo(_bytes);
                    _count -= sent;
                }
                var status = connection.TryReceive(_bytes, out _count);
                if (status is IoStatus.End or IoStatus.Failed) connection.Close();
                if (status != IoStatus.Done) return;
            }
        }
    }
}
