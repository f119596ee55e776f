using System.Diagnostics.CodeAnalysis;
using Cmi.Simulation.Plans;

namespace Cmi.Simulation.Judging;

/// <summary>A buffer of an <see cref="ObservedStore"/>.</summary>
internal sealed class ObservedBuffer(ObservedStore store, IBuffer inner, ILoop loop) : IBuffer, IBufferSliceOwner
{
    private readonly Dictionary<long, BufferSlice> _lent = [];
    private readonly byte[] _beginning = new byte[sizeof(ulong)];
    private Memory<byte> _given;
    private StoreIncident? _broken;
    private long _lastSlice;
    private bool _wasFull, _isDisposed, _isFailedByEngine;

    /// <summary>Whose content it holds; none while too little of it has come.</summary>
    public AskedRequest? Owner { get; private set; }

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
            return _given = inner.GetMemory(atLeast);
        }
        catch (InvalidOperationException)
        {
            Break(Phase.Storing);                                   // the room of a late answer may be gone by then
            throw;
        }
    }

    public void Advance(int count)
    {
        if (inner.Length < _beginning.Length && inner.Length + count >= _beginning.Length) Identify();
        else if (inner.Length < _beginning.Length) _given.Span[..count].CopyTo(_beginning.AsSpan((int)inner.Length));
        inner.Advance(count);
    }

    public ValueTask<Room> WaitForRoomAsync(CancellationToken cancellationToken)
    {
        if (_broken is not null) return new(Room.Failed);
        if (store.Strikes())
        {
            Break(Phase.Storing);
            return new(Room.Failed);
        }
        if (!store.Delays()) return Noted(inner.WaitForRoomAsync(cancellationToken));
        var delay = store.Waits(this, Phase.Storing);
        var answer = new TaskCompletionSource<Room>();
        store.Later(loop, () => Forward(answer, delay, cancellationToken));
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
        if (_broken is null && store.Strikes()) Break(Phase.ReadingBack);
        if (_broken is not null) return ValueTask.FromException<BufferSlice>(new IOException("The simulated store has lost the content."));
        if (!store.Delays()) return Lend(inner.ReadAsync(offset, maxBytes, cancellationToken));
        var delay = store.Waits(this, Phase.ReadingBack);
        var answer = new TaskCompletionSource<BufferSlice>();
        store.Later(loop, () => ForwardSlice(answer, delay, offset, maxBytes, cancellationToken));
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
        if (!_isDisposed) store.Disposed(_broken);
        _isDisposed = true;
        return inner.DisposeAsync();
    }

    private void Break(Phase phase, Exception? why = null)
    {
        if (_broken is null && !_isDisposed) _broken = store.Broke(this, phase, why);
    }

    private void Identify()
    {
        var known = (int)inner.Length;
        _given.Span[..(_beginning.Length - known)].CopyTo(_beginning.AsSpan(known));
        Owner = store.OwnerOf(_beginning);
    }

    private Room Note(Room room)
    {
        if (room == Room.Full && !_wasFull)
        {
            _wasFull = true;
            store.Full(this);
        }
        if (room == Room.Failed) Break(Phase.Storing);
        return room;
    }

    private ValueTask<Room> Noted(ValueTask<Room> asked)
    {
        if (asked.IsCompletedSuccessfully) return new(Note(asked.Result));
        return Await(asked, store.Waits(this, Phase.Storing));
    }

    private async ValueTask<Room> Await(ValueTask<Room> asked, StoreIncident delay)
    {
        try
        {
            return Note(await asked);
        }
        finally
        {
            store.HasWaited(delay);
        }
    }

    private async void Forward(TaskCompletionSource<Room> answer, StoreIncident delay, CancellationToken cancellationToken)
    {
        store.HasWaited(delay);
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

    private async void ForwardSlice(TaskCompletionSource<BufferSlice> answer, StoreIncident delay, long offset, int maxBytes, CancellationToken cancellationToken)
    {
        store.HasWaited(delay);
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
        var delay = read.IsCompleted ? null : store.Waits(this, Phase.ReadingBack);
        try
        {
            return Lend(await read);
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            if (!_isFailedByEngine) Break(Phase.ReadingBack, e);
            throw;
        }
        finally
        {
            if (delay is not null) store.HasWaited(delay);
        }
    }

    private BufferSlice Lend(BufferSlice slice)
    {
        _lent.Add(++_lastSlice, slice);
        store.SlicesOut++;
        return new(slice.Memory, this, _lastSlice);
    }
}
