using System.Text;
using Cmi.Tests.Harness;
using Cmi.Tests.Telemetry;

namespace Cmi.Tests.Engine;

/// <summary>
/// What a kept-alive exchange allocates in the steady state. The transport is a stub that allocates nothing, so what is measured is the engine with the
/// hand-cranked loop under it.
/// </summary>
[NonParallelizable]
public sealed class AllocationTests
{
    private const int Exchanges = 1000;
    private const int AllowedBytes = 0;

    [Test]
    public async Task KeepAliveGet_AllocatesNothing()
    {
        var connections = new StubConnections(Bytes(Http.Get("/a?b", "User-Agent: test\r\nAccept: */*\r\n")), Bytes(Http.Ok(new('x', 1000), "Server: test\r\n")));
        var engine = await StartAsync(connections);
        var client = connections.Connect();
        for (var i = 0; i < 200; i++) client.Say();                 // warm-up: pools are filled, code is compiled
        var sent = client.Sent;

        var bytes = Measure(client);

        Assert.That(client.Sent - sent, Is.EqualTo(Exchanges * (sent / 200)), "all were answered");
        Assert.That(connections.Dialled, Is.EqualTo(1));
        Assert.That(engine.GetStatistics().RepliesDirect, Is.EqualTo(Exchanges + 200));
        TestContext.Out.WriteLine($"{bytes / (double)Exchanges:f1} bytes an exchange");
        Assert.That(bytes, Is.LessThanOrEqualTo(AllowedBytes));
        Stop(engine, connections);
    }

    [Test]
    public async Task KeepAliveGetThatIsMeasured_AllocatesNothing()
    {
        using var measured = new Measurements { Keeps = false };
        var connections = new StubConnections(Bytes(Http.Get("/a?b", "User-Agent: test\r\nAccept: */*\r\n")), Bytes(Http.Ok(new('x', 1000), "Server: test\r\n")));
        var engine = await StartAsync(connections, meters: measured);
        var client = connections.Connect();
        for (var i = 0; i < 200; i++) client.Say();
        var before = measured.Count;
        var bytes = Measure(client);
        Assert.That(measured.Count - before, Is.GreaterThanOrEqualTo(Exchanges * 7), "all histograms were recorded into");
        Assert.That(bytes, Is.LessThanOrEqualTo(AllowedBytes));
        Stop(engine, connections);
    }

    [Test]
    public async Task KeepAliveGetThatIsLoggedToAFile_AllocatesNothing()
    {
        var path = Path.GetTempFileName();
        var connections = new StubConnections(Bytes(Http.Get("/a?b", "User-Agent: test\r\nAccept: */*\r\n")), Bytes(Http.Ok(new('x', 1000), "Server: test\r\n")));
        var engine = await StartAsync(connections, configure: o => (o.AccessLog.Path, o.AccessLog.BufferBytes) = (path, 1 << 24));
        var client = connections.Connect();
        for (var i = 0; i < 200; i++) client.Say();
        var bytes = Measure(client);
        Stop(engine, connections);
        Assert.That(File.ReadLines(path).Count(), Is.EqualTo(Exchanges + 200));
        TestContext.Out.WriteLine($"{bytes / (double)Exchanges:f1} bytes an exchange");
        Assert.That(bytes / (double)Exchanges, Is.LessThanOrEqualTo(64), "waking the writer may cost something now and then, a record must not");
        File.Delete(path);
    }

    [Test]
    public async Task QueueThatAllocates_IsSeenByTheSameMeasurement()
    {
        var connections = new StubConnections(Bytes(Http.Get("/")), Bytes(Http.Ok("x")));
        ScriptedQueue queue = null!;
        var engine = await StartAsync(connections, group => queue = new(group));
        object? kept = null;
        queue.OnTry = () => kept = new byte[100];
        queue.OnAcquire = () => throw new InvalidOperationException("refused");
        var client = connections.Connect();
        client.Say();
        Assert.That(Measure(client), Is.GreaterThan(Exchanges * 100));
        Assert.That(kept, Is.Not.Null);
        Stop(engine, connections);
    }

    // By the leanest of a few parts, since the runtime allocates for itself at times, as when it compiles anew what has become hot.
    private static long Measure(StubConnection client)
    {
        const int Parts = 5;
        var leanest = long.MaxValue;
        for (var part = 0; part < Parts; part++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < Exchanges / Parts; i++) client.Say();
            leanest = Math.Min(leanest, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        return leanest * Parts;
    }

    private static async Task<CmiEngine> StartAsync(StubConnections connections, Func<ServerGroup, IJobQueue>? queue = null, Measurements? meters = null, Action<CmiOptions>? configure = null)
    {
        var options = new CmiOptions();
        configure?.Invoke(options);
        options.Listen("http://127.0.0.1:80");
        options.AddServer("http://10.0.0.1");
        var engine = new CmiEngine(options, connections, new ScriptedStore(), queue, meters: meters);
        await engine.StartAsync();
        return engine;
    }

    private static void Stop(CmiEngine engine, StubConnections connections)
    {
        // Wait turns the loop for what ends beside it, the writer of the access log.
        connections.Loop.Wait(engine.DisposeAsync);
    }

    private static byte[] Bytes(string text) => Encoding.Latin1.GetBytes(text);
}
