using Microsoft.Extensions.Logging;

namespace Cmi.Telemetry;

// What a store made of tiers says; event ids 2100 to 2119.
internal static partial class Log
{
    [LoggerMessage(2100, LogLevel.Error, "Buffer tier {Tier} ({Store}) failed and is passed over; it is tried again in a second.")]
    public static partial void BufferTierFailed(this ILogger logger, int tier, string store, Exception? exception);

    [LoggerMessage(2101, LogLevel.Error, "A buffer tier failed to free what it held.")]
    public static partial void BufferTierNotFreed(this ILogger logger, Exception exception);
}
