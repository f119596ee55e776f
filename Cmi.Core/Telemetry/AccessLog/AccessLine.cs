using System.Buffers;

namespace Cmi.Telemetry;

/// <summary>How a record becomes a line. <para>Threading: one thread at a time.</para></summary>
internal interface IAccessLineFormat
{
    /// <summary>Writes the line, without its end.</summary>
    void Write(in AccessLogEntry entry, ArrayBufferWriter<byte> into);
}

/// <summary>What both formats of the access log have in common. <para>Threading: any thread.</para></summary>
internal static class AccessLine
{
    /// <summary>The times of a record, with the names that they have in both formats.</summary>
    public static readonly TimeOf[] Times =
    [
        new("head_ms", t => t.Head), new("content_ms", t => t.Content), new("queue_ms", t => t.Queue), new("connect_ms", t => t.Connect),
        new("server_head_ms", t => t.ServerHead), new("server_content_ms", t => t.ServerContent), new("server_held_ms", t => t.ServerHeld),
        new("held_ms", t => t.Held), new("client_ms", t => t.Client), new("total_ms", t => t.Total),
    ];

    /// <summary>One of the times.</summary>
    public sealed class TimeOf(string name, Func<ExchangeTimes, TimeSpan> of)
    {
        public readonly string Name = name;
        public readonly byte[] Utf8Name = System.Text.Encoding.ASCII.GetBytes(name);
        public readonly Func<ExchangeTimes, TimeSpan> Of = of;
    }

    public static string NameOf(ExchangeEnd end) => end switch
    {
        ExchangeEnd.Whole => "whole",
        ExchangeEnd.Own => "own",
        ExchangeEnd.Cut => "cut",
        ExchangeEnd.NoReply => "no_reply",
        _ => "tunnel",
    };
}
