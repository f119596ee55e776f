namespace Cmi.Engine;

/// <summary>
/// Keeps half-arrived replies that are held until they are whole from waiting for each other's room for ever: when none of those that starve has found room
/// for <see cref="EngineSettings.StarvedMs"/>, the youngest gives way, over all loops, so the oldest always finishes. Only full stores lead here,
/// so a lock will do.
/// <para>Threading: any thread.</para>
/// </summary>
internal sealed class RoomArbiter
{
    private readonly Lock _gate = new();
    private readonly SortedSet<long> _starving = [];                // exchange numbers: a higher one is younger
    private long _calmSince;
    private long _drainedAt = long.MinValue / 2;
    private volatile bool _isAnyStarving;

    /// <summary>Reports that an exchange found no room.</summary>
    /// <returns>Whether it is the one that must give way.</returns>
    public bool MustGiveWay(long exchange, long now)
    {
        lock (_gate)
        {
            if (_starving.Count == 0) _calmSince = now;
            _starving.Add(exchange);
            _isAnyStarving = true;
            // One alone waits for no other that is half-arrived: as long as clients take what is stored, room will come of itself.
            if (_starving.Count == 1 && now - Volatile.Read(ref _drainedAt) < EngineSettings.StarvedMs) return false;
            if (now - _calmSince < EngineSettings.StarvedMs || _starving.Max != exchange) return false;
            _calmSince = now;
            return true;
        }
    }

    /// <summary>Reports that an exchange found room.</summary>
    public void FoundRoom(long exchange, long now)
    {
        lock (_gate)
        {
            if (_starving.Remove(exchange)) _calmSince = now;
            _isAnyStarving = _starving.Count > 0;
        }
    }

    /// <summary>Reports that an exchange no longer waits for room.</summary>
    public void Left(long exchange)
    {
        lock (_gate)
        {
            _starving.Remove(exchange);
            _isAnyStarving = _starving.Count > 0;
        }
    }

    /// <summary>Reports that a client took stored content.</summary>
    public void Drained(long now)
    {
        if (_isAnyStarving) Volatile.Write(ref _drainedAt, now);
    }
}
