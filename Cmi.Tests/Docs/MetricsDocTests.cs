using System.Diagnostics.Metrics;
using System.Text.RegularExpressions;
using Cmi.Engine;
using Cmi.Telemetry;
using Cmi.Tests.Harness;
using Cmi.Tests.Telemetry;

namespace Cmi.Tests.Docs;

/// <summary>Holds <c>docs/metrics.md</c> against what the meter has, and against the attributes that are really recorded.</summary>
public sealed partial class MetricsDocTests
{
    [Test]
    public async Task EachInstrument_HasItsRow_AndEachAttributeIsRecorded()
    {
        using var measured = new Measurements();
        var recorded = new Dictionary<string, HashSet<string>>();
        await using (var gateway = new TestGateway(options => (options.Retry.Attempts, options.Health.MaxEjectedShare) = (2, 0), servers: 2, meters: measured, store: new MeasuredStore()))
        {
            gateway.Transport.Refuse(TestGateway.Address(1));
            var client = gateway.Connect();
            for (var i = 0; i < 2; i++)                             // one is answered at the second attempt, one is not: all attributes occur
            {
                client.Send(Http.Get("/"));
                gateway.Run();
                if (i == 0) gateway.Server(2).Last.Send(Http.Ok("yes"));
                else gateway.Server(2).Last.Send("no HTTP\r\n\r\n");
                gateway.Run();
                client.ReceiveReply();
            }
            foreach (var instrument in measured.Instruments)
                recorded[instrument.Name] = [.. measured.Of(instrument.Name).SelectMany(one => one.Tags.Keys)];
        }
        var rows = Rows().ToList();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(rows.Select(row => $"{row.Name} {row.Kind} {row.Unit}"), Is.EquivalentTo(measured.Instruments.Select(one => $"{one.Name} {Kind(one)} {one.Unit}")));
            foreach (var row in rows) Assert.That(recorded.GetValueOrDefault(row.Name), Is.EquivalentTo(row.Attributes), row.Name);
        }
    }

    [Test]
    public void EachFault_HasItsRowWithItsStatus()
    {
        var text = Repository.Read("docs/metrics.md");
        foreach (var fault in Enum.GetValues<AttemptFault>())
            Assert.That(text, Does.Match($@"\n\| `{Attributes.Of(fault)}` \| [^|]+ \| {fault.Status} \|\n"));
    }

    private static string Kind(Instrument instrument) => instrument.GetType().Name[..^2] switch
    {
        "Histogram" => "histogram",
        "ObservableCounter" => "counter",
        "ObservableUpDownCounter" => "up-down counter",
        var other => other,
    };

    private static IEnumerable<(string Name, string Kind, string Unit, List<string> Attributes)> Rows()
    {
        List<string> before = [];
        foreach (Match row in Row().Matches(Repository.Read("docs/metrics.md")))
        {
            var attributes = row.Groups["attributes"].Value;
            if (attributes != "as above") before = [.. Name().Matches(attributes).Select(name => name.Groups[1].Value)];
            yield return (row.Groups["name"].Value, row.Groups["kind"].Value, row.Groups["unit"].Value, before);
        }
    }

    [GeneratedRegex(@"^\| `(?<name>[\w.]+)` \| (?<kind>[^|]+) \| (?<unit>[^|]+) \| (?<attributes>[^|]*?) ?\| [^|]+ \|$", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Name();

    private sealed class MeasuredStore : IBufferStore, IMeasuredBufferStore
    {
        private readonly ScriptedStore _store = new();

        public IBuffer? TryCreate(ILoop loop, long? expectedBytes) => _store.TryCreate(loop, expectedBytes);

        public IReadOnlyList<BufferTierUsage> GetUsage() => [new() { Tier = "ram", UsedBytes = _store.Held, CapacityBytes = _store.Capacity }];

        public ValueTask DisposeAsync() => _store.DisposeAsync();
    }
}
