namespace Cmi.Engine;

// What a store answers later. It comes home to the loop; an answer for an earlier use of this object is given back.
internal sealed partial class MessageContent
{
    private async Task AwaitRoomAsync(ValueTask<Room> asked, int generation)
    {
        var room = Room.Failed;
        try
        {
            room = await asked;
        }
        catch (Exception e)
        {
            if (generation == _generation) StoreFailed(e);
        }
        if (generation != _generation) return;
        _askingRoom = false;
        _room = room;
        wake();
    }

    private async Task AwaitSliceAsync(ValueTask<BufferSlice> read, long offset, int generation)
    {
        try
        {
            var slice = await read;
            if (generation == _generation) (_slice, _sliceAt, _hasSlice) = (slice, offset, true);
            else slice.Dispose();
        }
        catch (Exception e)
        {
            if (generation == _generation) StoreFailed(e);
        }
        if (generation != _generation) return;
        _reading = false;
        wake();
    }
}
