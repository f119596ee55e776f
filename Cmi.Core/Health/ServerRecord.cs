namespace Cmi.Health;

/// <summary>How an attempt at a server failed.</summary>
internal enum ServerFailure : byte
{
    /// <summary>It did not accept a connection, or not in time.</summary>
    Connect,

    /// <summary>It accepted, and then said nothing (more) in time.</summary>
    Silence,

    /// <summary>It broke off, or what it said was no reply.</summary>
    Broken,
}

/// <summary>
/// What one server of a group has done, and what follows from it. A state machine without a clock and without I/O:
/// <code>
/// Healthy ──failed connect──▶ Unreachable ──a probe succeeds──▶ Healthy (or SlowStart ─▶ Healthy)
/// Healthy ──failures────────▶ Ejected, for 1 s, 2 s, 4 s … ──then a probe succeeds──▶ Trial ──a whole reply──▶ Healthy (or SlowStart ─▶ Healthy)
/// Trial ──any failure──▶ Ejected, for longer
/// any ──checks fail──▶ Unhealthy ──checks succeed──▶ Healthy (or SlowStart ─▶ Healthy)
/// Unreachable, Ejected ──a reply to what was asked since, where no other server was left──▶ Healthy
/// </code>
/// <para>Threading: guarded by the lock of its group.</para>
/// </summary>
internal sealed class ServerRecord(HealthSettings settings)
{
    private const int SlowStartSteps = 10;

    private long _windowStart = long.MinValue, _windowReplies;
    private int _windowFailures;
    private int _ejectionsInARow;
    private long _putOutAt, _cameBackAt = long.MinValue;
    private int _checksFailed, _checksPassed;
    private long _silentSince = long.MaxValue, _silentUntil, _silentMs;

    /// <summary>The settings that are in force.</summary>
    public HealthSettings Settings { private get; set; } = settings;

    /// <summary>What the operator wants.</summary>
    public ServerState State { get; set; }

    /// <summary>What was found.</summary>
    public ServerCondition Condition { get; private set; }

    /// <summary>Failures since the last whole reply.</summary>
    public int ConsecutiveFailures { get; set; }

    /// <summary>Before which no probe is made.</summary>
    public long NextProbe { get; private set; }

    /// <summary>When an ejection is over, if a probe succeeds then.</summary>
    public long EjectedUntil { get; private set; }

    /// <summary>Failures since the start.</summary>
    public long Failures { get; private set; }

    /// <summary>How often it was put out since the start.</summary>
    public long Ejections { get; private set; }

    /// <summary>Probes and checks that failed since the start.</summary>
    public long ProbesFailed { get; set; }

    /// <summary>Whether it gets no requests because of what it did.</summary>
    public bool IsOut => Condition is ServerCondition.Unreachable or ServerCondition.Ejected or ServerCondition.Unhealthy;

    /// <summary>Whether a probe, not an active check, is what brings it back.</summary>
    public bool AwaitsProbe => Condition is ServerCondition.Unreachable or ServerCondition.Ejected && State != ServerState.Maintenance;

    /// <summary>Takes note of a failure.</summary>
    /// <param name="failure">What it was.</param>
    /// <param name="isSilent">Whether it has said nothing to anyone since the attempt began.</param>
    /// <param name="replies">Its whole replies since the start, over all loops.</param>
    /// <param name="mayEject">Whether the group can do without it.</param>
    /// <param name="now">Milliseconds.</param>
    /// <param name="random">Chance, so that servers which fail together are not probed together.</param>
    /// <returns>Whether its condition has changed.</returns>
    public bool Failed(ServerFailure failure, bool isSilent, long replies, bool mayEject, long now, Random random)
    {
        Failures++;
        ConsecutiveFailures++;
        if (_windowStart == long.MinValue || now - _windowStart >= Settings.Window) (_windowStart, _windowReplies, _windowFailures) = (now, replies, 0);
        _windowFailures++;
        if (Condition == ServerCondition.Ejected && failure == ServerFailure.Connect)
        {
            Condition = ServerCondition.Unreachable;                // worse, where the least bad are looked for; but proven otherwise by a connect
            NextProbe = Math.Min(NextProbe, UnreachableProbe(now, random));
            return true;
        }
        if (IsOut || !Settings.Ejects) return false;
        if (failure == ServerFailure.Connect)
        {
            PutOut(ServerCondition.Unreachable, now, random);
            return true;
        }
        if (Condition != ServerCondition.Trial && (!mayEject || !(isSilent || ConsecutiveFailures >= Settings.Failures || IsShareReached(replies)))) return false;
        PutOut(ServerCondition.Ejected, now, random);
        return true;
    }

    /// <summary>Takes note of an attempt that was given up before a byte had come.</summary>
    /// <param name="startedAt">When it began.</param>
    /// <param name="lastWord">When the server last gave a whole reply to anyone.</param>
    /// <param name="patience">How long waiting without a word is silence; two attempts at once do not count twice.</param>
    /// <param name="now">Milliseconds.</param>
    /// <returns>Since when it has been silent for that long; -1: it has not.</returns>
    public long WaitedInVain(long startedAt, long lastWord, long patience, long now)
    {
        if (lastWord >= _silentSince) (_silentSince, _silentMs) = (long.MaxValue, 0);
        if (lastWord >= startedAt) return -1;
        if (_silentSince == long.MaxValue) (_silentSince, _silentUntil) = (startedAt, startedAt);
        _silentMs += Math.Max(0, now - Math.Max(startedAt, _silentUntil));
        _silentUntil = now;
        if (_silentMs < patience) return -1;
        var since = _silentSince;
        (_silentSince, _silentMs) = (long.MaxValue, 0);
        return since;
    }

    /// <summary>Takes note of a whole reply to an attempt.</summary>
    /// <returns>Whether its condition has changed.</returns>
    public bool Recovered(long startedAt, long now)
    {
        if (Condition is not (ServerCondition.Unreachable or ServerCondition.Ejected or ServerCondition.Trial) || startedAt < _putOutAt) return false;
        ComeBack(now);
        return true;
    }

    /// <summary>Takes note of the outcome of a probe.</summary>
    /// <param name="succeeded">Whether the server is as it should be, as far as the probe went.</param>
    /// <param name="answered">Whether it went further than a connect.</param>
    /// <param name="now">Milliseconds.</param>
    /// <param name="random">Chance.</param>
    /// <returns>Whether its condition has changed.</returns>
    public bool Probed(bool succeeded, bool answered, long now, Random random)
    {
        if (Condition is not (ServerCondition.Unreachable or ServerCondition.Ejected)) return false;
        if (succeeded)
        {
            if (answered || Condition == ServerCondition.Unreachable) ComeBack(now);
            else (Condition, _cameBackAt) = (ServerCondition.Trial, now);
            return true;
        }
        NextProbe = now + Jittered(Settings.ProbeInterval, random);
        return false;
    }

    /// <summary>Takes note of the outcome of an active check.</summary>
    /// <returns>Whether its condition has changed.</returns>
    public bool Checked(bool succeeded, long now)
    {
        (_checksPassed, _checksFailed) = succeeded ? (_checksPassed + 1, 0) : (0, _checksFailed + 1);
        if (Condition == ServerCondition.Unhealthy)
        {
            if (_checksPassed < Settings.HealthyThreshold) return false;
            ComeBack(now);
            return true;
        }
        if (_checksFailed < Settings.UnhealthyThreshold) return false;
        if (!IsOut) Ejections++;
        Condition = ServerCondition.Unhealthy;
        return true;
    }

    /// <summary>Begins a slow start, or ends it when its time is over.</summary>
    /// <returns>The share of the choices that it takes part in, in thousandths; <see cref="ServerAvailability.OneAtATime"/> on trial.</returns>
    public int Share(long now)
    {
        if (Condition == ServerCondition.Trial) return ServerAvailability.OneAtATime;
        if (Condition != ServerCondition.SlowStart) return ServerAvailability.FullShare;
        var step = Math.Max(1, (now - _cameBackAt) * SlowStartSteps / Settings.SlowStart);
        if (step < SlowStartSteps) return (int)step * ServerAvailability.FullShare / SlowStartSteps;
        Condition = ServerCondition.Healthy;
        return ServerAvailability.FullShare;
    }

    /// <summary>When the share grows next; <see cref="long.MaxValue"/>: it does not.</summary>
    public long NextStep(long now) => Condition != ServerCondition.SlowStart ? long.MaxValue
        : _cameBackAt + ((Math.Max(0, (now - _cameBackAt) * SlowStartSteps / Settings.SlowStart) + 1) * Settings.SlowStart + SlowStartSteps - 1) / SlowStartSteps;

    /// <summary>Puts it back to work after it was taken out by hand: with a clean slate, and slowly.</summary>
    public void Activate(long now)
    {
        if (!IsOut) ComeBack(now);
    }

    private bool IsShareReached(long replies)
    {
        var all = replies - _windowReplies + _windowFailures;
        return Settings.FailureShare > 0 && all >= Settings.FailureShareRequests && _windowFailures >= all * Settings.FailureShare;
    }

    private void PutOut(ServerCondition condition, long now, Random random)
    {
        // It begins anew for a server that has stayed in for long enough.
        if (_cameBackAt == long.MinValue || now - _cameBackAt >= Settings.MaxEjectionTime) _ejectionsInARow = 0;
        var time = Settings.EjectionTime;
        for (var i = 0; i < _ejectionsInARow && time < Settings.MaxEjectionTime; i++) time *= 2;
        time = Jittered(Math.Min(time, Settings.MaxEjectionTime), random);
        _ejectionsInARow++;
        Ejections++;
        Condition = condition;
        _putOutAt = now;
        EjectedUntil = now + time;
        // Whether it can be connected to, a probe tells for certain: there is no reason to wait longer each time.
        NextProbe = condition == ServerCondition.Unreachable ? UnreachableProbe(now, random) : EjectedUntil;
    }

    private long UnreachableProbe(long now, Random random) => now + Jittered(Math.Min(Settings.EjectionTime, Settings.ProbeInterval), random);

    private void ComeBack(long now)
    {
        _cameBackAt = now;
        ConsecutiveFailures = 0;
        _windowStart = long.MinValue;
        Condition = Settings.SlowStart > 0 ? ServerCondition.SlowStart : ServerCondition.Healthy;
    }

    /// <summary>A time, and up to a tenth more.</summary>
    internal static long Jittered(long time, Random random) => time + random.NextInt64((time / 10) + 1);
}
