using Microsoft.Extensions.Logging;

namespace Cmi.Telemetry;

/// <summary>What stores on devices say in the log; event ids 4000 to 4099.</summary>
internal static partial class Log
{
    [LoggerMessage(4000, LogLevel.Error, "The {Device} that holds contents fails: no new ones go there for {Seconds} s. Failures so far: {Failures}.")]
    public static partial void BufferDeviceFails(this ILogger logger, string device, long seconds, long failures, Exception exception);

    [LoggerMessage(4001, LogLevel.Information, "The {Device} that holds contents works again.")]
    public static partial void BufferDeviceWorks(this ILogger logger, string device);

    [LoggerMessage(4002, LogLevel.Error, "The {Device} did not give back what was written to it. Such failures so far: {Failures}.")]
    public static partial void BufferReadBackFailed(this ILogger logger, string device, long failures, Exception exception);

    [LoggerMessage(4003, LogLevel.Warning, "The flash log failed; a new one takes its place. {Entries} entries can still be read from it.")]
    public static partial void FlashLogFailed(this ILogger logger, int entries, Exception exception);
}
