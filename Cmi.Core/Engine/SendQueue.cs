using Cmi.Loops;

namespace Cmi.Engine;

/// <summary>Small pieces that are to leave in one send: scratch of the loop, emptied before whoever fills it returns to the loop.</summary>
internal sealed class Gather
{
    public const int Capacity = 16 * 1024;

    private readonly byte[] _bytes = new byte[Capacity];

    public int Length { get; private set; }
    public int Free => Capacity - Length;
    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, Length);

    /// <summary>Adds bytes for which there is room.</summary>
    public void Add(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_bytes.AsSpan(Length));
        Length += bytes.Length;
    }

    public void Clear() => Length = 0;
}

/// <summary>When bytes are to leave.</summary>
internal enum SendTime : byte
{
    /// <summary>At once: if none of them can, that is known.</summary>
    Now,

    /// <summary>By the end of the turn, with those of other connections.</summary>
    Soon,

    /// <summary>As soon, and with the end of the connection, which follows at once if all is taken.</summary>
    Last,
}

/// <summary>Bytes on their way into one connection. What the connection does not take of the gathered ones waits in a single block of the loop; content stays where it is.</summary>
internal struct SendQueue
{
    private LoopMemory.Held _held;

    /// <summary>Whether bytes wait for the connection.</summary>
    public readonly bool IsBlocked => !_held.IsEmpty;

    /// <summary>Sends what waits.</summary>
    /// <returns>Done when nothing waits any more.</returns>
    public IoStatus Flush(IConnection connection, LoopMemory memory, ref long sentBytes)
    {
        while (!_held.IsEmpty)
        {
            var status = connection.TrySend(_held.Bytes, default, out var sent);
            if (status != IoStatus.Done) return status;
            sentBytes += sent;
            _held.Skip(memory, sent);
        }
        return IoStatus.Done;
    }

    /// <summary>Sends all that was gathered and then content, as far as the connection takes it. Nothing may be waiting.</summary>
    /// <param name="contentSent">How much of the content was taken.</param>
    /// <param name="time">When they are to leave.</param>
    /// <returns>Done when everything was taken.</returns>
    public IoStatus Send(IConnection connection, LoopMemory memory, Gather gather, ReadOnlySpan<byte> content, ref long sentBytes, out int contentSent, SendTime time = SendTime.Now)
    {
        contentSent = 0;
        var head = gather.Bytes;
        gather.Clear();
        while (!head.IsEmpty || !content.IsEmpty)
        {
            int sent;
            // A part was taken: ask again, so that the connection says that it would block and later that it would not.
            var status = time switch
            {
                SendTime.Soon => connection.TrySendSoon(head, content, out sent),
                SendTime.Last => connection.TrySendLast(head, content, out sent),
                _ => connection.TrySend(head, content, out sent),
            };
            if (status != IoStatus.Done)
            {
                if (status == IoStatus.WouldBlock) _held.Set(memory, head);
                return status;
            }
            sentBytes += sent;
            var ofHead = Math.Min(sent, head.Length);
            head = head[ofHead..];
            content = content[(sent - ofHead)..];
            contentSent += sent - ofHead;
        }
        return IoStatus.Done;
    }

    /// <summary>Drops what waits.</summary>
    public void Clear(LoopMemory memory) => _held.Clear(memory);
}
