using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics;
using System.Text;

namespace Cmi.Http1;

/// <summary>
/// Bytes of a head being written; grows, is reused, gives memory above what it keeps back when reset. Belongs to one loop.
/// <para>Threading: the loop that owns it. Bound: what is written to it, which is a head within the limits and a few fields of our own.</para>
/// </summary>
internal sealed class HeadBuffer
{
    /// <summary>The most that is kept from one head to the next; larger memory is rented.</summary>
    public const int KeptBytes = 4096;

    private const int FirstBytes = 512;
    private const int MaxNumberBytes = 20;

    private byte[] _kept = [];
    private byte[] _bytes = [];

    /// <summary>How many bytes are written.</summary>
    public int Length { get; private set; }

    /// <summary>How many bytes of memory it holds.</summary>
    public int Capacity => _bytes.Length;

    /// <summary>What is written, until the next change.</summary>
    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, Length);

    /// <summary>Appends bytes.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Room(bytes.Length));
        Length += bytes.Length;
    }

    /// <summary>Appends one byte.</summary>
    public void Append(byte value)
    {
        Room(1)[0] = value;
        Length++;
    }

    /// <summary>Appends a text as UTF-8.</summary>
    public void AppendText(string text)
    {
        var room = Room(Encoding.UTF8.GetByteCount(text));
        Length += Encoding.UTF8.GetBytes(text, room);
    }

    /// <summary>Appends a number in decimal digits.</summary>
    public void AppendNumber(long value)
    {
        var written = Utf8Formatter.TryFormat(value, Room(MaxNumberBytes), out var length);
        Debug.Assert(written, "20 bytes hold any long");
        Length += length;
    }

    /// <summary>Cuts back to an earlier length.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is no earlier length.</exception>
    public void Truncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)length, (uint)Length, nameof(length));
        Length = length;
    }

    /// <summary>Forgets what is written, and gives back memory beyond <see cref="KeptBytes"/>.</summary>
    public void Reset()
    {
        Length = 0;
        if (ReferenceEquals(_bytes, _kept)) return;
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = _kept;
    }

    private Span<byte> Room(int size)
    {
        if (size > _bytes.Length - Length) Grow(checked(Length + size));
        return _bytes.AsSpan(Length);
    }

    private void Grow(int needed)
    {
        var old = _bytes;
        var size = (int)Math.Min(Array.MaxLength, Math.Max(needed, Math.Max(FirstBytes, 2L * old.Length)));
        if (size <= KeptBytes) _bytes = _kept = new byte[size];
        else _bytes = ArrayPool<byte>.Shared.Rent(size);
        old.AsSpan(0, Length).CopyTo(_bytes);
        if (old.Length > KeptBytes) ArrayPool<byte>.Shared.Return(old);
    }
}
