using System.Buffers.Text;
using Cmi.Http1;

namespace Cmi.Telemetry;

/// <summary>How a record becomes a line. <para>Threading: immutable, any thread; what is written into belongs to the caller.</para></summary>
internal interface IAccessLineFormat
{
    /// <summary>Writes the line, without its end.</summary>
    void Write(in AccessLogEntry entry, HeadBuffer into);
}

/// <summary>What both formats of the access log have in common. <para>Threading: any thread.</para></summary>
internal static class AccessLine
{
    /// <summary>The names of the times, in the order of <see cref="Fill"/>.</summary>
    public static readonly string[] TimeNames =
        ["head_ms", "content_ms", "queue_ms", "connect_ms", "server_head_ms", "server_content_ms", "server_held_ms", "held_ms", "client_ms", "total_ms"];

    /// <summary>Lays the times out in the order of <see cref="TimeNames"/>.</summary>
    /// <param name="times">The times.</param>
    /// <param name="into">As many as there are names.</param>
    public static void Fill(in ExchangeTimes times, Span<TimeSpan> into)
    {
        (into[9], into[8], into[7]) = (times.Total, times.Client, times.Held);
        (into[6], into[5], into[4]) = (times.ServerHeld, times.ServerContent, times.ServerHead);
        (into[3], into[2], into[1], into[0]) = (times.Connect, times.Queue, times.Content, times.Head);
    }

    public static ReadOnlySpan<byte> NameOf(ExchangeEnd end) => end switch
    {
        ExchangeEnd.Whole => "whole"u8,
        ExchangeEnd.Own => "own"u8,
        ExchangeEnd.Cut => "cut"u8,
        ExchangeEnd.NoReply => "no_reply"u8,
        _ => "tunnel"u8,
    };

    /// <summary>The version of the request; empty for what was none.</summary>
    public static ReadOnlySpan<byte> NameOfVersion(in AccessLogEntry entry) => entry.Method.IsEmpty ? default : entry.ClientMinorVersion == 0 ? "1.0"u8 : "1.1"u8;

    /// <summary>Writes a moment by ISO 8601, in UTC.</summary>
    public static void WriteTime(DateTimeOffset time, HeadBuffer into)
    {
        Span<byte> text = stackalloc byte[32];
        Utf8Formatter.TryFormat(time.UtcDateTime, text, out var length, new('O'));
        into.Append(text[..length]);
    }

    /// <summary>Whether a time is written as 0.000.</summary>
    public static bool IsZero(TimeSpan time) => time.Ticks < TimeSpan.TicksPerMicrosecond / 2;

    /// <summary>Writes a time in milliseconds with three decimals: in whole microseconds, since formatting what is binary in decimals costs many times as much.</summary>
    public static void WriteMilliseconds(TimeSpan time, HeadBuffer into)
    {
        var (milliseconds, microseconds) = Math.DivRem((time.Ticks + TimeSpan.TicksPerMicrosecond / 2) / TimeSpan.TicksPerMicrosecond, 1000);
        into.AppendNumber(milliseconds);
        into.Append([(byte)'.', (byte)('0' + microseconds / 100), (byte)('0' + microseconds / 10 % 10), (byte)('0' + microseconds % 10)]);
    }
}
