using System.Text;
using Cmi.Queues;
using Cmi.Testing;
using Cmi.Tests.Harness;
using Cmi.Tests.Telemetry;

namespace Cmi.Tests.Engine;

/// <summary>A second server asked beside one whose reply is late: whose reply it is, and what becomes of the other.</summary>
public sealed class HedgeTests
{
    [TestCase(1)]
    [TestCase(2)]
    public async Task TwoAreAsked_TheFirstReplyIsTheClientsAndTheOtherIsGivenUp(int winner)
    {
        await using var gateway = new TestGateway(Hedged);
        var client = Late(gateway);
        gateway.At(winner).Send(Http.Ok($"from {winner}"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo($"from {winner}"));
        Assert.That((gateway.At(winner).IsOpen(), gateway.At(3 - winner).IsOpen()), Is.EqualTo((true, false)), "one goes to the pool, the other is closed");
        Assert.That(((JobQueue)gateway.Queue).InFlightTotal, Is.Zero);
        var statistics = gateway.Engine.GetStatistics();
        Assert.That((statistics.Hedges, statistics.HedgesWon, statistics.Retries), Is.EqualTo((1, winner - 1, 0)));
        Assert.That(gateway.Engine.GetServerHealth("default").Sum(server => server.Failures), Is.Zero, "to be late is no failure");
    }

    [Test]
    public async Task BothAnswerAtOnce_OneReplyLeavesWhole()
    {
        await using var gateway = new TestGateway(Hedged);
        var client = Late(gateway);
        gateway.At(1).Send(Http.Ok("first"));
        gateway.At(2).Send(Http.Ok("second"));
        Assert.That(client.ReceiveReply().Text, Is.AnyOf("first", "second"));
        client.Send(Http.Get("/next"));
        gateway.Run();
        Assert.That(client.ReceiveAll(), Is.Empty, "what the other has said is not the next reply");
    }

    [Test]
    public async Task ReplyHasBegun_NothingOfTheOthersIsTaken()
    {
        await using var gateway = new TestGateway(Hedged);
        var client = Late(gateway);
        gateway.At(1).Send(Http.OkHead("Content-Length: 5\r\n") + "fir");
        gateway.Run();
        gateway.At(2).Send(Http.OkHead("Content-Length: 5\r\n") + "SECON");
        gateway.Run();
        gateway.At(1).Send("st");
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("first"));
    }

    [TestCase(1)]
    [TestCase(2)]
    public async Task OneFails_TheOtherGoesOnAlone(int failing)
    {
        await using var gateway = new TestGateway(Hedged, servers: 3);
        var client = Late(gateway);
        gateway.At(failing).Abort();
        gateway.Run();
        Assert.That(gateway.Server(3).Connections, Is.Empty, "no third as long as one is asked");
        gateway.At(3 - failing).Send(Http.Ok("whole"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("whole"));
        Assert.That(gateway.Engine.GetStatistics().Retries, Is.Zero);
        Assert.That(gateway.Engine.GetServerHealth("default")[failing - 1].Failures, Is.EqualTo(1));
    }

    [TestCase(3, 200)]
    [TestCase(2, 502)]
    public async Task BothFail_AThirdIsAskedIfAttemptsAreLeft(int attempts, int status)
    {
        await using var gateway = new TestGateway(Hedged + (options => options.Retry.Attempts = attempts), servers: 3);
        gateway.Server(3).Accepted = peer => peer.Send(Http.Ok());
        var client = Late(gateway);
        gateway.At(2).Abort();
        gateway.Run();
        gateway.At(1).Send(Http.OkHead("Content-Length: 5\r\n") + "fir");
        gateway.At(1).Abort();
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(status));
        Assert.That(client.IsOpen());
    }

    [Test]
    public async Task SecondIsLateToo_AThirdTakesThePlaceOfOneThatFails()
    {
        await using var gateway = new TestGateway(Hedged, servers: 4);
        var client = Late(gateway);
        gateway.Advance(1);
        Assert.That(gateway.Server(3).Connections, Is.Empty, "two at a time");
        gateway.At(1).Abort();
        gateway.Advance(0.1);
        gateway.At(3).Send(Http.Ok("third"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("third"));
        Assert.That((gateway.Engine.GetStatistics().Hedges, gateway.At(2).IsOpen()), Is.EqualTo((2, false)));
    }

    [TestCase(1)]
    [TestCase(2)]
    public async Task ContentIsStored_BothGetItByteForByte(int winner)
    {
        await using var gateway = new TestGateway(Hedged, transport: new() { Capacity = 1000 });
        var content = string.Concat(Enumerable.Range(0, 30_000).Select(i => $"{i:D10}"));
        var client = gateway.Connect();
        foreach (var piece in Http.Send("OPTIONS", "/", content).Chunk(900))
        {
            client.Send(new string(piece));
            gateway.Run();
        }
        gateway.Advance(5);
        Assert.That(gateway.Server(2).Connections, Is.Empty, "the content has one reader");
        var first = ReceiveAll(1);
        gateway.Advance(0.1);
        var second = ReceiveAll(2);
        Assert.That(first, Does.EndWith("\r\n\r\n" + content));
        Assert.That(second, Is.EqualTo(first));
        gateway.At(winner).Send(Http.Ok("both"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("both"));

        string ReceiveAll(int server)
        {
            var all = new StringBuilder();
            for (var text = gateway.At(server).ReceiveText(); text.Length > 0; text = gateway.At(server).ReceiveText())
            {
                all.Append(text);
                gateway.Run();
            }
            return all.ToString();
        }
    }

    [TestCase("503", 1)]
    [TestCase("503", 2)]
    public async Task StatusIsOneToBeRetried_TheOthersReplyIsAwaited(string status, int saying)
    {
        await using var gateway = new TestGateway(Hedged + (options => (options.Retry.Statuses, options.Retry.Attempts) = ("503", 2)));
        var client = Late(gateway);
        gateway.At(saying).Send($"HTTP/1.1 {status} No\r\nContent-Length: 2\r\n\r\nno");
        gateway.Run();
        Assert.That(client.ReceiveAll(), Is.Empty);
        gateway.At(3 - saying).Send(Http.Ok("yes"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("yes"));
    }

    [Test]
    public async Task BothSendInterims_OnlyTheWinnersLeave()
    {
        await using var gateway = new TestGateway(Hedged);
        var client = Late(gateway);
        gateway.At(1).Send("HTTP/1.1 103 Early Hints\r\nLink: </first>\r\n\r\n");
        gateway.At(2).Send("HTTP/1.1 103 Early Hints\r\nLink: </second>\r\n\r\n");
        gateway.Run();
        Assert.That(client.ReceiveAll(), Is.Empty);
        gateway.At(2).Send(Http.Ok());
        gateway.Run();
        Assert.That(client.ReceiveText(), Does.StartWith("HTTP/1.1 103 Early Hints\r\nLink: </second>\r\n\r\nHTTP/1.1 200 OK\r\n"));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task ServerDoesNotAccept_TheOtherAnswersAndTheDialIsGivenUp(bool answers)
    {
        await using var gateway = new TestGateway(Hedged);
        gateway.Transport.BlackHole(TestGateway.Address(1));
        var client = Late(gateway);
        if (answers) gateway.At(2).Send(Http.Ok("second"));
        else client.Abort();
        gateway.Run();
        if (answers) Assert.That(client.ReceiveReply().Text, Is.EqualTo("second"));
        Assert.That(((JobQueue)gateway.Queue).InFlightTotal, Is.Zero);
    }

    [Test]
    public async Task HedgeIsRefused_TheFirstGoesOn()
    {
        await using var gateway = new TestGateway(Hedged);
        gateway.Transport.Refuse(TestGateway.Address(2));
        var client = Late(gateway);
        gateway.At(1).Send(Http.Ok("first"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("first"));
        Assert.That(gateway.Engine.GetServerHealth("default")[1].Condition, Is.EqualTo(ServerCondition.Unreachable));
    }

    [Test]
    public async Task HedgesPooledConnectionIsStale_DoesNotCount()
    {
        await using var gateway = new TestGateway(Hedged + (options => options.Retry.Attempts = 2));
        var client = gateway.Connect();
        for (var i = 1; i <= 2; i++)
        {
            client.Send(Http.Get("/"));
            gateway.Run();
            gateway.At(i).ReceiveAll();
            gateway.At(i).Send(Http.Ok());
            client.ReceiveReply();
        }
        client.Send(Http.Get("/late"));
        gateway.Advance(0.1);
        Assert.That(gateway.At(2).ReceiveText(), Does.StartWith("GET /late "), "on its kept connection");
        gateway.At(2).Close();
        gateway.Advance(0.1);
        gateway.At(2, connection: 2).Send(Http.Ok("fresh"));
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("fresh"));
    }

    [Test]
    public async Task ClientLeaves_BothAreGivenUp()
    {
        await using var gateway = new TestGateway(Hedged);
        var client = Late(gateway);
        client.Abort();
        gateway.Run();
        Assert.That((gateway.At(1).IsOpen(), gateway.At(2).IsOpen()), Is.EqualTo((false, false)));
        Assert.That(((JobQueue)gateway.Queue).InFlightTotal, Is.Zero);
    }

    [TestCase(1)]
    [TestCase(2)]
    public async Task Drains_TheReplyStillArrives(int winner)
    {
        await using var gateway = new TestGateway(Hedged);
        var client = Late(gateway);
        Task? stopped = null;
        gateway.Transport.Crank.All[0].Run(() => stopped = gateway.Engine.StopAsync());
        gateway.Advance(1);
        Assert.That(stopped!.IsCompleted, Is.False);
        gateway.At(winner).Send(Http.Ok("last"));
        gateway.Run();
        Assert.That(client.ReceiveReply().Text, Is.EqualTo("last"));
        client.Close();
        gateway.Run();
        Assert.That(stopped.IsCompleted);
    }

    [Test]
    public async Task NoneAnswers_OneErrorWhenTheTimeIsOver()
    {
        await using var gateway = new TestGateway(Hedged + (options => options.Timeouts.Exchange = TimeSpan.FromSeconds(2)));
        var client = Late(gateway);
        gateway.Advance(1.8);
        Assert.That(client.ReceiveAll(), Is.Empty);
        gateway.Advance(0.2);
        Assert.That(client.ReceiveReply().Status, Is.EqualTo(504));
        Assert.That((gateway.At(1).IsOpen(), gateway.At(2).IsOpen(), client.IsOpen()), Is.EqualTo((false, false, true)));
    }

    [Test]
    public async Task RequestsAreStacked_EachHasItsOwnReplyInOrder()
    {
        await using var gateway = new TestGateway(Hedged + (options => options.Retry.BudgetMinimumPerSecond = 100), servers: 3);
        var client = gateway.Connect();
        client.Send(string.Concat(Enumerable.Range(0, 3).Select(i => Http.Get($"/{i}"))));
        gateway.Advance(0.1);
        foreach (var peer in Enumerable.Range(1, 3).Reverse().SelectMany(i => gateway.Server(i).Connections.Reverse()))
        {
            if (peer.IsOpen()) peer.Send(Http.Ok(Http.PathOf(peer.ReceiveText())));
            gateway.Run();
        }
        Assert.That(Http.Replies(client.ReceiveAll()).Select(reply => reply.Text), Is.EqualTo(["/0", "/1", "/2"]));
    }

    [Test]
    public async Task Hedged_IsToldByCountersLogMetricsAndAccessLog()
    {
        using var meters = new Measurements();
        var log = new Recorder();
        await using var gateway = new TestGateway(Hedged, meters: meters, accessLog: log);
        var client = Late(gateway);
        gateway.At(2).Send(Http.Ok("yes"));
        client.ReceiveReply();
        var servers = gateway.Engine.GetStatus().Groups[0].Servers;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(servers.Select(server => (server.Hedges, server.HedgesWon, server.Failures, server.ActiveRequests)), Is.EqualTo([(1L, 1L, 0L, 0L), (0, 0, 0, 0)]));
            Assert.That(gateway.Log.Count(2014), Is.EqualTo(1));
            Assert.That(meters.Of("cmi.hedges").Sum(measured => measured.Value), Is.EqualTo(1));
            Assert.That(meters.Of("cmi.hedges.won").Sum(measured => measured.Value), Is.EqualTo(1));
            Assert.That(meters.Of("cmi.server.held"), Has.Count.EqualTo(2), "each connection was held for its own time");
            Assert.That(log.Entries, Is.EqualTo([(200, ExchangeEnd.Whole, 2, 1, TestGateway.Url(2))]));
        }
    }

    internal static Action<CmiOptions> Hedged => options => options.Retry.HedgeAfter = TimeSpan.FromMilliseconds(100);

    /// <summary>A request to which no server has answered for as long as it takes to ask a second one.</summary>
    internal static InMemoryPeer Late(TestGateway gateway, string? request = null, double seconds = 0.1)
    {
        var client = gateway.Connect();
        client.Send(request ?? Http.Get("/"));
        gateway.Advance(seconds);
        return client;
    }

    private sealed class Recorder : IAccessLog
    {
        public List<(int Status, ExchangeEnd End, int Attempts, int Hedges, string? Server)> Entries { get; } = [];

        public void Write(in AccessLogEntry entry) => Entries.Add((entry.Status, entry.End, entry.Attempts, entry.Hedges, entry.Server));
    }
}
