using System.Diagnostics;
using System.Diagnostics.Metrics;
using Cmi.Buffers;
using Cmi.Hosting;
using Cmi.Sockets;
using Microsoft.Extensions.Logging;
using Moq;

namespace Cmi.Tests.Hosting;

/// <summary>The exercise of a host's start.</summary>
[NonParallelizable]
public sealed class SelfExerciseTests
{
    [TestCase(SocketTransport.Epoll)]
    [TestCase(SocketTransport.Managed)]
    public async Task Requests_AreAnsweredAndNobodyHears(SocketTransport transport)
    {
        if (transport == SocketTransport.Epoll && !OperatingSystem.IsLinux()) Assert.Ignore("Linux only.");
        var log = new Mock<ILogger>();
        log.Setup(l => l.IsEnabled(It.IsAny<LogLevel>())).Returns(true);
        var spans = 0;
        using var traces = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Cmi",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStarted = _ => Interlocked.Increment(ref spans),
        };
        ActivitySource.AddActivityListener(traces);
        var instruments = new List<string>();
        using var meters = new MeterListener { InstrumentPublished = (instrument, _) => { lock (instruments) if (instrument.Meter.Name == "Cmi") instruments.Add(instrument.Name); } };
        meters.Start();
        instruments.Clear();                                       // of engines that were there before
        await using var connections = new SocketConnectionManager(new() { Transport = transport, LoopCount = 2 });
        await using var store = new RamBufferStore(new());

        await SelfExercise.TryRunAsync(connections, store, log.Object, CancellationToken.None);

        Assert.That(log.Invocations.Count(call => call.Method.Name == nameof(ILogger.Log)), Is.Zero, "it came to its end");
        Assert.That(spans, Is.Zero);
        lock (instruments) Assert.That(instruments, Is.Empty);
        Assert.That(store.GetUsage()[0].UsedBytes, Is.Zero);
    }

    [Test]
    public async Task TransportThatCannotListen_IsToldAndPassedOver()
    {
        var log = new Mock<ILogger>();
        log.Setup(l => l.IsEnabled(It.IsAny<LogLevel>())).Returns(true);
        var connections = new Mock<IConnectionManager>();
        connections.Setup(c => c.ListenAsync(It.IsAny<ListenAddress>(), It.IsAny<Action<IConnection>>(), It.IsAny<CancellationToken>())).Throws(new IOException("no loopback"));

        await SelfExercise.TryRunAsync(connections.Object, Mock.Of<IBufferStore>(), log.Object, CancellationToken.None);

        Assert.That(log.Invocations.Count(call => call.Method.Name == nameof(ILogger.Log) && call.Arguments[0] is LogLevel.Debug), Is.EqualTo(1));
    }

    [Test]
    public void StartThatIsGivenUp_IsGivenUp()
    {
        var connections = new Mock<IConnectionManager>();
        connections.Setup(c => c.ListenAsync(It.IsAny<ListenAddress>(), It.IsAny<Action<IConnection>>(), It.IsAny<CancellationToken>()))
            .Returns((ListenAddress _, Action<IConnection> _, CancellationToken given) => ValueTask.FromCanceled<IListener>(given));
        Assert.That(async () => await SelfExercise.TryRunAsync(connections.Object, Mock.Of<IBufferStore>(), Mock.Of<ILogger>(), new(canceled: true)),
            Throws.InstanceOf<OperationCanceledException>());
    }
}
