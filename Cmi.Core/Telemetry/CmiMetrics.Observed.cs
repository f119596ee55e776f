using System.Diagnostics;
using System.Diagnostics.Metrics;
using Cmi.Engine;
using Cmi.Messages;

namespace Cmi.Telemetry;

// What is looked at only when somebody asks.
internal sealed partial class CmiMetrics
{
    private const string PathAttribute = "cmi.reply.path", TierAttribute = "cmi.buffer.tier";

    private void CreateObserved()
    {
        _meter.CreateObservableUpDownCounter("http.server.active_requests", ActiveRequests, "{request}", "Requests whose reply has not left yet.");
        _meter.CreateObservableUpDownCounter("cmi.client.connections", () => One(_engine.Clients), "{connection}", "Client connections that are open.");
        _meter.CreateObservableCounter("cmi.client.connections.accepted", () => One(Sum(c => Volatile.Read(ref c.Accepted))), "{connection}", "Client connections that were accepted.");
        _meter.CreateObservableUpDownCounter("cmi.tunnels", () => One(Sum(c => Volatile.Read(ref c.Tunnels))), "{connection}", "Connections that have switched protocols.");
        _meter.CreateObservableCounter("cmi.replies", Replies, "{reply}", "Whole replies of servers, by the memory that they left from.");
        _meter.CreateObservableCounter("cmi.replies.spilled", () => One(Sum(c => Volatile.Read(ref c.RepliesSpilled))), "{reply}", "Replies of which a part was in a lower tier of the buffer store.");
        _meter.CreateObservableCounter("cmi.replies.own", OwnReplies, "{reply}", "Replies of the gateway's own: refusals and failures.");
        _meter.CreateObservableCounter("cmi.access_log.dropped", () => One(_engine.AccessLogDropped), "{record}", "Records of the access log that found no room or could not be written.");
        _meter.CreateObservableCounter("cmi.settings.changes", SettingsChanges, "{change}", "Changes of the settings while the engine ran.");
        CreateObservedOfServers();
        CreateObservedOfBuffers();
    }

    private void CreateObservedOfServers()
    {
        _meter.CreateObservableUpDownCounter("http.client.open_connections", OpenConnections, "{connection}", "Connections to servers.");
        _meter.CreateObservableUpDownCounter("http.client.active_requests", () => PerServer(c => Volatile.Read(ref c.Active)), "{request}", "Attempts that have not ended.");
        _meter.CreateObservableUpDownCounter("cmi.queue.length", QueueLengths, "{request}", "Requests that wait for a grant.");
        _meter.CreateObservableCounter("cmi.grants", () => PerServer(c => Volatile.Read(ref c.Attempts)), "{grant}", "Grants of a server to a request; each is an attempt.");
        _meter.CreateObservableCounter("cmi.server.failures", () => PerFault(c => c.Failures), "{attempt}", "Attempts that failed, by cause.");
        _meter.CreateObservableCounter("cmi.retries", () => PerFault(c => c.Retries), "{attempt}", "Attempts that followed a failed one, by the cause and the server of that one.");
        _meter.CreateObservableCounter("cmi.hedges", () => PerServer(c => Volatile.Read(ref c.Hedges)), "{attempt}", "Attempts beside one whose reply was late, by the server of that one.");
        _meter.CreateObservableCounter("cmi.hedges.won", () => PerServer(c => Volatile.Read(ref c.HedgesWon)), "{attempt}", "Those of them that came to a reply first, by the server that was late.");
        _meter.CreateObservableCounter("cmi.replies.cut", () => PerServer(c => Volatile.Read(ref c.RepliesCut)), "{reply}", "Replies that failed after their first byte had left.");
        _meter.CreateObservableCounter("cmi.replies.resumed", () => PerServer(c => Volatile.Read(ref c.RepliesResumed)), "{reply}", "Times that a server went on with a reply that had failed after its first byte had left.");
    }

    private void CreateObservedOfBuffers()
    {
        if (_engine.Buffers is not IMeasuredBufferStore store) return;
        _meter.CreateObservableUpDownCounter("cmi.buffer.used", () => PerTier(store, t => t.UsedBytes), "By", "What a tier of the buffer store holds.");
        _meter.CreateObservableUpDownCounter("cmi.buffer.capacity", () => PerTier(store, t => t.CapacityBytes), "By", "What a tier may hold.");
        _meter.CreateObservableUpDownCounter("cmi.buffer.count", () => PerTier(store, t => t.Buffers), "{buffer}", "Buffers that live in a tier.");
        _meter.CreateObservableCounter("cmi.buffer.written", () => PerTier(store, t => t.WrittenBytes), "By", "Written to the device of a tier.");
        _meter.CreateObservableCounter("cmi.buffer.read", () => PerTier(store, t => t.ReadBytes), "By", "Read from the device of a tier.");
        _meter.CreateObservableCounter("cmi.buffer.moved", () => PerTier(store, t => t.MovedInBytes), "By", "Moved down to a tier from the one above.");
        _meter.CreateObservableCounter("cmi.buffer.io.time", () => PerTier(store, t => t.IoTime.TotalSeconds), "s", "Time that reads and writes of the device of a tier took.");
        _meter.CreateObservableCounter("cmi.buffer.failures", () => PerTier(store, t => t.Failures), "{operation}", "Reads and writes of a tier that failed.");
    }

    private long Sum(Func<EngineCounters, long> of) => _engine.Loops.Sum(loop => of(loop.Counters));

    private static Measurement<long>[] One(long value) => [new(value)];

    private static KeyValuePair<string, object?> Tag(string name, object value) => new(name, value);

    private IEnumerable<Measurement<long>> ActiveRequests()
    {
        foreach (var method in Enum.GetValues<Method>())
        {
            // A method that nobody has used is not told of; one that was stays, with 0.
            if (Sum(c => Volatile.Read(ref c.Begun[(int)method])) == 0) continue;
            yield return new(Sum(c => Volatile.Read(ref c.Active[(int)method])), Tag(Attributes.RequestMethod, Attributes.Of(method)), Tag(Attributes.Scheme, "http"));
        }
    }

    private Measurement<long>[] Replies() =>
    [
        new(Sum(c => Volatile.Read(ref c.RepliesDirect)), Tag(PathAttribute, "direct")),
        new(Sum(c => Volatile.Read(ref c.RepliesStored)), Tag(PathAttribute, "stored")),
    ];

    private Measurement<long>[] SettingsChanges() =>
    [
        new(_engine.Changes, Tag("cmi.change.outcome", "applied")),
        new(_engine.RefusedChanges, Tag("cmi.change.outcome", "refused")),
    ];

    private IEnumerable<Measurement<long>> OwnReplies()
    {
        for (var status = EngineCounters.FirstOwnStatus; status <= EngineCounters.LastOwnStatus; status++)
        {
            var count = Sum(c => Volatile.Read(ref c.OwnByStatus[status - EngineCounters.FirstOwnStatus]));
            if (count > 0) yield return new(count, Tag(Attributes.StatusCode, Attributes.Status(status)));
        }
    }

    private IEnumerable<Measurement<long>> QueueLengths() =>
        _engine.Configuration.Groups.Select(group => new Measurement<long>(group.Queue.Waiting, Tag(Attributes.Group, group.Name)));

    private IEnumerable<Measurement<long>> OpenConnections()
    {
        foreach (var (server, counters) in _engine.Servers())
        {
            var idle = counters.Sum(c => Volatile.Read(ref c.Idle));
            var labels = counters[0].Labels;
            // The two are not counted in one moment.
            yield return Of(Math.Max(0, _engine.OpenConnections(server) - idle), labels, Tag(Attributes.ConnectionState, "active"));
            yield return Of(idle, labels, Tag(Attributes.ConnectionState, "idle"));
        }
    }

    private IEnumerable<Measurement<long>> PerServer(Func<ServerCounters, long> of) =>
        _engine.Servers().Select(server => Of(server.Counters.Sum(of), server.Counters[0].Labels));

    private IEnumerable<Measurement<long>> PerFault(Func<ServerCounters, long[]> of)
    {
        foreach (var (_, counters) in _engine.Servers())
        {
            foreach (var fault in Enum.GetValues<AttemptFault>())
            {
                var count = counters.Sum(c => Volatile.Read(ref of(c)[(int)fault]));
                if (count > 0) yield return Of(count, counters[0].Labels, Tag(Attributes.ErrorType, Attributes.Of(fault)));
            }
        }
    }

    private static IEnumerable<Measurement<T>> PerTier<T>(IMeasuredBufferStore store, Func<BufferTierUsage, T> of) where T : struct =>
        store.GetUsage().Select(tier => new Measurement<T>(of(tier), Tag(TierAttribute, tier.Tier)));

    private static Measurement<long> Of(long value, ServerLabels server, params ReadOnlySpan<KeyValuePair<string, object?>> more)
    {
        var tags = new TagList(more);
        server.AddTo(ref tags);
        return new(value, tags);
    }
}
