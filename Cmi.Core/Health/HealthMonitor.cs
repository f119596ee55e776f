using Cmi.Telemetry;
using Microsoft.Extensions.Logging;

namespace Cmi.Health;

/// <summary>
/// Looks at the servers of one group: probes those that are out, so that no client is the one who finds out; checks all of them at intervals where that is
/// wanted; lets slow starts go on. One look at a server at a time, on one loop, and one timer, which is set only while there is something to do.
/// <para>Threading: its loop, except <see cref="Attend"/>.</para>
/// </summary>
internal sealed class HealthMonitor
{
    private readonly GroupHealth _health;
    private readonly IConnectionManager _connections;
    private readonly ILoop _loop;
    private readonly ILogger _logger;
    private readonly LoopTimer _timer;
    private readonly Action<ServerAddress> _dropIdle;
    private readonly ServerAddress[] _servers;
    private readonly HealthProbe?[] _running;
    private readonly long[] _nextCheck;
    private bool _stopped;

    /// <summary>Makes a monitor; it does nothing before <see cref="Start"/>.</summary>
    /// <param name="health">What it tells what it sees.</param>
    /// <param name="connections">The transport. Probes have connections of their own, beside the bound on those of requests.</param>
    /// <param name="loop">Where it lives.</param>
    /// <param name="logger">The log.</param>
    /// <param name="dropIdle">Closes the idle connections to a server; called on any thread.</param>
    public HealthMonitor(GroupHealth health, IConnectionManager connections, ILoop loop, ILogger logger, Action<ServerAddress> dropIdle)
    {
        (_health, _connections, _loop, _logger, _dropIdle) = (health, connections, loop, logger, dropIdle);
        _servers = [.. health.Group.Servers];
        _running = new HealthProbe?[_servers.Length];
        _nextCheck = new long[_servers.Length];
        _timer = new(static monitor => ((HealthMonitor)monitor!).Look(), this);
        health.Attend = Attend;
        health.ConditionChanged = Tell;
    }

    /// <summary>Begins to look.</summary>
    public void Start()
    {
        _health.SetClock(_loop.Time, _loop.Now);
        // Spread over the first interval, so that many servers, or many gateways, are not asked in step.
        for (var i = 0; i < _nextCheck.Length; i++) _nextCheck[i] = _loop.Now + _loop.Random.NextInt64(_health.Settings.Interval);
        Look();
    }

    /// <summary>Looks no more, and lets go of everything.</summary>
    public void Stop()
    {
        _stopped = true;
        _loop.ClearTimer(_timer);
        foreach (var probe in _running) probe?.Dispose();
        Array.Clear(_running);
    }

    /// <summary>Something has changed. Any thread.</summary>
    public void Attend() => _loop.Post(static monitor => ((HealthMonitor)monitor!).Look(), this);

    private void Look()
    {
        if (_stopped) return;
        var now = _loop.Now;
        if (_health.StepDue(now) <= now) _health.Step(now);
        var next = _health.StepDue(now);
        for (var i = 0; i < _servers.Length; i++)
        {
            if (_running[i] is not null) continue;
            var checkDue = _health.IsChecked(i) ? _nextCheck[i] : long.MaxValue;
            var due = Math.Min(checkDue, _health.ProbeDue(i, out var ask));
            if (due > now) next = Math.Min(next, due);
            else Begin(i, isCheck: _health.Settings.ChecksActively, ask);
        }
        if (next == long.MaxValue) _loop.ClearTimer(_timer);
        else _loop.SetTimer(_timer, next);
    }

    private void Begin(int server, bool isCheck, bool ask)
    {
        var settings = _health.Settings;
        var request = isCheck || ask ? HealthProbe.Request(settings.Path, settings.Host, _servers[server]) : null;
        HealthProbe? probe = null;
        probe = new(_loop, request, isCheck ? settings.Statuses : null, settings.Timeout, (well, why) =>
        {
            if (_running[server] != probe) return;
            _running[server] = null;
            if (!well) _logger.ProbeFailed(_servers[server], why);
            _nextCheck[server] = _loop.Now + ServerRecord.Jittered(settings.Interval, _loop.Random);
            _health.Probed(server, well, isCheck, answered: request is not null, _loop.Now, _loop.Random);
            Attend();                                               // not at once: the look that began this may still be going on
        });
        _running[server] = probe;
        _ = probe.RunAsync(_connections, _servers[server]);
    }

    private void Tell(ServerAddress server, ServerCondition condition, int failures)
    {
        if (condition is ServerCondition.Healthy or ServerCondition.SlowStart or ServerCondition.Trial)
        {
            _logger.ServerIsBack(server);
            return;
        }
        _logger.ServerIsOut(server, condition, failures);
        _dropIdle(server);                                          // they may be as broken as what it failed with
    }
}
