using System.Diagnostics;
using Cmi.Telemetry;
using Microsoft.Extensions.Logging;

namespace Cmi.Buffers;

/// <summary>
/// What a <see cref="TieredBufferStore"/> has on one loop: which tier new content goes to, the extents in order of waiting, objects for use again.
/// <para>Threading: its loop.</para>
/// </summary>
internal sealed class TierLoop
{
    // An object is used again only after this many others were disposed, so that a stray use of a disposed one still finds it disposed.
    private const int Quarantine = 256;
    private const int MaxKept = 4_096;
    private const int LeastExtent = 64 << 10, LargestExtent = 256 << 10;

    private readonly Queue<TieredBuffer> _spareBuffers = new();
    private readonly Stack<Extent> _spareExtents = new();
    private readonly ExtentList[] _extents;
    private readonly Sample[] _samples;
    private readonly ILogger _logger;

    public TierLoop(Tier[] tiers, ILoop loop, ILogger logger)
    {
        (Tiers, Loop, _logger) = (tiers, loop, logger);
        _extents = [.. tiers.Select(_ => new ExtentList())];
        _samples = new Sample[tiers.Length];
        ExtentBytes = (int)Math.Clamp(tiers[0].CapacityBytes / 32, LeastExtent, LargestExtent);
        Mover = new(this);
    }

    public Tier[] Tiers { get; }

    public ILoop Loop { get; }

    public TierMover Mover { get; }

    /// <summary>How large an extent grows before the next one begins.</summary>
    public int ExtentBytes { get; }

    /// <summary>
    /// How much of a content counts as at work from where it is read: about what a client's connection takes at once, which frees it again soon. The rest of a
    /// large one waits, however fast the client is.
    /// </summary>
    public int BytesAtWork => 2 * ExtentBytes;

    /// <summary>Buffers that live.</summary>
    public int Live { get; private set; }

    /// <summary>Makes a buffer, in the best tier that has room.</summary>
    public TieredBuffer? TryCreate(long? expectedBytes)
    {
        Debug.Assert(Loop.IsCurrent);
        var buffer = _spareBuffers.Count > Quarantine ? _spareBuffers.Dequeue() : new(this);
        if (buffer.TryBegin(expectedBytes))
        {
            Live++;
            return buffer;
        }
        if (_spareBuffers.Count < MaxKept) _spareBuffers.Enqueue(buffer);
        return null;
    }

    public void TakeBack(TieredBuffer buffer, bool reusable)
    {
        if (--Live == 0) Mover.Rest();
        if (reusable && _spareBuffers.Count < MaxKept) _spareBuffers.Enqueue(buffer);
    }

    /// <summary>Lets go of the objects that are kept for their next use.</summary>
    public void DropKept()
    {
        Debug.Assert(Loop.IsCurrent);
        _spareBuffers.Clear();
        _spareBuffers.TrimExcess();
        _spareExtents.Clear();
        _spareExtents.TrimExcess();
    }

    /// <summary>Whether a tier is so full that others are better. Looked at anew as time goes on or bytes come, not each time.</summary>
    /// <param name="tier">Its number.</param>
    /// <param name="atWork">For content that is at work: then half of what is above the mark may be taken too.</param>
    public bool IsAboveMark(int tier, bool atWork = false)
    {
        ref var sample = ref _samples[tier];
        if (sample.At != Loop.Now + 1 || sample.BytesLeft <= 0)
        {
            var capacity = Tiers[tier].CapacityBytes;
            (sample.At, sample.BytesLeft) = (Loop.Now + 1, Math.Max(LeastExtent / 4, capacity == long.MaxValue ? 0 : capacity >> 8));
            sample.IsAbove = Tiers[tier].IsAboveMark(Loop.Now);
            sample.IsFarAbove = sample.IsAbove && Tiers[tier].IsFarAboveMark(Loop.Now);
        }
        if (sample.IsAbove) Mover.Request();
        return atWork ? sample.IsFarAbove : sample.IsAbove;
    }

    /// <summary>Counts bytes that came into a tier.</summary>
    public void CountIn(int tier, long bytes)
    {
        Tiers[tier].Count(bytes, 0);
        if ((_samples[tier].BytesLeft -= bytes) <= 0) IsAboveMark(tier);
    }

    /// <summary>Counts bytes that were released.</summary>
    public void CountOut(int tier, long bytes) => Tiers[tier].Count(-bytes, 0);

    /// <summary>A tier failed: for a moment it is passed over.</summary>
    public void Failed(int tier, Exception? why) => Tiers[tier].Failed(why, Loop.Now);

    /// <summary>Asks a tier for a buffer; what it throws makes it one that has failed.</summary>
    public IBuffer? TryCreateIn(int tier, long? expectedBytes)
    {
        try
        {
            var buffer = Tiers[tier].Store.TryCreate(Loop, expectedBytes);
            if (buffer is null) WasFull(tier);
            return buffer;
        }
        catch (Exception e)
        {
            Failed(tier, e);
            return null;
        }
    }

    /// <summary>A tier had no room: what waits in it should move down.</summary>
    public void WasFull(int tier)
    {
        Tiers[tier].WasFull(Loop.Now);
        _samples[tier].BytesLeft = 0;                               // look again
        if (tier < Tiers.Length - 1) Mover.Request();
    }

    public Extent Add(TieredBuffer owner, IBuffer buffer, int tier, long at)
    {
        var extent = _spareExtents.TryPop(out var spare) ? spare : new();
        (extent.Owner, extent.Buffer, extent.Tier, extent.Base, extent.End, extent.Released, extent.IsSealed) = (owner, buffer, tier, at, at, at, false);
        _extents[tier].Add(extent);
        Tiers[tier].Count(0, 1);
        return extent;
    }

    /// <summary>Frees an extent and what it holds; one that is being moved is freed by whoever moves it.</summary>
    public void Drop(Extent extent)
    {
        extent.Owner = null;
        if (extent.IsMoving) return;
        _extents[extent.Tier].Remove(extent);
        Tiers[extent.Tier].Count(-extent.Held, -1);
        Dispose(extent.Buffer);
        if (extent.Reads > 0 || _spareExtents.Count >= MaxKept) return;
        (extent.Buffer, extent.NotBefore) = (null!, 0);
        _spareExtents.Push(extent);
    }

    /// <summary>Puts a copy of an extent in its place. The buffer it was in goes, as soon as no read of it is under way; slices of it that are out stay valid.</summary>
    public void Move(Extent extent, long at, IBuffer buffer, int tier)
    {
        var (left, from, held, copied) = (extent.Buffer, extent.Tier, extent.Held, extent.End - at);
        Tiers[from].Count(-held, -1);
        Tiers[tier].Count(held, 1);
        Tiers[tier].CountMovedIn(copied);
        (extent.Buffer, extent.Tier, extent.Base) = (buffer, tier, at);
        extent.Owner!.Moved(held, from, tier);
        if (extent.Reads > 0) extent.Left = left;
        else Dispose(left);
    }

    /// <summary>Tells an extent's buffer what was released.</summary>
    public void ReleaseIn(Extent extent)
    {
        if (extent.Released <= extent.Base) return;
        try
        {
            extent.Buffer.Release(extent.Released - extent.Base);
        }
        catch (Exception e)
        {
            Failed(extent.Tier, e);
        }
    }

    public ExtentList ExtentsOf(int tier) => _extents[tier];

    /// <summary>Disposes of a buffer of a tier; the tier may take its time.</summary>
    public void Dispose(IBuffer buffer)
    {
        try
        {
            var disposed = buffer.DisposeAsync();
            if (!disposed.IsCompletedSuccessfully) _ = AwaitDisposedAsync(disposed);
        }
        catch (Exception e)
        {
            _logger.BufferTierNotFreed(e);
        }
    }

    private async Task AwaitDisposedAsync(ValueTask disposed)
    {
        try
        {
            await disposed;
        }
        catch (Exception e)
        {
            _logger.BufferTierNotFreed(e);
        }
    }

    private struct Sample
    {
        public long At;                                             // in the loop's milliseconds, plus 1
        public long BytesLeft;                                      // that may come before the next look
        public bool IsAbove, IsFarAbove;
    }
}
