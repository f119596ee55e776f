using System.Net.Sockets;
using Cmi.Sockets.Linux;
using NUnit.Framework;

namespace Cmi.Tests.Sockets;

// Connections with owners of several kinds, and what their clients do.
public sealed partial class CallBatchTests
{
    private async Task<Pair[]> PairsAsync(int count, Func<IConnection, IConnectionOwner> owner, bool unix = false)
    {
        var listener = await _harness.ListenAsync(unix ? "unix:" + Path.Combine(Path.GetTempPath(), Path.GetRandomFileName()) : "http://127.0.0.1:0");
        var pairs = new Pair[count];
        for (var i = 0; i < count; i++)
        {
            var client = await SocketHarness.ClientAsync(listener.Address);
            var connection = await _harness.AcceptedAsync();
            var own = owner(connection);
            await SocketHarness.On(connection, () => connection.SetOwner(own));
            pairs[i] = new(client, connection, own);
        }
        return pairs;
    }

    // Two connections whose peers have asked again and again and read nothing, each with a rest of what was taken from it.
    private async Task<(Socket[] Clients, IConnection[] Connections, Watcher[] Watchers, int[] Taken)> FilledAsync(bool unix = false)
    {
        var watchers = new[] { new Watcher(), new Watcher() };
        var next = 0;
        var pairs = await PairsAsync(2, _ => watchers[next++], unix);
        var taken = new int[2];
        var piece = new byte[5_000];
        while (!await SocketHarness.On(pairs[0].Connection, () => pairs.All(pair => (pair.Connection.Ready & Readiness.Sendable) == Readiness.None)))
        {
            for (var i = 0; i < 2; i++)
            {
                pairs[i].Client.Send("x"u8);
                await watchers[i].UntilAsync(Readiness.Receivable);
            }
            await SocketHarness.On(pairs[0].Connection, () =>
            {
                for (var i = 0; i < 2; i++)
                {
                    pairs[i].Connection.TryReceive(new byte[10], out _);
                    if (pairs[i].Connection.TrySendSoon(piece, default, out var sent) == IoStatus.Done) taken[i] += sent;
                }
            });
        }
        return ([.. pairs.Select(pair => pair.Client)], [.. pairs.Select(pair => pair.Connection)], watchers, taken);
    }

    // What happens meanwhile is told in one turn.
    private async Task WhileHeldAsync(Action work)
    {
        var loop = _harness.Manager.Loops[0];
        using var go = new ManualResetEventSlim();
        var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        loop.Post(_ =>
        {
            held.SetResult();
            go.Wait(SocketHarness.Patience);
        }, null);
        await held.Task;
        work();
        go.Set();
        await SocketHarness.On(loop, () => true);
    }

    private async Task UntilAsync(Func<bool> condition)
    {
        var loop = _harness.Manager.Loops[0];
        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        LoopTimer? look = null;
        look = new(_ =>
        {
            if (condition()) over.SetResult();
            else loop.SetTimer(look!, loop.Now + 5);
        }, null);
        loop.Post(_ => loop.SetTimer(look, 0), null);
        await over.Task.WaitAsync(SocketHarness.Patience);
    }

    private static void SendAll(Pair[] pairs, ReadOnlySpan<byte> bytes)
    {
        foreach (var pair in pairs) Assert.That(pair.Client.Send(bytes), Is.EqualTo(bytes.Length));
    }

    private static void Receive(Socket client, int count)
    {
        var bytes = new byte[64 * 1024];
        while (count > 0)
        {
            var received = client.Receive(bytes, Math.Min(bytes.Length, count), SocketFlags.None);
            Assert.That(received, Is.Positive);
            count -= received;
        }
    }

    // All until the end.
    private static byte[] Received(Socket client)
    {
        var all = new List<byte>();
        var bytes = new byte[4096];
        for (; ; )
        {
            var received = client.Receive(bytes);
            if (received == 0) break;
            all.AddRange(bytes.AsSpan(0, received));
        }
        client.Dispose();
        return [.. all];
    }

    private sealed record Pair(Socket Client, IConnection Connection, IConnectionOwner Owner)
    {
        public Taker Taker => (Taker)Owner;
    }

    /// <summary>Receives when it is told: one byte, or all.</summary>
    private sealed class Taker(IConnection connection, bool takesAll) : IConnectionOwner
    {
        private TaskCompletionSource? _enough;
        private int _wanted;

        public List<byte> Bytes { get; } = [];

        /// <summary>How many bytes the kernel had when it was told first.</summary>
        public int? InKernelWhenTold { get; private set; }

        public void OnReady(IConnection told)
        {
            if ((told.Ready & Readiness.Receivable) == Readiness.None) return;
            InKernelWhenTold ??= InKernel();
            var into = new byte[takesAll ? 1000 : 1];
            while (connection.TryReceive(into, out var received) == IoStatus.Done)
            {
                Bytes.AddRange(into.AsSpan(0, received));
                if (!takesAll) break;
            }
            if (_enough is not null && Bytes.Count >= _wanted) _enough.TrySetResult();
        }

        private int InKernel()
        {
            using var handle = new SafeSocketHandle(((EpollConnection)connection).Descriptor, ownsHandle: false);
            using var socket = new Socket(handle);
            return socket.Available;
        }

        public async Task UntilAsync(int count)
        {
            var enough = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await SocketHarness.On(connection, () =>
            {
                (_wanted, _enough) = (count, enough);
                if (Bytes.Count >= count) enough.TrySetResult();
            });
            await enough.Task.WaitAsync(SocketHarness.Patience);
        }
    }

    /// <summary>Ends others as soon as it is told of something.</summary>
    private sealed class Rival(IConnection connection) : IConnectionOwner
    {
        public List<IConnection> Others { get; } = [];
        public bool Aborts { get; set; }
        public int Received { get; private set; }

        public void OnReady(IConnection told)
        {
            foreach (var other in Others)
            {
                if (Aborts) other.Abort("a test");
                else other.Close();
            }
            if (connection.TryReceive(new byte[10], out var received) == IoStatus.Done) Received += received;
        }
    }

    /// <summary>Sends back what comes first, and closes.</summary>
    private sealed class Echo(IConnection connection) : IConnectionOwner
    {
        public void OnReady(IConnection told)
        {
            var bytes = new byte[100];
            if (connection.TryReceive(bytes, out var received) != IoStatus.Done) return;
            connection.TrySendLast(bytes.AsSpan(0, received), default, out _);
            connection.Close();
        }
    }
}
