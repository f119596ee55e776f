using Cmi.Messages;

namespace Cmi.Health;

/// <summary>The options of health as the engine uses them, in milliseconds. Immutable.</summary>
internal sealed class HealthSettings(HealthOptions options)
{
    public readonly int Failures = options.Failures;
    public readonly double FailureShare = options.FailureShare;
    public readonly int FailureShareRequests = options.FailureShareRequests;
    public readonly long Window = Ms(options.Window);
    public readonly long EjectionTime = Ms(options.EjectionTime);
    public readonly long MaxEjectionTime = Ms(options.MaxEjectionTime);
    public readonly double MaxEjectedShare = options.MaxEjectedShare;
    public readonly long ProbeInterval = Ms(options.ProbeInterval);
    public readonly HealthProbeKind Probe = options.Probe;
    public readonly string Path = options.Path ?? "";
    public readonly string Host = options.Host ?? "";
    public readonly StatusSet Statuses = StatusSet.TryParse(options.Statuses, out var statuses) ? statuses : StatusSet.Empty;
    public readonly long Interval = Ms(options.Interval);
    public readonly long Timeout = Ms(options.Timeout);
    public readonly int HealthyThreshold = options.HealthyThreshold;
    public readonly int UnhealthyThreshold = options.UnhealthyThreshold;
    public readonly long SlowStart = Ms(options.SlowStart);

    /// <summary>Whether servers are asked at intervals, whatever their clients say.</summary>
    public bool ChecksActively => Path.Length > 0;

    /// <summary>Whether failures put a server out at all.</summary>
    public bool Ejects => MaxEjectedShare > 0;

    private static long Ms(TimeSpan time) => (long)time.TotalMilliseconds;
}
