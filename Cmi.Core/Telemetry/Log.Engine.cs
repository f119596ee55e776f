using Microsoft.Extensions.Logging;

namespace Cmi.Telemetry;

/// <summary>What the engine says in the log; event ids 2000 to 2099.</summary>
internal static partial class Log
{
    [LoggerMessage(2000, LogLevel.Information, "Listening on {Endpoint}.")]
    public static partial void Listening(this ILogger logger, ListenAddress endpoint);

    [LoggerMessage(2001, LogLevel.Information, "Draining: no client is accepted any more; {Connections} client connections are open.")]
    public static partial void Draining(this ILogger logger, int connections);

    [LoggerMessage(2002, LogLevel.Warning, "The drain ended with {Connections} client connections cut.")]
    public static partial void DrainCut(this ILogger logger, int connections);

    [LoggerMessage(2003, LogLevel.Information, "Stopped.")]
    public static partial void Stopped(this ILogger logger);

    [LoggerMessage(2004, LogLevel.Information, "Leaving: clients are accepted for {Seconds} s more, and told to close.")]
    public static partial void Leaving(this ILogger logger, double seconds);

    [LoggerMessage(2005, LogLevel.Debug, "The exercise before the start came to nothing; the first requests take longer.")]
    public static partial void NotExercised(this ILogger logger, Exception exception);

    [LoggerMessage(2010, LogLevel.Warning, "Attempt {Attempt} at server {Server} failed: {Reason}.")]
    public static partial void AttemptFailed(this ILogger logger, int attempt, ServerAddress server, string reason);

    [LoggerMessage(2011, LogLevel.Warning, "A reply of server {Server} was cut after it had begun to leave: {Reason}.")]
    public static partial void ReplyCut(this ILogger logger, ServerAddress server, string reason);

    [LoggerMessage(2012, LogLevel.Debug, "A client connection ended early: {Reason}.")]
    public static partial void ClientCut(this ILogger logger, string reason);

    [LoggerMessage(2013, LogLevel.Information, "A reply that broke after it had begun to leave goes on from server {Server} at byte {Offset}.")]
    public static partial void ReplyResumed(this ILogger logger, ServerAddress server, long offset);

    [LoggerMessage(2014, LogLevel.Debug, "Server {Server} has not answered for {Milliseconds} ms; server {Other} is asked too.")]
    public static partial void Hedged(this ILogger logger, ServerAddress server, ServerAddress other, long milliseconds);

    [LoggerMessage(2020, LogLevel.Error, "The buffer store failed.")]
    public static partial void BufferStoreFailed(this ILogger logger, Exception? exception);

    [LoggerMessage(2021, LogLevel.Error, "The job queue failed.")]
    public static partial void JobQueueFailed(this ILogger logger, Exception exception);

    [LoggerMessage(2022, LogLevel.Error, "A session failed by a fault of the engine; its connection is cut.")]
    public static partial void SessionFailed(this ILogger logger, Exception exception);

    [LoggerMessage(2023, LogLevel.Warning, "The buffer store is full; the youngest reply that is held gives way.")]
    public static partial void HeldReplyGaveWay(this ILogger logger);

    [LoggerMessage(2024, LogLevel.Error, "A check of replies failed; the reply passes unchecked.")]
    public static partial void ReplyCheckFailed(this ILogger logger, Exception exception);

    [LoggerMessage(2030, LogLevel.Information, "The settings have changed: {Routes} routes, {Groups} server groups, {Servers} servers.")]
    public static partial void SettingsChanged(this ILogger logger, int routes, int groups, int servers);

    [LoggerMessage(2031, LogLevel.Error, "New settings are refused, those of before stay in force: {Faults}")]
    public static partial void SettingsRefused(this ILogger logger, string faults);

    [LoggerMessage(2032, LogLevel.Warning, "{Setting} cannot change while the engine runs; what is new counts from the next start.")]
    public static partial void SettingStays(this ILogger logger, string setting);

    [LoggerMessage(2033, LogLevel.Warning, "The queue of the server group {Group} cannot take other servers or limits; the new ones count from the next start.")]
    public static partial void GroupStays(this ILogger logger, string group, Exception? exception);

    [LoggerMessage(2040, LogLevel.Error, "The access log {Path} cannot be written; its records are lost until it can be again.")]
    public static partial void AccessLogFailed(this ILogger logger, Exception exception, string path);

    [LoggerMessage(2041, LogLevel.Warning, "{Count} records of the access log were lost.")]
    public static partial void AccessLogDropped(this ILogger logger, long count);

    [LoggerMessage(2042, LogLevel.Error, "The host's access log failed; this is told once.")]
    public static partial void AccessLogThrew(this ILogger logger, Exception exception);

    [LoggerMessage(2050, LogLevel.Warning, "Server {Server} is out: {Condition}, after {Failures} failures in a row.")]
    public static partial void ServerIsOut(this ILogger logger, ServerAddress server, ServerCondition condition, int failures);

    [LoggerMessage(2051, LogLevel.Information, "Server {Server} is back.")]
    public static partial void ServerIsBack(this ILogger logger, ServerAddress server);

    [LoggerMessage(2052, LogLevel.Debug, "A probe of server {Server} failed: {Reason}.")]
    public static partial void ProbeFailed(this ILogger logger, ServerAddress server, string reason);
}
