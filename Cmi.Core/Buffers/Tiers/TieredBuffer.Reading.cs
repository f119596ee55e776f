using System.Runtime.CompilerServices;

namespace Cmi.Buffers;

// Reading, from whichever tier the bytes are in at that moment.
internal sealed partial class TieredBuffer
{
    private int _cursor;                                            // the extent that was read last: reading mostly goes on
    private long _readAt, _lastRead;                                // in the loop's milliseconds
    private bool _isReading;
    private TaskCompletionSource? _more;                            // wakes the reader that waits for bytes or the end

    public ValueTask<BufferSlice> ReadAsync(long offset, int maxBytes, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfLessThan(offset, _released);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBytes, 1);
        if (_isReading) throw new InvalidOperationException("A read waits already: there can be one at a time.");
        return Read(offset, maxBytes, cancellationToken);
    }

    private ValueTask<BufferSlice> Read(long offset, int maxBytes, CancellationToken cancellationToken)
    {
        if (offset == Length)
        {
            if (State == BufferState.Whole) return new(default(BufferSlice));
            if (State == BufferState.Failed) return ValueTask.FromException<BufferSlice>(new IOException("The content will never be whole: " + _why!.Message, _why));
            return cancellationToken.IsCancellationRequested ? ValueTask.FromCanceled<BufferSlice>(cancellationToken) : AwaitMoreAsync(offset, maxBytes, cancellationToken);
        }
        (_readAt, _lastRead) = (offset, tiers.Loop.Now);
        var extent = Find(offset);
        if (extent.MoveReads is { IsCompleted: false } moveReads) return AwaitTurnAsync(moveReads, offset, maxBytes, cancellationToken);
        var read = extent.Buffer.ReadAsync(offset - extent.Base, (int)Math.Min(maxBytes, extent.End - offset), cancellationToken);
        return read.IsCompleted ? read : AwaitReadAsync(read, extent);
    }

    private async ValueTask<BufferSlice> AwaitMoreAsync(long offset, int maxBytes, CancellationToken cancellationToken)
    {
        Begin();
        try
        {
            // Asynchronous, so that the reader goes on in its own turn and not inside Advance.
            while (offset == Length && State == BufferState.Open && !_disposed)
                await (_more ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task.WaitAsync(cancellationToken);
            ObjectDisposedException.ThrowIf(_disposed, this);
            return await Read(offset, maxBytes, cancellationToken);
        }
        finally
        {
            End();
        }
    }

    private async ValueTask<BufferSlice> AwaitTurnAsync(Task moveReads, long offset, int maxBytes, CancellationToken cancellationToken)
    {
        Begin();
        try
        {
            await moveReads.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            cancellationToken.ThrowIfCancellationRequested();
            ObjectDisposedException.ThrowIf(_disposed, this);
            return await Read(offset, maxBytes, cancellationToken);
        }
        finally
        {
            End();
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BufferSlice> AwaitReadAsync(ValueTask<BufferSlice> read, Extent extent)
    {
        Begin();
        extent.Reads++;
        try
        {
            return await read;
        }
        finally
        {
            End();
            if (--extent.Reads == 0 && extent.Left is { } left)
            {
                extent.Left = null;
                tiers.Dispose(left);
            }
        }
    }

    private void Begin()
    {
        _underWay++;
        _isReading = true;
    }

    private void End()
    {
        _underWay--;
        _isReading = false;
    }

    private void Changed()
    {
        if (_more is not { } more) return;
        _more = null;
        more.TrySetResult();
    }

    private Extent Find(long offset)
    {
        if (_cursor < _extents.Count && _extents[_cursor] is var last && offset >= last.Base && offset < last.End) return last;
        var (low, high) = (0, _extents.Count - 1);
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (_extents[middle].End <= offset) low = middle + 1;
            else high = middle;
        }
        _cursor = low;
        return _extents[low];
    }
}
