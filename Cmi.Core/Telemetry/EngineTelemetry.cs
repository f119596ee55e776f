using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;

namespace Cmi.Telemetry;

/// <summary>What an engine tells about itself: its meter, its traces, its access log. <para>Threading: any thread.</para></summary>
internal sealed class EngineTelemetry : IAsyncDisposable
{
    private readonly ILogger _logger;
    private readonly AccessLogOptions _options;
    private readonly IAccessLog? _given;
    private readonly bool _isTraced;
    private AccessLogFile? _file;
    private int _faultTold;

    /// <param name="engine">Whose counters the meter tells.</param>
    /// <param name="options">Where the access log goes.</param>
    /// <param name="meters">Makes the meter; <see langword="null"/>: it is made here.</param>
    /// <param name="accessLog">Takes the records in the place of the file; not disposed here.</param>
    /// <param name="isTraced">Whether listeners of the activity source hear of exchanges.</param>
    /// <param name="logger">The log.</param>
    public EngineTelemetry(CmiEngine engine, AccessLogOptions options, IMeterFactory? meters, IAccessLog? accessLog, bool isTraced, ILogger logger)
    {
        (_options, _given, _isTraced, _logger) = (options, accessLog, isTraced, logger);
        Metrics = new(meters, engine);
    }

    public CmiMetrics Metrics { get; }

    /// <summary>Who takes the records; <see langword="null"/>: nobody.</summary>
    public IAccessLog? AccessLog => _given ?? _file;

    /// <summary>Records of the engine's own access log that were lost.</summary>
    public long AccessLogDropped => _file?.Dropped ?? 0;

    /// <summary>Whether anybody wants to know of single exchanges; asked once a turn.</summary>
    public bool IsWatching => AccessLog is not null || Metrics.IsRecording || IsTracing;

    /// <summary>Whether anybody wants spans.</summary>
    public bool IsTracing => _isTraced && CmiTracing.Source.HasListeners();

    /// <summary>Opens the access log, if there is to be one.</summary>
    /// <exception cref="IOException">Its file cannot be opened.</exception>
    public void Start()
    {
        if (_given is null && !string.IsNullOrEmpty(_options.Path)) _file = new(_options, _logger);
    }

    /// <summary>Whether other settings for the access log than those of the start were given.</summary>
    public bool AccessLogDiffers(AccessLogOptions options) =>
        (options.Path ?? "", options.Template ?? "", options.BufferBytes) != (_options.Path ?? "", _options.Template ?? "", _options.BufferBytes);

    /// <summary>Hands a record over. A fault of a host's own log is told once; it must not concern the exchange.</summary>
    public void Log(in AccessLogEntry entry)
    {
        try
        {
            AccessLog?.Write(entry);
        }
        catch (Exception e)
        {
            if (Interlocked.Exchange(ref _faultTold, 1) == 0) _logger.AccessLogThrew(e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_file is { } file) await file.DisposeAsync();
        Metrics.Dispose();
    }
}
