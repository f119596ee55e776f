namespace Cmi.Health;

/// <summary>
/// Keeps retries a small share of what clients ask, so that they cannot become the storm that keeps failing servers down: retries of about the last ten
/// seconds are at most a share of the requests of that time, and a minimum that lets a quiet gateway retry too. As in Finagle and Linkerd.
/// <para>
/// Each loop counts its own requests in a place of its own; only a retry, which is rare, looks at all of them.
/// </para>
/// <para>Threading: <see cref="Count"/> the loop of that number; all else any thread.</para>
/// </summary>
internal sealed class RetryBudget
{
    /// <summary>Half of the window: what is remembered reaches back one to two of these.</summary>
    public const long EpochMs = 5_000;

    private const int Padding = 8;                                 // cells of 24 bytes: two loops never write to one cache line

    private readonly Cell[] _cells;
    private double _share, _minimum;
    private readonly Lock _gate = new();
    private Cell _spent;
    private long _refused;

    /// <summary>Makes a budget that is full.</summary>
    /// <param name="loops">How many loops count requests.</param>
    /// <param name="share">Retries for each request.</param>
    /// <param name="minimumPerSecond">Retries for each second, whatever is asked.</param>
    public RetryBudget(int loops, double share, int minimumPerSecond)
    {
        _cells = new Cell[loops * Padding];
        Change(share, minimumPerSecond);
    }

    /// <summary>Takes over other settings; what was counted and spent stays.</summary>
    public void Change(double share, int minimumPerSecond)
    {
        lock (_gate) (_share, _minimum) = (share, minimumPerSecond * (2 * EpochMs / 1000.0));
    }

    /// <summary>Retries that were refused since the start.</summary>
    public long Refused => Volatile.Read(ref _refused);

    /// <summary>Counts a request of a client.</summary>
    /// <param name="loop">The number of the loop.</param>
    /// <param name="now">Milliseconds of the loop.</param>
    public void Count(int loop, long now) => _cells[loop * Padding].Add(now / EpochMs);

    /// <summary>Takes what one retry costs.</summary>
    /// <param name="now">Milliseconds of any loop.</param>
    /// <returns>Whether the budget had it.</returns>
    public bool TrySpend(long now)
    {
        var epoch = now / EpochMs;
        lock (_gate)
        {
            var requests = 0L;
            for (var i = 0; i < _cells.Length; i += Padding) requests += _cells[i].Recent(epoch);
            if (_spent.Recent(epoch) + 1 > (_share * requests) + _minimum)
            {
                _refused++;
                return false;
            }
            _spent.Add(epoch);
            return true;
        }
    }

    /// <summary>Gives back what was taken in this very moment, and not used.</summary>
    public void GiveBack(long now)
    {
        lock (_gate) _spent.Remove(now / EpochMs);
    }

    private struct Cell
    {
        private long _epoch, _current, _previous;

        public void Add(long epoch)
        {
            if (epoch > _epoch)
            {
                _previous = epoch == _epoch + 1 ? _current : 0;
                Volatile.Write(ref _current, 0);
                Volatile.Write(ref _epoch, epoch);
            }
            _current++;
        }

        public void Remove(long epoch)
        {
            if (epoch == _epoch && _current > 0) _current--;
        }

        // Another thread may be writing: a number that is a moment old is good enough.
        public readonly long Recent(long epoch)
        {
            var seen = Volatile.Read(in _epoch);
            return seen >= epoch ? Volatile.Read(in _current) + Volatile.Read(in _previous) : seen == epoch - 1 ? Volatile.Read(in _current) : 0;
        }
    }
}
