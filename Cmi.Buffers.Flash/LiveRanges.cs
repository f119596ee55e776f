using System.Runtime.InteropServices;

namespace Cmi.Buffers;

/// <summary>
/// Which entries of a log live, by segment. A log can be cut off at its beginning only, so what counts is how much lives at the oldest end.
/// <para>Threading: the device's keeper.</para>
/// </summary>
internal sealed class LiveRanges(int segmentBits)
{
    private readonly Dictionary<long, Segment> _segments = [];
    private long _oldest;

    /// <summary>The bytes of live entries, with what the log puts before and behind each.</summary>
    public long LiveBytes { get; private set; }

    public int LiveEntries { get; private set; }

    public static long Footprint(int entryBytes) => (entryBytes + FlashLog.HeaderBytes + 3L) & ~3L;

    public void Add(FlashEntry entry)
    {
        ref var segment = ref CollectionsMarshal.GetValueRefOrAddDefault(_segments, entry.Address >> segmentBits, out _);
        (entry.Previous, entry.Next) = (null, segment.First);
        if (segment.First is { } first) first.Previous = entry;
        segment.First = entry;
        segment.Count++;
        if (entry.IsStuck) segment.Stuck++;
        LiveBytes += Footprint(entry.Length);
        LiveEntries++;
    }

    public void Remove(FlashEntry entry)
    {
        var index = entry.Address >> segmentBits;
        ref var segment = ref CollectionsMarshal.GetValueRefOrNullRef(_segments, index);
        if (entry.Previous is { } previous) previous.Next = entry.Next;
        else segment.First = entry.Next;
        if (entry.Next is { } next) next.Previous = entry.Previous;
        (entry.Previous, entry.Next) = (null, null);
        if (entry.IsStuck) segment.Stuck--;
        if (--segment.Count == 0) _segments.Remove(index);
        LiveBytes -= Footprint(entry.Length);
        LiveEntries--;
    }

    /// <summary>It cannot be moved.</summary>
    public void MarkStuck(FlashEntry entry)
    {
        entry.IsStuck = true;
        CollectionsMarshal.GetValueRefOrNullRef(_segments, entry.Address >> segmentBits).Stuck++;
    }

    /// <summary>The first segment in which something lives, or into which the log still writes.</summary>
    /// <param name="current">The segment at the log's end.</param>
    public long FirstNeeded(long current)
    {
        while (_oldest < current && !_segments.ContainsKey(_oldest)) _oldest++;
        return _oldest;
    }

    /// <summary>Live entries of one segment, as many as fit, for moving; none if one there cannot be moved.</summary>
    public void Collect(long segmentIndex, long maxBytes, List<FlashEntry> into)
    {
        if (!_segments.TryGetValue(segmentIndex, out var segment) || segment.Stuck > 0) return;
        for (var entry = segment.First; entry is not null; entry = entry.Next)
        {
            if (into.Count > 0 && Footprint(entry.Length) > maxBytes) return;
            maxBytes -= Footprint(entry.Length);
            into.Add(entry);
        }
    }

    private struct Segment
    {
        public FlashEntry? First;
        public int Count;
        public int Stuck;
    }
}
