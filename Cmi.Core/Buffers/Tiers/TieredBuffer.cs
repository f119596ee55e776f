using System.Diagnostics;

namespace Cmi.Buffers;

/// <summary>
/// The content of one message, as a list of extents, each in some tier. A small content is one extent. The object itself is used again for another message
/// some time after it was disposed.
/// </summary>
/// <remarks>Open → Whole or Failed; from any of these → disposed.</remarks>
internal sealed partial class TieredBuffer(TierLoop tiers) : ISpillingBuffer
{
    private const int RoomBytes = 64 << 10;                         // what Room.Ok promises; and content that is no larger counts as small

    private readonly List<Extent> _extents = [];                    // without gaps; only the last one grows, until it is sealed
    private readonly long[] _held = new long[tiers.Tiers.Length];   // content bytes in each tier
    private long? _expected;
    private long _released;
    private int _offered;                                           // bytes of the memory that GetMemory gave and Advance has not taken
    private Exception? _why;
    private bool _disposed = true;
    private int _underWay;                                          // asynchronous calls that will come back to this object

    public long Length { get; private set; }

    public BufferState State { get; private set; }

    public bool HasSpilled { get; private set; }

    private Extent? Tail => _extents is [.., { IsSealed: false } last] ? last : null;

    /// <summary>Begins a life in the best tier that has room.</summary>
    /// <returns>Whether one has.</returns>
    public bool TryBegin(long? expectedBytes)
    {
        Debug.Assert(_disposed && _extents.Count == 0 && _underWay == 0);
        (_expected, Length, State, _released, _offered, _why) = (expectedBytes, 0, BufferState.Open, 0, 0, null);
        (_readAt, _lastRead, _lastAppend, _cursor) = (0, long.MinValue / 2, tiers.Loop.Now, 0);
        Array.Clear(_held);
        HasSpilled = false;
        for (var choice = Choice.Good; choice <= Choice.AboveMark; choice++)
        {
            for (var tier = 0; tier < tiers.Tiers.Length; tier++)
            {
                if (!MayPlace(tier, choice) || tiers.TryCreateIn(tier, expectedBytes) is not { } buffer) continue;
                _extents.Add(tiers.Add(this, buffer, tier, at: 0));
                _disposed = false;
                return true;
            }
        }
        return false;
    }

    public void Complete()
    {
        CheckOpen();
        (State, _offered) = (BufferState.Whole, 0);
        try
        {
            if (Tail is { } tail && !DropIfEmpty(tail)) SealOrThrow(tail);
        }
        catch (Exception e)
        {
            _why = e;
            State = BufferState.Failed;
            throw;
        }
        finally
        {
            Changed();
        }
    }

    public void Fail(Exception why)
    {
        ArgumentNullException.ThrowIfNull(why);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (State != BufferState.Open) return;
        (State, _why, _offered) = (BufferState.Failed, why, 0);
        if (Tail is { } tail && !DropIfEmpty(tail)) Seal(tail);
        Changed();
    }

    public void Release(long upTo)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(upTo);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(upTo, Length);
        if (upTo <= _released) return;
        _released = upTo;
        var gone = 0;
        while (gone < _extents.Count && _extents[gone] is { IsSealed: true } extent && extent.End <= upTo) Drop(_extents[gone++]);
        _extents.RemoveRange(0, gone);
        _cursor = Math.Max(0, _cursor - gone);
        if (_extents is [var first, ..] && first.Base < upTo) ReleaseIn(first, Math.Min(upTo, first.End));
    }

    public ValueTask DisposeAsync()
    {
        if (_disposed) return ValueTask.CompletedTask;
        _disposed = true;
        foreach (var extent in _extents) tiers.Drop(extent);
        _extents.Clear();
        _why = null;
        Changed();
        tiers.TakeBack(this, reusable: _underWay == 0);
        return ValueTask.CompletedTask;
    }

    /// <summary>An extent has moved to another tier.</summary>
    public void Moved(long bytes, int from, int to)
    {
        _held[from] -= bytes;
        _held[to] += bytes;
        HasSpilled |= to > 0;
    }

    /// <summary>
    /// Whether an extent waits: nobody appends to it or reads it at the moment, nor is about to. What a fast client reads, or will as soon as a server has
    /// filled it, stays.
    /// </summary>
    public bool IsWaiting(Extent extent, long now)
    {
        if (State == BufferState.Failed || extent.Held == 0) return false;
        if (!extent.IsSealed && (_offered > 0 || now - _lastAppend < TierMover.QuietMs)) return false;
        var lastSeen = State == BufferState.Open ? Math.Max(_lastRead, _lastAppend) : _lastRead;
        return now - lastSeen >= TierMover.QuietMs || extent.End <= _readAt || extent.Base >= _readAt + tiers.BytesAtWork;
    }

    /// <summary>Lets nothing more be appended to an extent.</summary>
    public void Seal(Extent extent)
    {
        try
        {
            SealOrThrow(extent);
        }
        catch (Exception e)
        {
            tiers.Failed(extent.Tier, e);                           // if bytes of it are lost, reading them tells
        }
    }

    private static void SealOrThrow(Extent extent)
    {
        if (extent.IsSealed) return;
        extent.IsSealed = true;
        extent.Buffer.Complete();
    }

    private bool DropIfEmpty(Extent tail)
    {
        if (tail.End > tail.Base) return false;
        _extents.Remove(tail);
        tiers.Drop(tail);
        return true;
    }

    private void Drop(Extent extent)
    {
        _held[extent.Tier] -= extent.Held;
        tiers.Drop(extent);
    }

    private void ReleaseIn(Extent extent, long upTo)
    {
        var before = extent.Held;
        extent.Released = upTo;
        _held[extent.Tier] -= before - extent.Held;
        tiers.CountOut(extent.Tier, before - extent.Held);
        if (!extent.IsMoving) tiers.ReleaseIn(extent);              // else whoever moves it says so when it is done
    }

    private void CheckOpen()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (State != BufferState.Open) throw new InvalidOperationException($"The buffer is {State}: nothing can be added to it.");
    }
}
