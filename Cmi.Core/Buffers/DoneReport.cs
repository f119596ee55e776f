namespace Cmi.Buffers;

/// <summary>
/// What one worker has done and whose loops have not been woken for it: to wake a thread costs about as much as to write an entry, so they are woken for several.
/// <para>Threading: the worker. Bound: what <see cref="Add"/> is told.</para>
/// </summary>
internal sealed class DoneReport
{
    private readonly List<EntryLoop> _loops = [];
    private int _untold;

    /// <summary>Takes note of what has been done.</summary>
    /// <param name="loop">Whose it was.</param>
    /// <param name="done">A <see cref="BufferEntry"/> that was written, or a <see cref="FetchJob"/>.</param>
    /// <param name="most">How many may be done before the loops are woken; 1: at once.</param>
    public void Add(EntryLoop loop, object done, int most)
    {
        loop.AddDone(done);
        if (!_loops.Contains(loop)) _loops.Add(loop);
        if (++_untold >= most) Tell();
    }

    /// <summary>Wakes the loops.</summary>
    public void Tell()
    {
        foreach (var loop in _loops) loop.PostDone();
        _loops.Clear();
        _untold = 0;
    }
}
