namespace Cmi.Servers;

/// <summary>
/// Whose turn it is. It keeps the server that had the last turn, not a counter: the turn then goes round the group in order also while the candidates
/// change, where a counter modulo their number would favour some.
/// <para>Threading: any thread; every turn is taken by exactly one caller.</para>
/// </summary>
internal struct Turn()
{
    private int _last = -1;

    /// <summary>Gives the turn to the next candidate behind the last one.</summary>
    /// <param name="candidates">At least one, in the order of the group.</param>
    /// <param name="load">Only candidates with as many requests in flight take part; <see langword="null"/>: all do.</param>
    /// <returns>The place among the candidates.</returns>
    public int Take(ReadOnlySpan<ServerLoad> candidates, int? load)
    {
        for (; ; )
        {
            var last = Volatile.Read(ref _last);
            int first = -1, choice = -1;
            for (var i = 0; i < candidates.Length && choice < 0; i++)
            {
                if (load is { } wanted && candidates[i].InFlight != wanted) continue;
                if (first < 0) first = i;
                if (candidates[i].Index > last) choice = i;
            }
            if (choice < 0) choice = first;                        // round the end
            if (Interlocked.CompareExchange(ref _last, candidates[choice].Index, last) == last) return choice;
        }
    }
}
