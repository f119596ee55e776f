using System.Diagnostics.CodeAnalysis;
using Cmi.Simulation.Plans;

namespace Cmi.Simulation.Judging;

/// <summary>A buffer of an <see cref="ObservedStore"/>.</summary>
internal sealed class ObservedBuffer(ObservedStore store, IBuffer inner, ILoop loop) : IBuffer, IBufferSliceOwner
{
    private readonly Dictionary<long, BufferSlice> _lent = [];
    private long _lastSlice;
    private bool _wasFull, _isBroken, _isDisposed, _isFailedByEngine;

    public long Length => inner.Length;

    public BufferState State
    {
        get
        {
            if (inner.State == BufferState.Failed && !_isFailedByEngine) Break(Phase.Storing);
            return inner.State;
        }
    }

    public Memory<byte> GetMemory(int atLeast)
    {
        try
        {
            return inner.GetMemory(atLeast);
        }
        catch (InvalidOperationException)
        {
            Break(Phase.Storing);                                   // the room of a late answer may be gone by then
            throw;
        }
    }

    public void Advance(int count) => inner.Advance(count);

    public ValueTask<Room> WaitForRoomAsync(CancellationToken cancellationToken)
    {
        if (_isBroken) return new(Room.Failed);
        if (store.Strikes())
        {
            Break(Phase.Storing);
            return new(Room.Failed);
        }
        if (!store.Delays()) return Noted(inner.WaitForRoomAsync(cancellationToken));
        store.Waits(Phase.Storing);
        var answer = new TaskCompletionSource<Room>();
        store.Later(loop, () => Forward(answer, cancellationToken));
        return new(answer.Task);
    }

    public void Complete() => inner.Complete();

    public void Fail(Exception why)
    {
        _isFailedByEngine |= inner.State == BufferState.Open;
        inner.Fail(why);
    }

    public ValueTask<BufferSlice> ReadAsync(long offset, int maxBytes, CancellationToken cancellationToken)
    {
        if (!_isBroken && store.Strikes()) Break(Phase.ReadingBack);
        if (_isBroken) return ValueTask.FromException<BufferSlice>(new IOException("The simulated store has lost the content."));
        if (!store.Delays()) return Lend(inner.ReadAsync(offset, maxBytes, cancellationToken));
        store.Waits(Phase.ReadingBack);
        var answer = new TaskCompletionSource<BufferSlice>();
        store.Later(loop, () => ForwardSlice(answer, offset, maxBytes, cancellationToken));
        return new(answer.Task);
    }

    public void Release(long upTo) => inner.Release(upTo);

    public void Return(long token)
    {
        if (!_lent.Remove(token, out var slice)) return;
        slice.Dispose();
        store.SlicesOut--;
    }

    [SuppressMessage("Usage", "CA1816", Justification = "There is no finalizer.")]
    public ValueTask DisposeAsync()
    {
        if (!_isDisposed) store.Disposed(_isBroken);
        _isDisposed = true;
        return inner.DisposeAsync();
    }

    private void Break(Phase phase, Exception? why = null)
    {
        if (_isBroken || _isDisposed) return;
        _isBroken = true;
        store.Broke(phase, why);
    }

    private Room Note(Room room)
    {
        if (room == Room.Full && !_wasFull)
        {
            _wasFull = true;
            store.Full();
        }
        if (room == Room.Failed) Break(Phase.Storing);
        return room;
    }

    private ValueTask<Room> Noted(ValueTask<Room> asked)
    {
        if (asked.IsCompletedSuccessfully) return new(Note(asked.Result));
        store.Waits(Phase.Storing);
        return Await(asked);
    }

    private async ValueTask<Room> Await(ValueTask<Room> asked) => Note(await asked);

    private async void Forward(TaskCompletionSource<Room> answer, CancellationToken cancellationToken)
    {
        if (_isDisposed)
        {
            answer.SetResult(Room.Failed);
            return;
        }
        try
        {
            answer.SetResult(Note(await inner.WaitForRoomAsync(cancellationToken)));
        }
        catch (Exception e)
        {
            answer.SetException(e);
        }
    }

    private async void ForwardSlice(TaskCompletionSource<BufferSlice> answer, long offset, int maxBytes, CancellationToken cancellationToken)
    {
        if (_isDisposed)
        {
            answer.SetException(new IOException("The buffer is gone."));
            return;
        }
        try
        {
            answer.SetResult(await Lend(inner.ReadAsync(offset, maxBytes, cancellationToken)));
        }
        catch (Exception e)
        {
            answer.SetException(e);
        }
    }

    private ValueTask<BufferSlice> Lend(ValueTask<BufferSlice> read) => read.IsCompletedSuccessfully ? new(Lend(read.Result)) : AwaitSlice(read);

    private async ValueTask<BufferSlice> AwaitSlice(ValueTask<BufferSlice> read)
    {
        if (!read.IsCompleted) store.Waits(Phase.ReadingBack);
        try
        {
            return Lend(await read);
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            if (!_isFailedByEngine) Break(Phase.ReadingBack, e);
            throw;
        }
    }

    private BufferSlice Lend(BufferSlice slice)
    {
        _lent.Add(++_lastSlice, slice);
        store.SlicesOut++;
        return new(slice.Memory, this, _lastSlice);
    }
}
