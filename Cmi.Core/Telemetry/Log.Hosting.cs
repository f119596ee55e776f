using Microsoft.Extensions.Logging;

namespace Cmi.Telemetry;

/// <summary>What CMI says in the log. Event ids: 1000 to 1099 hosting; each area has its own file and hundred.</summary>
internal static partial class Log
{
    [LoggerMessage(1000, LogLevel.Information, "Listening on {Endpoint}.")]
    internal static partial void Listening(ILogger logger, ListenAddress endpoint);

    [LoggerMessage(1001, LogLevel.Information, "Stopping: no new connections, requests that have arrived are finished.")]
    internal static partial void Draining(ILogger logger);

    [LoggerMessage(1002, LogLevel.Information, "Stopped.")]
    internal static partial void Stopped(ILogger logger);
}
