namespace Cmi.Buffers;

// Where what is appended goes.
internal sealed partial class TieredBuffer
{
    /// <summary>How good a tier must be to take new content.</summary>
    private enum Choice : byte
    {
        /// <summary>It works, is below its mark, and the content holds no more than its share of it.</summary>
        Good,

        /// <summary>It works, and the content holds no more than its share of it.</summary>
        AboveMark,
    }

    private long _lastAppend;                                       // in the loop's milliseconds

    private long? StillExpected => _expected - Length is > 0 and { } left ? left : null;

    public ValueTask<Room> WaitForRoomAsync(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return State == BufferState.Failed ? new(Room.Failed) : FindRoomAsync(cancellationToken);
    }

    public Memory<byte> GetMemory(int atLeast)
    {
        CheckOpen();
        ArgumentOutOfRangeException.ThrowIfLessThan(atLeast, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(atLeast, RoomBytes);
        _offered = 0;
        var memory = Tail is { } tail && TryGetMemory(tail, atLeast, out var given) ? given : GetMemoryElsewhere(atLeast);
        _offered = memory.Length;
        return memory;
    }

    public void Advance(int count)
    {
        CheckOpen();
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (count > _offered) throw new ArgumentOutOfRangeException(nameof(count), count, $"Only {_offered} bytes were given.");
        if (count == 0 && _offered == 0) return;
        _offered = 0;
        var tail = Tail!;
        try
        {
            tail.Buffer.Advance(count);
        }
        catch (Exception e)
        {
            tiers.Failed(tail.Tier, e);
            Fail(e);
            throw;
        }
        if (count == 0) return;
        tail.End += count;
        Length += count;
        _lastAppend = tiers.Loop.Now;
        _held[tail.Tier] += count;
        HasSpilled |= tail.Tier > 0;
        tiers.CountIn(tail.Tier, count);
        Changed();
    }

    private async ValueTask<Room> FindRoomAsync(CancellationToken cancellationToken)
    {
        _underWay++;
        try
        {
            for (; ; )
            {
                // The last extent is looked at anew after each wait: the one of before may have been moved, which seals it, or be gone, and another's by now.
                var isFull = Tail is null;
                if (Tail is { } tail && !IsLargeEnough(tail))
                {
                    if (await AskAsync(tail, cancellationToken) is not Room.Full and var room) return room;
                    isFull = true;
                }

                // While what is there may grow, only a better place than it has is worth a new extent.
                if (await TryPlaceAsync(Choice.Good, cancellationToken)) return Room.Ok;
                if ((isFull || Tail is not { } large || large.End - large.Base >= tiers.ExtentBytes) && await TryPlaceAsync(Choice.AboveMark, cancellationToken)) return Room.Ok;

                // No other place: then what is there grows on, into what its tier keeps in reserve.
                if (!isFull && Tail is { } last && IsWithinShare(last.Tier))
                {
                    if (await AskAsync(last, cancellationToken) is not Room.Full and var reserve) return reserve;
                    if (Tail != last) continue;                     // where it was there is room now
                }
                ObjectDisposedException.ThrowIf(_disposed, this);
                if (State == BufferState.Failed) return Room.Failed;
                if (!tiers.Mover.IsMoving) return Room.Full;        // what may be moved later is no promise
                await tiers.Mover.WhenMovedAsync(cancellationToken);
                ObjectDisposedException.ThrowIf(_disposed, this);
                if (State == BufferState.Failed) return Room.Failed;
            }
        }
        finally
        {
            _underWay--;
        }
    }

    /// <summary>Begins a new extent in the first tier that is such a choice and has room, and seals the one before it.</summary>
    private async ValueTask<bool> TryPlaceAsync(Choice choice, CancellationToken cancellationToken)
    {
        for (var tier = 0; tier < tiers.Tiers.Length; tier++)
        {
            if (_disposed || State != BufferState.Open) return false;
            if (!MayPlace(tier, choice) || tiers.TryCreateIn(tier, StillExpected) is not { } buffer) continue;
            var added = tiers.Add(this, buffer, tier, Length);
            _extents.Add(added);
            var room = await AskAsync(added, cancellationToken);
            if (Tail != added) return false;                        // meanwhile this buffer was disposed of or has failed
            if (room == Room.Ok)
            {
                if (_extents is [.., { IsSealed: false } before, _] && !DropIfEmpty(before)) Seal(before);
                return true;
            }
            _extents.Remove(added);
            tiers.Drop(added);
        }
        return false;
    }

    /// <summary>Asks the tier of the last extent for room. An answer that comes when that is not the last any more is worth nothing, and nobody's fault.</summary>
    private async ValueTask<Room> AskAsync(Extent tail, CancellationToken cancellationToken)
    {
        var tier = tail.Tier;
        var room = Room.Failed;
        Exception? why = null;
        try
        {
            room = await tail.Buffer.WaitForRoomAsync(cancellationToken);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            why = e;
        }
        // Only who asks here begins an extent: the same object as the last one is the same extent.
        if (Tail != tail) return Room.Full;
        if (room == Room.Full) tiers.WasFull(tier);
        if (room != Room.Failed) return room;
        tiers.Failed(tier, why);
        if (tail.Held == 0) return Room.Full;                       // nothing is lost: another tier may do
        Fail(why ?? new IOException("The store that holds it has failed."));
        return Room.Failed;
    }

    private bool IsWithinShare(int tier) => _held[tier] + RoomBytes <= tiers.Tiers[tier].ShareBytes;

    private bool MayPlace(int tier, Choice choice)
    {
        if (tiers.Tiers[tier].IsPassedOver(tiers.Loop.Now) || !IsWithinShare(tier)) return false;
        var isSmall = tier == 0 && Length + StillExpected <= RoomBytes;      // it stays where it is quick
        var isGood = isSmall || !tiers.IsAboveMark(tier, atWork: Length < _readAt + tiers.BytesAtWork);
        return isGood == (choice == Choice.Good);
    }

    private bool IsLargeEnough(Extent tail)
    {
        var bytes = tail.End - tail.Base;
        return bytes >= tiers.ExtentBytes || !IsWithinShare(tail.Tier) || (bytes >= RoomBytes && tiers.IsAboveMark(tail.Tier, atWork: Length < _readAt + tiers.BytesAtWork));
    }

    private bool TryGetMemory(Extent extent, int atLeast, out Memory<byte> memory)
    {
        try
        {
            memory = extent.Buffer.GetMemory(atLeast);
            return true;
        }
        catch (Exception e)
        {
            if (e is not InvalidOperationException) tiers.Failed(extent.Tier, e);
            memory = default;
            return false;
        }
    }

    // Its tier has failed since it said that there is room, or it said so a while ago: another tier may have room at once.
    private Memory<byte> GetMemoryElsewhere(int atLeast)
    {
        for (var tier = 0; tier < tiers.Tiers.Length; tier++)
        {
            if (tiers.Tiers[tier].IsPassedOver(tiers.Loop.Now) || tiers.TryCreateIn(tier, StillExpected) is not { } buffer) continue;
            var added = tiers.Add(this, buffer, tier, Length);
            if (HasRoomNow(buffer) && TryGetMemory(added, atLeast, out var memory))
            {
                if (Tail is { } tail && !DropIfEmpty(tail)) Seal(tail);
                _extents.Add(added);
                return memory;
            }
            tiers.Drop(added);
        }
        throw new InvalidOperationException("There is no room. Ask WaitForRoomAsync before.");
    }

    private static bool HasRoomNow(IBuffer buffer)
    {
        try
        {
            var room = buffer.WaitForRoomAsync(CancellationToken.None);
            if (room.IsCompleted) return room.GetAwaiter().GetResult() == Room.Ok;
            _ = room.AsTask().ContinueWith(static late => late.Exception, TaskScheduler.Default);      // the buffer goes, and what it answers with it
            return false;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
