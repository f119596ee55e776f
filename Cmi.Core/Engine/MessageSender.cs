using Cmi.Http1;
using Cmi.Loops;

namespace Cmi.Engine;

/// <summary>How far sending a message has come.</summary>
internal enum SendStatus : byte
{
    /// <summary>All of it is gathered or taken by the connection.</summary>
    Done,

    /// <summary>More content must come first.</summary>
    Waiting,

    /// <summary>The connection takes no more now.</summary>
    Blocked,

    /// <summary>The connection is broken.</summary>
    Failed,

    /// <summary>The content will never be whole.</summary>
    Cut,
}

/// <summary>
/// Sends one message, head and content, in its framing, to either side; resumes where it stopped. Small pieces are gathered and leave with the next
/// flush of whoever calls it, large ones go to the connection from where they are stored.
/// </summary>
internal struct MessageSender(Framing framing)
{
    /// <summary>The most content that is lent and sent at once.</summary>
    public const int MaxSliceBytes = 64 * 1024;

    private const int MaxFramingBytes = ChunkedEncoder.MaxSizeBytes + 4;

    private int _headSent, _lastSent;
    private long _chunkLeft;
    private bool _chunkEndDue;
    private bool _ended;

    /// <summary>How the content goes out.</summary>
    public readonly Framing Framing => framing;

    /// <summary>Content bytes that were gathered or taken.</summary>
    public long ContentSent { get; private set; }

    /// <summary>Sends as much as goes.</summary>
    /// <param name="sentBytes">Grows by the bytes that the connection took.</param>
    public SendStatus Send(IConnection connection, ref SendQueue queue, Gather gather, LoopMemory memory, ReadOnlySpan<byte> head, MessageContent content, ref long sentBytes)
    {
        var status = IoStatus.Done;
        if (queue.IsBlocked) status = queue.Flush(connection, memory, ref sentBytes);
        while (status == IoStatus.Done)
        {
            if (_headSent < head.Length)
            {
                status = Put(connection, ref queue, gather, memory, head[_headSent..], ref sentBytes, out var ofHead);
                _headSent += ofHead;
                continue;
            }
            if (content.IsWithheld) return SendStatus.Cut;
            if (_ended || framing.Kind == FramingKind.None || framing.Length == 0) return SendStatus.Done;
            if (gather.Free < MaxFramingBytes)
            {
                status = queue.Send(connection, memory, gather, default, ref sentBytes, out _);
                if (status != IoStatus.Done) break;
            }
            if (_chunkEndDue)
            {
                gather.Add(ChunkedEncoder.DataEnd);
                _chunkEndDue = false;
            }
            var available = content.Length - ContentSent;
            if (available <= 0)                                     // below 0: content that was lost
            {
                if (content.State == BufferState.Failed) return SendStatus.Cut;
                if (content.State == BufferState.Open) return SendStatus.Waiting;
                var last = framing.Kind == FramingKind.Chunked ? content.LastChunk[_lastSent..] : default;
                if (last.IsEmpty)
                {
                    _ended = true;
                    return SendStatus.Done;
                }
                status = Put(connection, ref queue, gather, memory, last, ref sentBytes, out var taken);
                _lastSent += taken;
                continue;
            }
            if (!content.TryRead(ContentSent, MaxSliceBytes, out var piece)) return content.State == BufferState.Failed ? SendStatus.Cut : SendStatus.Waiting;
            status = PutContent(connection, ref queue, gather, memory, piece.Span, ref sentBytes);
            content.Consumed(ContentSent);
        }
        return status == IoStatus.WouldBlock ? SendStatus.Blocked : SendStatus.Failed;
    }

    private IoStatus PutContent(IConnection connection, ref SendQueue queue, Gather gather, LoopMemory memory, ReadOnlySpan<byte> piece, ref long sentBytes)
    {
        if (framing.Kind == FramingKind.Chunked)                    // RFC 9112 §7.1: one chunk for each piece
        {
            if (_chunkLeft == 0)
            {
                Span<byte> size = stackalloc byte[ChunkedEncoder.MaxSizeBytes];
                gather.Add(size[..ChunkedEncoder.WriteSize(size, piece.Length)]);
                _chunkLeft = piece.Length;
            }
            if (piece.Length > _chunkLeft) piece = piece[..(int)_chunkLeft];
        }
        var status = Put(connection, ref queue, gather, memory, piece, ref sentBytes, out var taken);
        ContentSent += taken;
        if (framing.Kind == FramingKind.Chunked)
        {
            _chunkLeft -= taken;
            _chunkEndDue = _chunkLeft == 0;
        }
        return status;
    }

    private static IoStatus Put(IConnection connection, ref SendQueue queue, Gather gather, LoopMemory memory, ReadOnlySpan<byte> bytes, ref long sentBytes, out int taken)
    {
        if (bytes.Length > gather.Free) return queue.Send(connection, memory, gather, bytes, ref sentBytes, out taken);
        gather.Add(bytes);
        taken = bytes.Length;
        return IoStatus.Done;
    }
}
