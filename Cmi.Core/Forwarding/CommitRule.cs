using System.Text;
using Cmi.Messages;

namespace Cmi.Forwarding;

/// <summary>Decides when the first byte of a message may leave.</summary>
internal static class CommitRule
{
    /// <summary>Whether a message that is not yet whole may begin to leave.</summary>
    /// <param name="mode">The setting.</param>
    /// <param name="bytes">Content bytes in hand.</param>
    /// <param name="holdBytes">With <see cref="CommitMode.UpTo"/>: the size that ends the hold.</param>
    /// <param name="heldMs">How long it is held.</param>
    /// <param name="holdMs">With <see cref="CommitMode.UpTo"/>: the time that ends the hold.</param>
    /// <param name="starved">No store can take more of it.</param>
    public static bool MayLeaveUnfinished(CommitMode mode, long bytes, long holdBytes, long heldMs, long holdMs, bool starved) => mode switch
    {
        CommitMode.Stream => true,
        CommitMode.UpTo => bytes >= holdBytes || heldMs >= holdMs || starved,
        _ => false,
    };

    /// <summary>Whether a reply is one that loses its sense when it is held: an event stream, gRPC, or one whose server asks for it.</summary>
    public static bool IsStream(ResponseHead head)
    {
        var fields = head.Fields;
        if (fields.Has(FieldName.XAccelBuffering) && Ascii.EqualsIgnoreCase(fields.First(FieldName.XAccelBuffering), "no"u8)) return true;
        if (!fields.Has(FieldName.ContentType)) return false;
        var type = fields.First(FieldName.ContentType);
        return IsMediaType(type, "text/event-stream"u8) || StartsWithIgnoreCase(type, "application/grpc"u8);
    }

    private static bool IsMediaType(ReadOnlySpan<byte> value, ReadOnlySpan<byte> type) =>
        StartsWithIgnoreCase(value, type) && (value.Length == type.Length || value[type.Length] is (byte)';' or (byte)' ' or (byte)'\t');

    private static bool StartsWithIgnoreCase(ReadOnlySpan<byte> value, ReadOnlySpan<byte> prefix) =>
        value.Length >= prefix.Length && Ascii.EqualsIgnoreCase(value[..prefix.Length], prefix);
}
