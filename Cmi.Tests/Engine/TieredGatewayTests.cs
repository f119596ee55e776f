using System.Text;
using Cmi.Buffers;
using Cmi.Testing;
using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine;

/// <summary>The engine over memory that is far too small, and a tier below it that does what a test wants.</summary>
public sealed class TieredGatewayTests
{
    private const int KiB = 1024;
    private readonly List<InMemoryPeer> _clients = [];

    [SetUp]
    public void ForgetClients() => _clients.Clear();

    [Test]
    public async Task RepliesThatWaitForSlowClients_MoveDownAndAreRight()
    {
        var (store, ram, lower) = Tiers();
        await using var gateway = new TestGateway(servers: 1, transport: new() { Capacity = 16 * KiB }, store: store);
        gateway.AnswerAll(head => Http.Ok(Content(head)));
        for (var i = 0; i < 20; i++) Ask(gateway, i);
        for (var i = 0; i < 10; i++) gateway.Advance(0.1);
        Assert.That((ram.UsedBytes <= 512 * KiB * 3 / 4, lower.Held > 600 * KiB), Is.EqualTo((true, true)));
        for (var i = 0; i < 20; i++) Assert.That(_clients[i].ReceiveReply().Text, Is.EqualTo(Content($"GET /{i} ")), $"client {i}");
        Assert.That((ram.LiveBuffers, lower.Live), Is.EqualTo((0, 0)));
        var statistics = gateway.Engine.GetStatistics();
        Assert.That(statistics.RepliesStored, Is.EqualTo(20));
        Assert.That(statistics.RepliesSpilled, Is.InRange(10, 20), "600 KiB were moved down, of 60 KiB each");
    }

    [Test]
    public async Task RepliesThatStayInTheFirstTier_AreNotToldAsSpilled()
    {
        var (store, _, _) = Tiers();
        await using var gateway = new TestGateway(servers: 1, store: store);
        gateway.AnswerAll(head => Http.Ok(Content(head)));
        Ask(gateway, 0);
        Assert.That(_clients[0].ReceiveReply().Text, Is.EqualTo(Content("GET /0 ")));
        var statistics = gateway.Engine.GetStatistics();
        Assert.That((statistics.RepliesStored, statistics.RepliesSpilled), Is.EqualTo((1, 0)));
    }

    [Test]
    public async Task AllTiersFullOfHalfArrivedReplies_TheOldestFinishesAndTheYoungestGiveWay()
    {
        var (store, ram, lower) = Tiers();
        lower.Capacity = 300 * KiB;
        await using var gateway = new TestGateway(options => options.Reply.Commit = CommitMode.Whole, servers: 1, store: store);
        const int Count = 12;
        for (var i = 0; i < Count; i++)
        {
            Ask(gateway, i);
            gateway.At(1, i + 1).Send(Http.OkHead($"Content-Length: {200 * KiB}\r\n") + new string((char)('a' + i), 100 * KiB));
            gateway.Run();
        }
        for (var i = 0; i < Count; i++) gateway.At(1, i + 1).Send(new string((char)('a' + i), 100 * KiB));
        for (var i = 0; i < 200; i++) gateway.Advance(0.1);
        var replies = _clients.Select(client => client.ReceiveReply()).ToList();
        Assert.That(replies[0].Text, Is.EqualTo(new string('a', 200 * KiB)), "the oldest");
        Assert.That((replies[^1].Status, replies[^1].Field("Retry-After")), Is.EqualTo((503, "1")), "the youngest");
        foreach (var (reply, i) in replies.Select((reply, i) => (reply, i)))
            if (reply.Status == 200) Assert.That(reply.Text, Is.EqualTo(new string((char)('a' + i), 200 * KiB)));
        Assert.That((ram.LiveBuffers, lower.Live), Is.EqualTo((0, 0)));
    }

    [Test]
    public async Task TierLosesWhatItHolds_RepliesThatHadNotBegunToLeaveAreAskedForAgain()
    {
        var (store, _, lower) = Tiers();
        await using var gateway = new TestGateway(servers: 2, store: store);
        var client = gateway.Connect();
        client.Send(Http.Get("/first") + Http.Get("/second"));
        gateway.Run();
        gateway.At(2).ReceiveAll();
        gateway.At(2).Send(Http.Ok(new('2', 3000 * KiB)));
        gateway.Run();
        Assert.That(lower.Held, Is.GreaterThan(2000 * KiB));
        gateway.Advance(1);
        lower.FailsReads = true;
        gateway.At(1).Send(Http.Ok("1"));
        gateway.Run();
        var text = client.ReceiveAll();
        Assert.That(text, Does.Not.EndWith("2\r\n"));
        if (client.IsOpen())
        {
            lower.FailsReads = false;
            foreach (var server in (InMemoryServer[])[gateway.Server(1), gateway.Server(2)]) server.Last.Send(Http.Ok("again"));
            Assert.That(client.ReceiveAll(), Does.EndWith("again"));
        }
    }

    [Test]
    public async Task RequestWasMovedDown_ItIsReplayedByteForByte()
    {
        var (store, ram, lower) = Tiers();
        await using var gateway = new TestGateway(servers: 2, store: store);
        var content = string.Concat(Enumerable.Range(0, 300 * KiB).Select(i => $"{i:D10}"));
        var client = gateway.Connect();
        client.Send(Http.Send("PUT", "/", content));
        gateway.Run();
        Assert.That(lower.Held, Is.GreaterThan(2000 * KiB));
        var first = ReceiveRequest(gateway, 1);
        gateway.At(1).Abort();
        gateway.Run();
        Assert.That(ReceiveRequest(gateway, 2), Is.EqualTo(first).And.EndsWith("\r\n\r\n" + content));
        gateway.At(2).Send(Http.Ok("stored"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("stored"));
        Assert.That((ram.LiveBuffers, lower.Live), Is.EqualTo((0, 0)));
    }

    private static string ReceiveRequest(TestGateway gateway, int server)
    {
        var text = new StringBuilder();
        for (string piece; (piece = gateway.At(server).ReceiveAll()).Length > 0; gateway.Advance(0.01)) text.Append(piece);
        return text.ToString();
    }

    private static (TieredBufferStore Store, RamBufferStore Ram, ScriptedStore Lower) Tiers()
    {
        var ram = new RamBufferStore(new() { MaxTotalBytes = 512 * KiB });
        var lower = new ScriptedStore();
        return (new([ram, lower], new() { MaxShare = 1 }), ram, lower);
    }

    private static string Content(string head) => string.Concat(Enumerable.Repeat(head.Split(' ')[1].PadLeft(10, '.'), 6 * KiB));

    private void Ask(TestGateway gateway, int number)
    {
        var client = gateway.Connect();
        client.Send(Http.Get($"/{number}"));
        gateway.Run();
        _clients.Add(client);
    }
}
