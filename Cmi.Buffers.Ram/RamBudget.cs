namespace Cmi.Buffers;

/// <summary>The one number that loops share: how much of the store's memory they have drawn. Never above the limit, not for a moment.</summary>
internal sealed class RamBudget(long limit)
{
    // A loop draws more than it needs at the moment, so that it comes here once in many segments; but so little of a small budget that what loops
    // have drawn and do not use cannot matter.
    private const long LargestPiece = 1 << 20;

    private int _loops;
    private long _maxIdle = Math.Min(LargestPiece * 16, limit / 16);
    private long _drawn;
    private volatile bool _scarce;

    public long Free => limit - Volatile.Read(ref _drawn);

    /// <summary>How much a loop draws at once, and how much it may keep when none of its buffers lives.</summary>
    public long Piece { get; } = Math.Min(LargestPiece, limit / 256);

    /// <summary>How much a loop may keep while buffers of it live; all loops together a sixteenth of the budget.</summary>
    public long MaxIdle => Volatile.Read(ref _maxIdle);

    /// <summary>Some loop has asked in vain: loops then keep nothing that they do not use, until there is enough again.</summary>
    public bool IsScarce
    {
        get
        {
            if (_scarce && Free > limit / 8) _scarce = false;
            return _scarce;
        }
    }

    /// <summary>One more loop draws from it.</summary>
    public void AddLoop() => Volatile.Write(ref _maxIdle, Math.Min(LargestPiece * 16, limit / 16 / Interlocked.Increment(ref _loops)));

    /// <summary>Draws a piece or, where there is not as much, what is needed.</summary>
    /// <returns>How much was drawn; 0: even what is needed is not free.</returns>
    public long Draw(long needed)
    {
        for (;;)
        {
            var drawn = Volatile.Read(ref _drawn);
            var free = limit - drawn;
            if (free < needed)
            {
                _scarce = true;
                return 0;
            }
            var piece = free >= Math.Max(needed, Piece) + (limit / 8) ? Math.Max(needed, Piece) : needed;
            if (Interlocked.CompareExchange(ref _drawn, drawn + piece, drawn) == drawn) return piece;
        }
    }

    public void GiveBack(long bytes) => Interlocked.Add(ref _drawn, -bytes);
}
