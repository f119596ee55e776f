namespace Cmi.Testing;

/// <summary>One direction of a connection: bytes between a sender and a receiver, and the end behind them.</summary>
internal sealed class ByteQueue(int capacity)
{
    private byte[] _bytes = [];                                    // grows up to the capacity, so that a thousand idle connections stay small
    private int _begin;

    public int Count { get; private set; }

    public int Free => capacity - Count;

    /// <summary>Whether the sender has ended; what is still in the queue comes before the end.</summary>
    public bool Ended { get; set; }

    public int Write(ReadOnlySpan<byte> from)
    {
        var count = Math.Min(from.Length, Free);
        if (Count + count > _bytes.Length) Grow(Count + count);
        for (var left = from[..count]; !left.IsEmpty;)
        {
            var at = (_begin + Count) % _bytes.Length;
            var piece = Math.Min(left.Length, _bytes.Length - at);
            left[..piece].CopyTo(_bytes.AsSpan(at));
            left = left[piece..];
            Count += piece;
        }
        return count;
    }

    public int Read(Span<byte> into)
    {
        var count = Math.Min(into.Length, Count);
        for (var left = into[..count]; !left.IsEmpty;)
        {
            var piece = Math.Min(left.Length, _bytes.Length - _begin);
            _bytes.AsSpan(_begin, piece).CopyTo(left);
            left = left[piece..];
            _begin = (_begin + piece) % _bytes.Length;
            Count -= piece;
        }
        return count;
    }

    public void Clear() => (_begin, Count) = (0, 0);

    private void Grow(int atLeast)
    {
        var larger = new byte[Math.Min(capacity, Math.Max(atLeast, Math.Max(256, _bytes.Length * 2)))];
        var count = Count;
        Read(larger.AsSpan(0, count));
        (_bytes, _begin, Count) = (larger, 0, count);
    }
}
