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

    /// <summary>Reports that an exchange found no room.</summary>
    /// <returns>Whether it is the one that must give way.</returns>
    public bool MustGiveWay(long exchange, long now)
    {
        lock (_gate)
        {
            if (_starving.Count == 0) _calmSince = now;
            _starving.Add(exchange);
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
        }
    }

    /// <summary>Reports that an exchange no longer waits for room.</summary>
    public void Left(long exchange)
    {
        lock (_gate) _starving.Remove(exchange);
    }
}
