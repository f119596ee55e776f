using Cmi.Testing;
using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine;

/// <summary>Every time limit, at its default and at another value: nothing happens a millisecond before it, and what it is for happens then.</summary>
public sealed class TimeLimitTests
{
    private sealed record Limit(string Name, double Default, Action<TimeoutOptions, TimeSpan> Set, Func<TestGateway, Func<bool>> Begin, Action<CmiOptions>? Configure = null)
    {
        public override string ToString() => Name;
    }

    private static readonly Limit[] Limits =
    [
        new("ClientHead", 10, (o, time) => o.ClientHead = time, g => IsTold(Ask(g, "GET / HTTP/1.1\r\nHo"), 408)),
        new("ClientContent", 30, (o, time) => o.ClientContent = time, g => IsTold(Ask(g, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"), 408)),
        new("ClientIdle", 60, (o, time) => o.ClientIdle = time, g => IsGone(g.Connect())),
        new("ClientSend", 30, (o, time) => o.ClientSend = time, g =>
        {
            var client = Ask(g, Http.Get("/"));
            g.At(1).Send(Http.Ok(new string('x', 100_000)));
            g.Run();
            return () => client.Reset;
        }),
        new("ServerConnect", 2, (o, time) => o.ServerConnect = time, g =>
        {
            g.Transport.BlackHole(TestGateway.Address(1));
            return IsTold(Ask(g, Http.Get("/")), 504);
        }),
        new("ServerHead", 60, (o, time) => o.ServerHead = time, g => IsTold(Ask(g, Http.Get("/")), 504)),
        new("ServerContent", 30, (o, time) => o.ServerContent = time, g =>
        {
            var client = Ask(g, Http.Get("/"));
            g.At(1).Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
            g.Run();
            return IsTold(client, 504);
        }, o => o.Reply.Commit = CommitMode.Whole),
        new("ServerIdle", 30, (o, time) => o.ServerIdle = time, g =>
        {
            var client = Ask(g, Http.Get("/"));
            g.At(1).Send(Http.Ok());
            client.ReceiveReply();
            g.At(1).Receive();
            return IsGone(g.At(1));
        }),
        new("Queue", 10, (o, time) => o.Queue = time, g =>
        {
            Ask(g, Http.Get("/"));
            return IsTold(Ask(g, Http.Get("/")), 503);
        }, o => o.Servers.MaxRequests = 1),
        new("Exchange", 120, (o, time) => o.Exchange = time, g => IsTold(Ask(g, Http.Get("/")), 504), o => o.Timeouts.ServerHead = TimeSpan.FromHours(1)),
        new("Tunnel", 3600, (o, time) => o.Tunnel = time, g =>
        {
            var client = Ask(g, Http.Get("/", "Connection: Upgrade\r\nUpgrade: a\r\n"));
            g.At(1).Send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: a\r\n\r\n");
            Assert.That(client.ReceiveAll(), Does.StartWith("HTTP/1.1 101 "));
            return () => client.Reset && g.At(1).Reset;
        }),
        new("Drain", 30, (o, time) => o.Drain = time, g =>
        {
            var client = Ask(g, Http.Get("/"));
            g.Transport.Crank.All[0].Run(() => _ = g.Engine.StopAsync());
            g.Run();
            return () => client.Reset;
        }),
    ];

    private static IEnumerable<TestCaseData> Cases() => Limits.SelectMany(limit => new[] { limit.Default, 0.75, 7.5 }.Select(seconds => new TestCaseData(limit, seconds).SetArgDisplayNames(limit.Name, $"{seconds}")));

    [TestCaseSource(nameof(Cases))]
    public async Task TimePasses_WhatTheLimitIsForHappensThen_AndNotBefore(object limit, double seconds)
    {
        var (_, byDefault, set, begin, configure) = (Limit)limit;
        await using var gateway = new TestGateway(options =>
        {
            options.Retry.Attempts = 1;
            configure?.Invoke(options);
            if (seconds != byDefault) set(options.Timeouts, TimeSpan.FromSeconds(seconds));
        }, servers: 1, transport: new() { Capacity = 4000 });
        var hasHappened = begin(gateway);
        gateway.Advance(seconds - 0.001);
        Assert.That(hasHappened(), Is.False, "too early");
        gateway.Advance(0.001);
        Assert.That(hasHappened(), "too late");
    }

    private static InMemoryPeer Ask(TestGateway gateway, string request)
    {
        var client = gateway.Connect();
        client.Send(request);
        gateway.Run();
        return client;
    }

    private static Func<bool> IsTold(InMemoryPeer client, int status) => () => client.ReceiveAll().StartsWith($"HTTP/1.1 {status} ", StringComparison.Ordinal);

    private static Func<bool> IsGone(InMemoryPeer peer) => () => !peer.IsOpen();
}
