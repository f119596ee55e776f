using Cmi.Telemetry;
using Microsoft.Extensions.Logging;

namespace Cmi.Buffers;

/// <summary>
/// Whether the device of a store can be written. After a failure the store makes no buffers for 1 s, then it tries; each time that it fails again it waits twice
/// as long, up to 60 s. So whoever is above it degrades, and a dead device costs one line in the log for each try.
/// <para>Threading: any thread; the times are those of loops of one manager.</para>
/// </summary>
internal sealed class StoreHealth(string device, ILogger logger)
{
    private const long FirstPauseMs = 1_000;
    private const long LongestPauseMs = 60_000;

    private readonly Lock _gate = new();
    private long _failures, _readFailures;
    private long _pauseMs, _until, _lookAt;
    private bool _probing;
    private volatile bool _failing;

    public bool IsFailing => _failing;

    /// <summary>Whether an entry of nobody's is on its way to the device.</summary>
    public bool IsProbing
    {
        get { lock (_gate) return _probing; }
    }

    /// <summary>Reads and writes that failed, and entries that came back corrupted.</summary>
    public long Failures => Volatile.Read(ref _failures);

    public void CountFailure() => Interlocked.Increment(ref _failures);

    /// <summary>Whether it is time to try the device; whoever is told so tries.</summary>
    public bool MayProbe(long now)
    {
        lock (_gate)
        {
            if (!_failing || _probing || now < _until) return false;
            return _probing = true;
        }
    }

    /// <summary>Whether it is time to look at a device that is full; whoever is told so writes to it.</summary>
    public bool MayLookAtFull(long now)
    {
        lock (_gate)
        {
            if (_failing || _probing || now < _lookAt) return false;
            _lookAt = now + FirstPauseMs;
            return _probing = true;
        }
    }

    /// <summary>Content was lost.</summary>
    public void WriteFailed(long now, Exception why)
    {
        CountFailure();
        lock (_gate)
        {
            if (_failing) return;                                  // the rest of what was under way
            Pause(now);
        }
        logger.BufferDeviceFails(device, _pauseMs / 1_000, Failures, why);
    }

    /// <summary>Says how trying the device went.</summary>
    public void Probed(long now, Exception? fault)
    {
        lock (_gate)
        {
            _probing = false;
            if (fault is null && !_failing) return;                // it is full, or was
            if (fault is null)
            {
                // The pause is kept for a while: a device that works for a moment only does not begin at 1 s again.
                _failing = false;
                _pauseMs /= 2;
            }
            else
            {
                CountFailure();
                Pause(now);
            }
        }
        if (fault is null) logger.BufferDeviceWorks(device);
        else logger.BufferDeviceFails(device, _pauseMs / 1_000, Failures, fault);
    }

    /// <summary>The store begins without a device that works.</summary>
    public void BeginFailing(Exception why)
    {
        CountFailure();
        lock (_gate) _failing = true;                              // and is tried with the first buffer that is asked for
        logger.BufferDeviceFails(device, 0, Failures, why);
    }

    /// <summary>What was written could not be read back.</summary>
    public void ReadFailed(Exception why)
    {
        CountFailure();
        var failures = Interlocked.Increment(ref _readFailures);
        if (long.IsPow2(failures)) logger.BufferReadBackFailed(device, failures, why);
    }

    private void Pause(long now)
    {
        _failing = true;
        _pauseMs = Math.Clamp(_pauseMs * 2, FirstPauseMs, LongestPauseMs);
        _until = now + _pauseMs;
    }
}
