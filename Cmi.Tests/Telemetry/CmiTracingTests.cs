using System.Diagnostics;
using Cmi.Tests.Harness;

namespace Cmi.Tests.Telemetry;

[NonParallelizable]
public sealed class CmiTracingTests
{
    private const string TraceId = "0af7651916cd43dd8448eb211c80319c", SpanId = "b7ad6b7169203331";
    private const string Parent = $"traceparent: 00-{TraceId}-{SpanId}-01\r\n";

    private readonly List<Activity> _ended = [];

    [SetUp]
    public void Clear() => _ended.Clear();

    [Test]
    public async Task WithoutAListener_FieldsPassUntouched()
    {
        await using var gateway = new TestGateway(servers: 1);
        gateway.Connect().Send(Http.Get("/", "traceparent: anything\r\nTraceState: a=b\r\n"));
        gateway.Run();
        Assert.That(gateway.At(1).ReceiveText(), Does.Contain("\r\ntraceparent: anything\r\nTraceState: a=b\r\n"));
    }

    [Test]
    public async Task Exchange_IsASpanOfTheClientsTraceWithASpanForItsAttempt()
    {
        using var listener = Listen();
        await using var gateway = new TestGateway(servers: 1);
        var client = gateway.Connect();
        client.Send(Http.Get("/a?secret=1", Parent + "tracestate: a=b\r\nTracestate: c=d\r\n"));
        gateway.Run();
        var head = gateway.At(1).ReceiveText();
        gateway.At(1).Send(Http.Ok("yes"));
        gateway.Run();

        var (attempt, exchange) = (_ended[0], _ended[1]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((exchange.Kind, exchange.DisplayName, exchange.TraceId.ToHexString(), exchange.ParentSpanId.ToHexString()), Is.EqualTo((ActivityKind.Server, "GET", TraceId, SpanId)));
            Assert.That((attempt.Kind, attempt.TraceId, attempt.ParentSpanId), Is.EqualTo((ActivityKind.Client, exchange.TraceId, exchange.SpanId)));
            Assert.That(head, Does.Contain($"\r\ntraceparent: 00-{TraceId}-{attempt.SpanId.ToHexString()}-01\r\ntracestate: a=b,c=d\r\n"));
            Assert.That(head.Split("trace"), Has.Length.EqualTo(3), "neither field is there twice");
            Assert.That((exchange.GetTagItem("url.path"), exchange.GetTagItem("http.response.status_code"), exchange.Status), Is.EqualTo(("/a", 200, ActivityStatusCode.Unset)));
            Assert.That((attempt.GetTagItem("server.address"), attempt.GetTagItem("server.port"), attempt.GetTagItem("http.response.status_code")), Is.EqualTo(("10.0.0.1", 80, 200)));
            Assert.That(_ended.SelectMany(span => span.TagObjects).Select(tag => tag.Value?.ToString()), Has.None.Contains("secret"));
            Assert.That(Activity.Current, Is.Null);
        }
    }

    [TestCase("traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331\r\n")]
    [TestCase("traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01\r\n")]
    [TestCase("traceparent: \"x\r\n")]
    [TestCase(Parent + Parent)]
    public async Task TraceparentThatIsNone_BeginsANewTrace(string fields)
    {
        using var listener = Listen();
        await using var gateway = new TestGateway(servers: 1);
        gateway.Connect().Send(Http.Get("/", fields + "tracestate: a=b\r\n"));
        gateway.Run();
        var head = gateway.At(1).ReceiveText();
        gateway.At(1).Send(Http.Ok());
        gateway.Run();
        var exchange = _ended[1];
        Assert.That((exchange.ParentSpanId, exchange.TraceId.ToHexString() == TraceId), Is.EqualTo((default(ActivitySpanId), false)));
        Assert.That(head, Does.Contain($"\r\ntraceparent: 00-{exchange.TraceId.ToHexString()}-").And.Not.Contain("tracestate"));
    }

    [Test]
    public async Task EachAttempt_HasASpanOfItsOwn()
    {
        using var listener = Listen();
        await using var gateway = new TestGateway(servers: 2);
        gateway.Transport.Refuse(TestGateway.Address(1));
        gateway.Connect().Send(Http.Get("/"));
        gateway.Run();
        gateway.At(2).Send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        gateway.Run();
        var (failed, second, exchange) = (_ended[0], _ended[1], _ended[2]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((failed.GetTagItem("error.type"), failed.Status, failed.StatusDescription), Is.EqualTo(("connect_failed", ActivityStatusCode.Error, failed.StatusDescription)));
            Assert.That(failed.StatusDescription, Is.Not.Empty);
            Assert.That((second.GetTagItem("http.request.resend_count"), second.GetTagItem("error.type"), second.Status), Is.EqualTo((1, "404", ActivityStatusCode.Error)));
            Assert.That((exchange.GetTagItem("http.response.status_code"), exchange.GetTagItem("error.type"), exchange.Status), Is.EqualTo((404, (object?)null, ActivityStatusCode.Unset)));
        }
    }

    [Test]
    public async Task ExchangeThatIsNotSampled_PassesTheFieldsUntouched()
    {
        using var listener = Listen(ActivitySamplingResult.None);
        await using var gateway = new TestGateway(servers: 1);
        gateway.Connect().Send(Http.Get("/", Parent));
        gateway.Run();
        Assert.That(gateway.At(1).ReceiveText(), Does.Contain("\r\n" + Parent));
    }

    [Test]
    public async Task Hedged_EachAttemptHasASpanAndNamesItToItsServer()
    {
        using var listener = Listen();
        await using var gateway = new TestGateway(options => options.Retry.HedgeAfter = TimeSpan.FromMilliseconds(100));
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Advance(0.1);
        var heads = new[] { gateway.At(1).ReceiveText(), gateway.At(2).ReceiveText() };
        gateway.At(2).Send(Http.Ok());
        gateway.Run();
        client.ReceiveReply();

        var (loser, winner, exchange) = (_ended[0], _ended[1], _ended[2]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(heads[0], Does.Contain($"-{loser.SpanId}-"));
            Assert.That(heads[1], Does.Contain($"-{winner.SpanId}-"));
            Assert.That(_ended.Take(2).Select(span => span.ParentSpanId), Is.All.EqualTo(exchange.SpanId));
            Assert.That((loser.GetTagItem("error.type"), loser.GetTagItem("cmi.hedge"), loser.GetTagItem("server.address")), Is.EqualTo(("abandoned", (object?)null, "10.0.0.1")));
            Assert.That((winner.GetTagItem("error.type"), winner.GetTagItem("cmi.hedge"), winner.GetTagItem("server.address")), Is.EqualTo(((object?)null, true, "10.0.0.2")));
            Assert.That((winner.GetTagItem("http.response.status_code"), winner.GetTagItem("http.request.resend_count")), Is.EqualTo((200, 1)));
        }
    }

    private ActivityListener Listen(ActivitySamplingResult result = ActivitySamplingResult.AllDataAndRecorded)
    {
        var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Cmi",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => result,
            ActivityStopped = _ended.Add,
        };
        ActivitySource.AddActivityListener(listener);
        return listener;
    }
}
