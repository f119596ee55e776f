using System.Diagnostics.Metrics;

namespace Cmi.Tests.Telemetry;

/// <summary>Makes a meter and listens to it alone, however many engines there are.</summary>
internal sealed class Measurements : IMeterFactory
{
    private readonly MeterListener _listener = new();
    private readonly List<Measured> _all = [];
    private Meter? _meter;

    /// <param name="wanted">Which instruments are listened to; by default all.</param>
    public Measurements(Func<Instrument, bool>? wanted = null)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter != _meter) return;
            Instruments.Add(instrument);
            if (wanted?.Invoke(instrument) ?? true) listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.Start();
    }

    /// <summary>Whether single measurements are kept; off where allocations are counted.</summary>
    public bool Keeps { get; set; } = true;

    /// <summary>How many measurements came.</summary>
    public long Count { get; private set; }

    /// <summary>The instruments of the meter.</summary>
    public List<Instrument> Instruments { get; } = [];

    public Meter Create(MeterOptions options) => _meter = new(options);

    /// <summary>What an instrument has recorded; of one that is only looked at, what it says now.</summary>
    public List<Measured> Of(string instrument)
    {
        _all.RemoveAll(one => one.IsObserved);
        _listener.RecordObservableInstruments();
        return [.. _all.Where(one => one.Name == instrument)];
    }

    public void Dispose()
    {
        _listener.Dispose();
        _meter?.Dispose();
    }

    private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        Count++;
        if (Keeps) _all.Add(new(instrument.Name, value, tags.ToArray().ToDictionary(tag => tag.Key, tag => tag.Value), instrument.IsObservable));
    }
}

/// <summary>One measurement.</summary>
internal sealed record Measured(string Name, double Value, Dictionary<string, object?> Tags, bool IsObserved)
{
    public object? this[string tag] => Tags.GetValueOrDefault(tag);
}
