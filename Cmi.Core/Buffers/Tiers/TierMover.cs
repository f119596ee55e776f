namespace Cmi.Buffers;

/// <summary>
/// Moves what waits from tiers that are above their mark to those below, on one loop: an extent is copied, and leaves its tier only when the lower one has it
/// for good; until then it is read from where it was. What cannot be moved stays. <para>Threading: its loop.</para>
/// </summary>
internal sealed class TierMover
{
    /// <summary>Content that nobody has touched for this long waits, in milliseconds.</summary>
    public const long QuietMs = 250;

    private const int MaxMoves = 4;                                 // at once, from one tier of one loop
    private const int MaxLooks = 64;                                // extents that one search looks at
    private const int TurnBytes = 256 << 10;                        // copied before others have their turn
    private const int PieceBytes = 64 << 10;                        // what one Room.Ok is good for
    private const long PollMs = 50;                                 // how often it looks again while a tier is above its mark and nothing in it waits

    private readonly TierLoop _tiers;
    private readonly int[] _moves;
    private readonly LoopTimer _poll;
    private long _restsUntil;                                       // nothing below took what was moved: not before this is more tried
    private bool _requested;
    private TaskCompletionSource? _moved;

    public TierMover(TierLoop tiers)
    {
        _tiers = tiers;
        _moves = new int[tiers.Tiers.Length];
        _poll = new(static mover => ((TierMover)mover!).Request(), this);
    }

    /// <summary>Whether anything moves: room will come of it.</summary>
    public bool IsMoving => _moves.AsSpan().ContainsAnyExcept(0);

    /// <summary>Completes when a move has ended.</summary>
    public Task WhenMovedAsync(CancellationToken cancellationToken) =>
        (_moved ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task.WaitAsync(cancellationToken);

    /// <summary>Has it look, behind what the loop is doing now, for what can be moved.</summary>
    public void Request()
    {
        if (_requested) return;
        _requested = true;
        _tiers.Loop.Post(static mover => ((TierMover)mover!).Look(), this);
    }

    /// <summary>Nothing lives on this loop any more.</summary>
    public void Rest() => _tiers.Loop.ClearTimer(_poll);

    private void Look()
    {
        _requested = false;
        var isWanted = false;
        for (var tier = _tiers.Tiers.Length - 2; tier >= 0; tier--)         // the lower ones first: they make room for the upper
        {
            for (var begun = 0; begun < MaxMoves && IsWanted(tier); begun++)
            {
                isWanted = true;
                if (_moves[tier] == MaxMoves || _tiers.Loop.Now < _restsUntil || !HasPlaceBelow(tier) || Choose(tier) is not { } extent) break;
                _ = MoveAsync(extent);
            }
        }
        if (isWanted) _tiers.Loop.SetTimer(_poll, _tiers.Loop.Now + PollMs);
        else _tiers.Loop.ClearTimer(_poll);
    }

    private bool IsWanted(int tier) => _tiers.Tiers[tier].IsAboveLowMark(_tiers.Loop.Now) && _tiers.ExtentsOf(tier).Oldest is not null;

    private bool HasPlaceBelow(int tier)
    {
        for (var lower = tier + 1; lower < _tiers.Tiers.Length; lower++)
            if (MayTake(lower)) return true;
        return false;
    }

    private bool MayTake(int tier) => !_tiers.Tiers[tier].IsPassedOver(_tiers.Loop.Now) && !_tiers.Tiers[tier].IsAboveMark(_tiers.Loop.Now);

    /// <summary>The largest of those that have waited longest. Those that turn out to be at work go behind the others.</summary>
    private Extent? Choose(int tier)
    {
        var extents = _tiers.ExtentsOf(tier);
        var now = _tiers.Loop.Now;
        Extent? best = null;
        var next = extents.Oldest;
        for (var looks = 0; next is { } extent && looks < MaxLooks; looks++)
        {
            next = extent.Younger;
            if (extent.Reads == 0 && extent.Left is null && now >= extent.NotBefore && extent.Owner!.IsWaiting(extent, now))
            {
                if (best is null || extent.Held > best.Held) best = extent;
            }
            else
            {
                extents.Remove(extent);
                extents.Add(extent);
            }
        }
        return best;
    }

    private async Task MoveAsync(Extent extent)
    {
        var from = extent.Tier;
        var hasMoved = false;
        _moves[from]++;
        _tiers.ExtentsOf(from).Remove(extent);
        extent.IsMoving = true;
        extent.Owner!.Seal(extent);
        for (var tier = from + 1; tier < _tiers.Tiers.Length && extent.Owner is not null && !hasMoved; tier++)
            if (MayTake(tier)) hasMoved = await TryMoveAsync(extent, tier);
        _moves[from]--;
        extent.IsMoving = false;
        if (extent.Owner is null)
        {
            _tiers.Drop(extent);
        }
        else
        {
            if (!hasMoved) (extent.NotBefore, _restsUntil) = (_tiers.Loop.Now + Tier.PassOverMs, _tiers.Loop.Now + PollMs);
            _tiers.ReleaseIn(extent);
            _tiers.ExtentsOf(extent.Tier).Add(extent);
        }
        EndWaits();
        Request();
    }

    /// <summary>Copies an extent, waits until the lower tier has it for good, and only then lets the upper copy go.</summary>
    private async Task<bool> TryMoveAsync(Extent extent, int tier)
    {
        var from = Math.Max(extent.Base, extent.Released);
        if (_tiers.TryCreateIn(tier, extent.End - from) is not { } target) return false;
        var isKept = false;
        try
        {
            isKept = await CopyAsync(extent, from, target, tier) && extent.Owner is not null;
            if (isKept) _tiers.Move(extent, from, target, tier);
            return isKept;
        }
        finally
        {
            if (!isKept) _tiers.Dispose(target);
        }
    }

    private async ValueTask<bool> CopyAsync(Extent extent, long from, IBuffer target, int tier)
    {
        var turn = TurnBytes;
        for (var at = from; at < extent.End;)
        {
            if (await ReadAsync(extent, at) is not { } read) return false;
            using var slice = read;
            try
            {
                // One answer is good for a whole piece, in as many parts as the lower tier hands out memory.
                var room = await target.WaitForRoomAsync(CancellationToken.None);
                if (extent.Owner is null) return false;
                if (room != Room.Ok)
                {
                    if (room == Room.Failed) _tiers.Failed(tier, null);
                    else _tiers.WasFull(tier);
                    return false;
                }
                Append(target, slice.Memory.Span);
            }
            catch (Exception e)
            {
                _tiers.Failed(tier, e);
                return false;
            }
            at += slice.Length;
            turn -= slice.Length;
            if (turn > 0) continue;
            turn = TurnBytes;
            await Task.Yield();
            if (extent.Owner is null) return false;
        }
        try
        {
            target.Complete();
            if (target is IFlushableBuffer flushable) await flushable.FlushAsync(CancellationToken.None);
            return true;
        }
        catch (Exception e)
        {
            _tiers.Failed(tier, e);
            return false;
        }
    }

    /// <summary>Reads for a move; bytes that cannot be read stay where they are, for their reader to find out.</summary>
    private async ValueTask<BufferSlice?> ReadAsync(Extent extent, long at)
    {
        if (extent.Reads > 0) return null;                          // its reader has come meanwhile, and a buffer answers one at a time
        try
        {
            var read = extent.Buffer.ReadAsync(at - extent.Base, (int)Math.Min(PieceBytes, extent.End - at), CancellationToken.None);
            if (read.IsCompletedSuccessfully) return read.Result;
            var reading = read.AsTask();
            extent.MoveReads = reading;
            var slice = await reading;
            if (extent.Owner is not null) return slice;
            slice.Dispose();
            return null;
        }
        catch (Exception e)
        {
            _tiers.Failed(extent.Tier, e);
            return null;
        }
        finally
        {
            extent.MoveReads = null;
        }
    }

    private static void Append(IBuffer target, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var memory = target.GetMemory(1);
            var count = Math.Min(memory.Length, bytes.Length);
            bytes[..count].CopyTo(memory.Span);
            target.Advance(count);
            bytes = bytes[count..];
        }
    }

    private void EndWaits()
    {
        if (_moved is not { } moved) return;
        _moved = null;
        moved.TrySetResult();
    }
}
