namespace Cmi.Loops;

/// <summary>
/// The memory that the connections of one loop share: scratch that is valid until the next use, and blocks for the few bytes that must outlive a turn
/// (an incomplete head, bytes that a connection did not take). An idle connection owns none of it.
/// <para>Threading: the loop that owns it.</para>
/// </summary>
/// <param name="scratchBytes">The size of the receive scratch.</param>
internal sealed class LoopMemory(int scratchBytes)
{
    /// <summary>The most bytes of one receive into scratch.</summary>
    public const int MaxReceiveBytes = 64 * 1024;

    private const int SmallestBits = 12, LargestBits = 16;         // blocks of 4, 8, 16, 32 and 64 KiB are kept; larger ones are left to the garbage collector
    private const int MaxKept = 64;                                // per size: at most 64 * 124 KiB, about 8 MiB a loop

    private readonly Stack<byte[]>[] _free = [new(), new(), new(), new(), new()];

    /// <summary>What replies may keep in blocks of one loop while the store has no room at once, and what those that leave may keep beyond that.</summary>
    public const int MaxKeptReplyBytes = 2 << 20, LeavingReserveBytes = 2 << 20;

    private int _keptReplyBytes;

    /// <summary>Where bytes are received and decoded. Whoever returns to the loop leaves nothing in it.</summary>
    public byte[] Scratch { get; private set; } = new byte[scratchBytes];

    /// <summary>Makes the scratch larger, between two uses of it.</summary>
    /// <param name="bytes">The least size.</param>
    public void Reserve(int bytes)
    {
        if (Scratch.Length < bytes) Scratch = new byte[bytes];
    }

    /// <summary>Blocks that are out; for leak checks.</summary>
    public int BlocksOut { get; private set; }

    /// <summary>Takes a block.</summary>
    /// <param name="atLeast">Its least size.</param>
    public byte[] Rent(int atLeast)
    {
        BlocksOut++;
        var bits = Math.Max(SmallestBits, 32 - int.LeadingZeroCount(atLeast - 1));
        return bits <= LargestBits && _free[bits - SmallestBits].TryPop(out var block) ? block : new byte[1 << bits];
    }

    /// <summary>Gives a block back.</summary>
    public void Return(byte[] block)
    {
        BlocksOut--;
        var bits = int.Log2(block.Length);
        if (bits <= LargestBits && _free[bits - SmallestBits].Count < MaxKept) _free[bits - SmallestBits].Push(block);
    }

    /// <summary>Lets go of the blocks that are kept; those that are out are not touched.</summary>
    public void Trim()
    {
        foreach (var free in _free) free.Clear();
    }

    /// <summary>Takes a block for a reply for which the store has no room.</summary>
    /// <returns>The block; <see langword="null"/>: the loop keeps as much as it may.</returns>
    public byte[]? RentKept(int atLeast, bool isLeaving)
    {
        if (_keptReplyBytes + atLeast > MaxKeptReplyBytes + (isLeaving ? LeavingReserveBytes : 0)) return null;
        var block = Rent(atLeast);
        _keptReplyBytes += block.Length;
        return block;
    }

    /// <summary>Gives such a block back.</summary>
    public void ReturnKept(byte[] block)
    {
        _keptReplyBytes -= block.Length;
        Return(block);
    }

    /// <summary>Bytes that wait in a block of their own; empty costs nothing.</summary>
    internal struct Held
    {
        private byte[]? _block;
        private int _start, _end;

        public readonly int Length => _end - _start;
        public readonly bool IsEmpty => _block is null;
        public readonly ReadOnlySpan<byte> Bytes => _block.AsSpan(_start, _end - _start);

        /// <summary>Keeps bytes in place of what was held; they may lie in any memory but this block.</summary>
        public void Set(LoopMemory memory, ReadOnlySpan<byte> bytes)
        {
            if (bytes.IsEmpty)
            {
                Clear(memory);
                return;
            }
            if (_block is null || _block.Length < bytes.Length)
            {
                Clear(memory);
                _block = memory.Rent(bytes.Length);
            }
            bytes.CopyTo(_block);
            (_start, _end) = (0, bytes.Length);
        }

        /// <summary>Drops the first bytes, and the block with the last of them.</summary>
        public void Skip(LoopMemory memory, int count)
        {
            _start += count;
            if (_start == _end) Clear(memory);
        }

        public void Clear(LoopMemory memory)
        {
            if (_block is not null) memory.Return(_block);
            this = default;
        }
    }
}
