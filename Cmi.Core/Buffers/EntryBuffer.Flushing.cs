namespace Cmi.Buffers;

// Waiting until nothing is only in memory any more: a store made of tiers then gives up its other copy.
internal sealed partial class EntryBuffer
{
    private TaskCompletionSource? _flush;

    public ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_offered == 0) CutTail();
        if (State == BufferState.Failed && _why is not null) return ValueTask.FromException(new IOException("The content is lost: " + _why.Message, _why));
        if (_unwritten == 0) return ValueTask.CompletedTask;
        if (_flush is null)
        {
            _flush = new(TaskCreationOptions.RunContinuationsAsynchronously);
            UrgeAll();
        }
        return new(_flush.Task.WaitAsync(cancellationToken));
    }

    /// <summary>Has all of it that waits to be written written at once.</summary>
    private void UrgeAll()
    {
        var first = _first + _count;
        while (first > _first && _entries[first - 1].Phase != EntryPhase.Stored) first--;      // what is written is before what is not
        for (; first < _first + _count; first++)
            if (_entries[first].Phase == EntryPhase.Queued) Store.Urge(_entries[first]);
    }

    private void LookForFlush()
    {
        if (_flush is null) return;
        if (State == BufferState.Failed) EndFlush(new IOException("The content is lost: " + _why?.Message, _why));
        else if (_unwritten == 0) EndFlush(null);
    }

    private void EndFlush(Exception? why)
    {
        if (_flush is not { } flush) return;
        _flush = null;
        if (why is null) flush.SetResult();
        else flush.SetException(why);
    }
}
