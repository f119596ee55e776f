using Cmi.Http1;
using Cmi.Telemetry;

namespace Cmi.Engine;

/// <summary>What <see cref="MessageContent.CheckRoom"/> says.</summary>
internal enum RoomAnswer : byte
{
    /// <summary>At least <see cref="Loops.LoopMemory.MaxReceiveBytes"/> can be appended.</summary>
    Ok,

    /// <summary>The store is making room; a wake-up follows.</summary>
    Wait,

    /// <summary>There is none, and no wake-up follows.</summary>
    Full,

    /// <summary>The store failed.</summary>
    Failed,
}

/// <summary>
/// The content of one message on its way through: empty, in the loop's own memory (its scratch, valid until that is used again, or a block), or in a buffer of
/// the store. The one place that talks to a store's buffer: what the store answers later comes back as a wake-up, what it throws becomes
/// <see cref="BufferState.Failed"/>.
/// </summary>
/// <param name="state">The loop.</param>
/// <param name="wake">Called on the loop when something that was waited for is there.</param>
internal sealed partial class MessageContent(LoopState state, Action wake)
{
    private IBuffer? _buffer;
    private ReadOnlyMemory<byte> _direct;
    private BufferSlice _slice;                                     // lent by the buffer until it is consumed
    private long _sliceAt;
    private byte[]? _kept;                                          // a block of the loop, for what the store had no room for
    private bool _hasSlice, _reading, _askingRoom;
    private Room? _room;                                            // an answer that came later
    private HeadBuffer? _lastChunk;                                 // only where there were trailers
    private int _generation;                                        // an answer for an earlier use is dropped

    /// <summary>How far it has come.</summary>
    public BufferState State { get; private set; }

    /// <summary>Whether a buffer of the store holds it.</summary>
    public bool IsStored => _buffer is not null;

    /// <summary>Whether the store has put any of it elsewhere than into the memory that it begins in, as far as the store can tell.</summary>
    public bool HasSpilled => _buffer is ISpillingBuffer { HasSpilled: true };

    /// <summary>Whether it lies in the loop's scratch, which is valid until its next use.</summary>
    public bool IsInScratch => !_direct.IsEmpty && _kept is null;

    /// <summary>Bytes so far.</summary>
    public long Length => _buffer is { } buffer ? buffer.Length + _besides + _overflowEnd : _direct.Length;

    /// <summary>What ends it in chunks: the last chunk, with trailer fields where they are kept.</summary>
    public ReadOnlySpan<byte> LastChunk => _lastChunk is { Length: > 0 } ? _lastChunk.Written : ChunkedEncoder.LastChunk;

    /// <summary>Whether trailer fields go with it.</summary>
    public bool HasTrailers => _lastChunk is { Length: > 0 };

    /// <summary>Keeps trailer fields.</summary>
    /// <param name="received">The section as it came.</param>
    public void SetTrailers(ReadOnlySpan<byte> received) => TrailerSection.WriteLastChunk(_lastChunk ??= new(), received);

    /// <summary>Opens a buffer for content that will be appended.</summary>
    /// <returns>Whether the store had room for one.</returns>
    public bool TryOpen(long? expectedBytes)
    {
        try
        {
            _buffer = state.Store.TryCreate(state.Loop, expectedBytes);
        }
        catch (Exception e)
        {
            StoreFailed(e);
        }
        return _buffer is not null;
    }

    /// <summary>Content that is whole, in the scratch of the loop; empty for none.</summary>
    public void SetWhole(ReadOnlyMemory<byte> direct)
    {
        _direct = direct;
        State = BufferState.Whole;
    }

    /// <summary>Moves content from the loop's scratch into the store, before the scratch is used again; where the store has no room at once, into a block of the loop.</summary>
    /// <param name="isLeaving">Whether bytes of it have left: then the loop's last blocks are for it.</param>
    /// <returns>Whether there was room. If not, the content is lost and the state <see cref="BufferState.Failed"/>.</returns>
    public bool TryStore(bool isLeaving)
    {
        if (!IsInScratch || IsStored) return true;
        var bytes = _direct;
        if (TryOpen(bytes.Length) && CheckRoom() == RoomAnswer.Ok)
        {
            _direct = default;
            State = BufferState.Open;
            if (Append(bytes.Span)) Complete();
            return State == BufferState.Whole;
        }
        DropBuffer();
        _kept = state.Memory.RentKept(bytes.Length, isLeaving);
        if (_kept is null)
        {
            _direct = default;
            State = BufferState.Failed;
            return false;
        }
        bytes.CopyTo(_kept);
        _direct = _kept.AsMemory(0, bytes.Length);
        State = BufferState.Whole;
        return true;
    }

    /// <summary>Whether at least 64 KiB (or as many as are still expected) can be appended.</summary>
    public RoomAnswer CheckRoom()
    {
        if (State == BufferState.Failed) return RoomAnswer.Failed;
        if (_askingRoom) return RoomAnswer.Wait;
        if (_overflowEnd > 0) return RoomAnswer.Full;               // what lies beside the store must leave first
        if (_room is { } late)
        {
            _room = null;
            return Answer(late);
        }
        try
        {
            var asked = _buffer!.WaitForRoomAsync(CancellationToken.None);
            if (asked.IsCompletedSuccessfully) return Answer(asked.Result);
            _askingRoom = true;
            _ = AwaitRoomAsync(asked, _generation);
            return RoomAnswer.Wait;
        }
        catch (Exception e)
        {
            StoreFailed(e);
            return RoomAnswer.Failed;
        }
    }

    /// <summary>Memory to receive into; only after <see cref="RoomAnswer.Ok"/>, and before anything else is appended.</summary>
    /// <returns>Empty if the store failed.</returns>
    public Memory<byte> GetMemory(int atLeast)
    {
        if (_overflow is not null) return _overflow.AsMemory(_overflowEnd);
        try
        {
            return _buffer!.GetMemory(atLeast);
        }
        catch (Exception e)
        {
            StoreFailed(e);
            return default;
        }
    }

    /// <summary>Appends what was received into the memory of <see cref="GetMemory"/>.</summary>
    public void Advance(int count)
    {
        if (_overflow is not null)
        {
            _overflowEnd += count;
            return;
        }
        try
        {
            _buffer!.Advance(count);
        }
        catch (Exception e)
        {
            StoreFailed(e);
        }
    }

    /// <summary>Appends bytes for which there is room.</summary>
    /// <returns>Whether the store took them.</returns>
    public bool Append(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty && State == BufferState.Open)
        {
            var memory = GetMemory(1);
            var count = Math.Min(memory.Length, bytes.Length);
            if (count == 0) break;
            bytes[..count].CopyTo(memory.Span);
            Advance(count);
            bytes = bytes[count..];
        }
        return State == BufferState.Open;
    }

    /// <summary>Marks it as whole: its completeness is proven.</summary>
    public void Complete()
    {
        if (State != BufferState.Open) return;
        State = BufferState.Whole;
        try
        {
            _buffer?.Complete();
        }
        catch (Exception e)
        {
            StoreFailed(e);
        }
    }

    /// <summary>Whether none of it may leave any more, not even what has come.</summary>
    public bool IsWithheld { get; private set; }

    /// <summary>Marks it as one that will never be whole.</summary>
    /// <param name="why">The cause.</param>
    /// <param name="withhold">Whether what has come must not leave: it is there to its end, but it is not right.</param>
    public void Fail(string why, bool withhold = false)
    {
        if (State != BufferState.Open) return;
        IsWithheld = withhold;
        State = BufferState.Failed;
        try
        {
            _buffer?.Fail(new IOException(why));
        }
        catch (Exception e)
        {
            StoreFailed(e);
        }
    }

    /// <summary>Lends the bytes at an offset below <see cref="Length"/>, until <see cref="Consumed"/> or the next use of the loop's scratch.</summary>
    /// <returns>False: a wake-up follows, or the state is <see cref="BufferState.Failed"/>.</returns>
    public bool TryRead(long offset, int maxBytes, out ReadOnlyMemory<byte> bytes)
    {
        bytes = default;
        if (_buffer is null)
        {
            bytes = _direct[(int)offset..];
            return true;
        }
        if (TryReadOverflow(offset, out bytes)) return true;
        if (_reading) return false;
        if (!_hasSlice || offset < _sliceAt || offset >= _sliceAt + _slice.Length)
        {
            DropSlice();
            try
            {
                var read = _buffer.ReadAsync(offset - _besides, maxBytes, CancellationToken.None);
                if (!read.IsCompletedSuccessfully)
                {
                    _reading = true;
                    _ = AwaitSliceAsync(read, offset, _generation);
                    return false;
                }
                (_slice, _sliceAt, _hasSlice) = (read.Result, offset, true);
            }
            catch (Exception e)
            {
                StoreFailed(e);
                return false;
            }
        }
        bytes = _slice.Memory[(int)(offset - _sliceAt)..];
        return true;
    }

    /// <summary>Says that bytes before an offset were read; a slice that ends there goes back.</summary>
    public void Consumed(long upTo)
    {
        if (_hasSlice && upTo >= _sliceAt + _slice.Length) DropSlice();
        if (_overflow is not null) OverflowConsumed(upTo);
    }

    /// <summary>Whether bytes of a buffer are lent.</summary>
    public bool IsLent => _hasSlice;

    /// <summary>Gives back what is lent; it is read again when it is needed.</summary>
    public void GiveBack() => DropSlice();

    /// <summary>Says that bytes before an offset are never needed again.</summary>
    public void Release(long upTo)
    {
        try
        {
            _buffer?.Release(Math.Clamp(upTo - _besides, 0, _buffer.Length));
        }
        catch (Exception e)
        {
            StoreFailed(e);
        }
    }

    /// <summary>Frees everything and becomes empty and open again.</summary>
    public void Reset()
    {
        DropSlice();
        DropBuffer();
        DropOverflow();
        _besides = 0;
        if (_kept is { } kept) state.Memory.ReturnKept(kept);
        _kept = null;
        _direct = default;
        _lastChunk?.Reset();
        State = BufferState.Open;
        IsWithheld = false;
    }

    private void DropBuffer()
    {
        if (_buffer is { } buffer) state.Dispose(buffer);
        _buffer = null;
        _room = null;
        _reading = _askingRoom = false;
        _generation++;
    }

    private RoomAnswer Answer(Room room)
    {
        if (room == Room.Failed) StoreFailed(null);
        if (room == Room.Ok && _overflow is not null) DropOverflow();          // empty: the store has room again
        return room switch { Room.Ok => RoomAnswer.Ok, Room.Full => RoomAnswer.Full, _ => RoomAnswer.Failed };
    }

    private void DropSlice()
    {
        if (!_hasSlice) return;
        _hasSlice = false;
        _slice.Dispose();
        _slice = default;
    }

    private void StoreFailed(Exception? why)
    {
        State = BufferState.Failed;
        state.Engine.Logger.BufferStoreFailed(why);
    }
}
