using Cmi.Servers;
using Cmi.Testing;

namespace Cmi.Tests.Servers;

public sealed class ServerPoolTests
{
    private static readonly ServerAddress Address = new(AddressKind.Tcp, "10.0.0.1", 80);

    private readonly InMemoryTransport _transport = new();
    private InMemoryServer _server = null!;
    private ConnectionSlots _slots = null!;
    private ServerPool _pool = null!;

    private ManualLoop Loop => _transport.Crank.All[0];

    [SetUp]
    public void SetUp() => Make(limit: 0, maxIdle: 3);

    [TearDown]
    public void NothingIsLeft()
    {
        Loop.Run(_pool.Shut);
        Assert.That((_transport.OpenConnections, _slots.Open, Loop.TimersSet), Is.EqualTo((0, 0, 0)));
    }

    [Test]
    public void SeveralIdle_TheLastUsedIsTakenFirst()
    {
        var leases = Dial(3);
        Return(leases);
        var taken = Enumerable.Range(0, 4).Select(_ => Take()).ToArray();
        Assert.That(taken[3].IsNone);
        Assert.That(taken.Take(3).Select(lease => lease.Connection), Is.EqualTo(leases.Reverse().Select(lease => lease.Connection)));
        Loop.Run(() => Array.ForEach(taken[..3], lease => lease.Close()));
    }

    [TestCase(0)]
    [TestCase(2)]
    public void MoreThanTheBound_AreClosed(int maxIdle)
    {
        Make(limit: 0, maxIdle);
        Return(Dial(4));
        Assert.That(_pool.IdleCount, Is.EqualTo(maxIdle));
        Assert.That(_server.Connections.Count(peer => peer.Ended), Is.EqualTo(4 - maxIdle));
        Assert.That(_slots.Open, Is.EqualTo(maxIdle));
    }

    [Test]
    public void IdleTimePasses_EachIsClosedAtItsOwnTime()
    {
        var leases = Dial(2);
        Return(leases[0]);
        _transport.Crank.Advance(TimeSpan.FromSeconds(10));
        Return(leases[1]);
        _transport.Crank.Advance(TimeSpan.FromSeconds(20) - TimeSpan.FromMilliseconds(1));
        Assert.That(_pool.IdleCount, Is.EqualTo(2));
        _transport.Crank.Advance(TimeSpan.FromMilliseconds(1));
        Assert.That((_server.Connections[0].Ended, _server.Connections[1].Ended), Is.EqualTo((true, false)));
        _transport.Crank.Advance(TimeSpan.FromSeconds(10));
        Assert.That(_pool.IdleCount, Is.Zero);
        Assert.That(Loop.TimersSet, Is.Zero);
    }

    [TestCase("end")]
    [TestCase("reset")]
    [TestCase("bytes")]
    public void ServerStirsWhileIdle_ConnectionIsDropped(string how)
    {
        Return(Dial(2));
        var peer = _server.Connections[1];
        if (how == "end") peer.EndSending();
        else if (how == "reset") peer.Abort();
        else peer.Send("HTTP/1.1 200 OK\r\n\r\n");
        _transport.Crank.RunUntilIdle();
        Assert.That((_pool.IdleCount, _slots.Open), Is.EqualTo((1, 1)));
    }

    [TestCase("end")]
    [TestCase("bytes")]
    public void ServerStirredBeforeTheReturn_ConnectionIsDroppedAtOnce(string how)
    {
        var lease = Dial(1)[0];
        if (how == "end") _server.Last.EndSending();
        else _server.Last.Send("x");
        Return(lease);
        Assert.That(_pool.IdleCount, Is.Zero);
    }

    [Test]
    public void LeaseIsGivenBackTwice_NothingHappens()
    {
        var lease = Dial(1)[0];
        Loop.Run(() =>
        {
            lease.Reuse();
            lease.Reuse();
            lease.Close();
        });
        Assert.That((_pool.IdleCount, _slots.Open), Is.EqualTo((1, 1)));
        ServerLease second = default;
        Loop.Run(() => _pool.TryTake(Address, out second));
        Loop.Run(() => lease.Close("stale lease"));
        Assert.That(_server.Last.Reset, Is.False, "the lease of an earlier use closes nothing");
        Loop.Run(() =>
        {
            second.Close();
            second.Close();
        });
        Assert.That(_slots.Open, Is.Zero);
    }

    [Test]
    public void OtherServersConnections_AreNotTaken()
    {
        Return(Dial(1));
        var taken = true;
        Loop.Run(() => taken = _pool.TryTake(Address with { Port = 81 }, out _));
        Assert.That(taken, Is.False);
    }

    [Test]
    public void NobodyWaits_ReclaimClosesNothing()
    {
        Make(limit: 2, maxIdle: 2);
        Return(Dial(2));
        Loop.Run(() => _pool.Reclaim(Address));
        Assert.That(_pool.IdleCount, Is.EqualTo(2));
    }

    [Test]
    public void SomeoneWaits_TheOldestIdleGivesItsPlace()
    {
        Make(limit: 2, maxIdle: 2);
        Return(Dial(2));
        var dialled = Dial(1)[0];
        Assert.That((_server.Connections[0].Ended, _server.Connections[1].Ended), Is.EqualTo((true, false)));
        Assert.That(_slots.Open, Is.EqualTo(2));
        Loop.Run(() => dialled.Close());
    }

    [Test]
    public void SomeoneWaits_AConnectionThatComesBackIsClosedForIt()
    {
        Make(limit: 1, maxIdle: 2);
        var first = Dial(1)[0];
        Task<ServerLease> waiting = null!;
        Loop.Run(() => waiting = _pool.DialAsync(Address, null, CancellationToken.None).AsTask());
        Assert.That(waiting.IsCompleted, Is.False);
        Return(first);
        Assert.That(waiting.IsCompletedSuccessfully);
        Assert.That((_pool.IdleCount, _slots.Open), Is.EqualTo((0, 1)));
        Loop.Run(() => waiting.Result.Close());
    }

    [Test]
    public async Task DialFails_ItsSlotIsFree()
    {
        Make(limit: 1, maxIdle: 1);
        _transport.Refuse(Address);
        Task<ServerLease> dialling = null!;
        Loop.Run(() => dialling = _pool.DialAsync(Address, null, CancellationToken.None).AsTask());
        await Assert.ThrowsAsync<IOException>(() => dialling);
        Assert.That(_slots.Open, Is.Zero);
    }

    [Test]
    public async Task DialIsCancelled_ItsSlotIsFree()
    {
        Make(limit: 1, maxIdle: 1);
        _transport.BlackHole(Address);
        using var cancel = new CancellationTokenSource();
        Task<ServerLease> dialling = null!;
        Loop.Run(() => dialling = _pool.DialAsync(Address, null, cancel.Token).AsTask());
        Assert.That(_slots.Open, Is.EqualTo(1), "dialling counts as open");
        Loop.Run(cancel.Cancel);
        await Assert.ThrowsAsync<TaskCanceledException>(() => dialling);
        Assert.That(_slots.Open, Is.Zero);
    }

    [Test]
    public void AfterShut_WhatComesBackIsClosed()
    {
        var leases = Dial(2);
        Return(leases[0]);
        Loop.Run(_pool.Shut);
        Return(leases[1]);
        Assert.That(_server.Connections, Has.All.Property(nameof(InMemoryPeer.Ended)).True);
    }

    private void Make(int limit, int maxIdle)
    {
        _server = _transport.AddServer(Address);
        _slots = new(limit, maxIdle);
        _pool = new(Loop, _transport, _ => _slots, server => Loop.Post(_ => _pool.Reclaim(server), null), idleMs: 30_000);
    }

    private ServerLease[] Dial(int count) =>
        [.. Enumerable.Range(0, count).Select(_ => Loop.Wait(() => _pool.DialAsync(Address, null, CancellationToken.None)))];

    private void Return(params ServerLease[] leases) => Loop.Run(() => Array.ForEach(leases, lease => lease.Reuse()));

    private ServerLease Take()
    {
        ServerLease lease = default;
        Loop.Run(() => _pool.TryTake(Address, out lease));
        return lease;
    }
}
