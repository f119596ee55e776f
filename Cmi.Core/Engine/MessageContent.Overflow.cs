using Cmi.Loops;

namespace Cmi.Engine;

// The way past a full store. Content that leaves, and of which nothing is left in the store, flows through a block of the loop: so the oldest reply always
// finishes, whatever else fills the store.
internal sealed partial class MessageContent
{
    private byte[]? _overflow;
    private int _overflowEnd;                                       // bytes in it: they come behind all that the buffer holds
    private long _besides;                                          // bytes that have gone this way: the buffer does not count them

    /// <summary>Has what comes next go past the store. Only for content that leaves and is sent as far as it has come.</summary>
    /// <returns>Whether the loop had a block for it.</returns>
    public bool TryOverflow()
    {
        if (_buffer is null || _overflowEnd > 0 || _askingRoom || State != BufferState.Open) return false;
        _overflow ??= state.Memory.RentKept(LoopMemory.MaxReceiveBytes, isLeaving: true);
        return _overflow is not null;
    }

    private bool TryReadOverflow(long offset, out ReadOnlyMemory<byte> bytes)
    {
        bytes = default;
        if (_overflowEnd == 0) return false;
        var at = offset - _buffer!.Length - _besides;
        if (at < 0) return false;
        bytes = _overflow.AsMemory((int)at, _overflowEnd - (int)at);
        return true;
    }

    private void OverflowConsumed(long upTo)
    {
        if (_overflowEnd == 0 || upTo < Length) return;
        _besides += _overflowEnd;
        DropOverflow();
    }

    private void DropOverflow()
    {
        if (_overflow is { } overflow) state.Memory.ReturnKept(overflow);
        (_overflow, _overflowEnd) = (null, 0);
    }
}
