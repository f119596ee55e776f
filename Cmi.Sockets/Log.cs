using Microsoft.Extensions.Logging;

namespace Cmi.Sockets;

/// <summary>What the transport logs. Event ids from 3000 on; an id never changes its meaning.</summary>
internal static partial class Log
{
    [LoggerMessage(3000, LogLevel.Error, "Loop {Loop}: an exception escaped from what was called; the loop goes on.")]
    public static partial void Escaped(this ILogger logger, string loop, Exception exception);

    [LoggerMessage(3001, LogLevel.Warning, "Loop {Loop}: a turn took {Milliseconds} ms; all connections of the loop waited for it.")]
    public static partial void LongTurn(this ILogger logger, string loop, long milliseconds);

    [LoggerMessage(3002, LogLevel.Warning, "{Address}: cannot accept ({Error}); clients wait in the system's backlog, and it is tried again every {Milliseconds} ms.")]
    public static partial void AcceptFails(this ILogger logger, ListenAddress address, string error, int milliseconds);

    [LoggerMessage(3003, LogLevel.Information, "{Address}: clients are accepted again.")]
    public static partial void AcceptWorksAgain(this ILogger logger, ListenAddress address);

    [LoggerMessage(3004, LogLevel.Debug, "Connection {Connection}: reset: {Reason}")]
    public static partial void Aborted(this ILogger logger, long connection, string reason);

    [LoggerMessage(3005, LogLevel.Warning, "Loop {Loop}: its thread cannot be kept to one processor ({Error}); it runs where the system puts it.")]
    public static partial void CannotPin(this ILogger logger, string loop, string error);

    [LoggerMessage(3006, LogLevel.Debug, "Loop {Loop}: the system takes no calls together (io_uring); they are made one by one.")]
    public static partial void CallsOneByOne(this ILogger logger, string loop);

    /// <summary>Logs where nobody is left to hear that logging failed: it must not end a loop, and out of handles it may well fail.</summary>
    /// <returns>Whether it was logged.</returns>
    public static bool Safely(ILogger logger, Action<ILogger> write)
    {
        try
        {
            write(logger);
            return true;
        }
        catch (Exception)
        {
            return false;                                          // the line is lost; what it was about goes on
        }
    }
}
