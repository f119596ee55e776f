using Cmi.Servers;
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
    private readonly Action<ServerAddress> _dropIdle, _reclaim;
    private readonly Func<ServerAddress, ConnectionSlots> _slotsOf;
    private readonly LoopTimer _timer;
    private readonly HashSet<HealthProbe> _probes = [];
    private bool _runs;

    /// <summary>Makes a monitor; it does nothing before <see cref="Start"/>.</summary>
    /// <param name="health">What it tells what it sees.</param>
    /// <param name="connections">The transport.</param>
    /// <param name="slotsOf">The bound on connections to a server: those of probes count too.</param>
    /// <param name="reclaim">Closes idle connections to a server that others wait for; called on its loop.</param>
    /// <param name="loop">Where it lives.</param>
    /// <param name="logger">The log.</param>
    /// <param name="dropIdle">Closes the idle connections to a server; called on any thread.</param>
    public HealthMonitor(GroupHealth health, IConnectionManager connections, Func<ServerAddress, ConnectionSlots> slotsOf, Action<ServerAddress> reclaim, ILoop loop, ILogger logger, Action<ServerAddress> dropIdle)
    {
        (_health, _connections, _slotsOf, _reclaim, _loop, _logger, _dropIdle) = (health, connections, slotsOf, reclaim, loop, logger, dropIdle);
        _timer = new(static monitor => ((HealthMonitor)monitor!).Look(), this);
        health.Attend = Attend;
        health.ConditionChanged = Tell;
    }

    /// <summary>Begins to look.</summary>
    public void Start()
    {
        _runs = true;
        _health.SetClock(_loop.Time, _loop.Now);
        Look();
    }

    /// <summary>Looks no more, and lets go of everything.</summary>
    public void Stop()
    {
        _runs = false;
        _loop.ClearTimer(_timer);
        foreach (var probe in _probes) probe.Dispose();
        _probes.Clear();
    }

    /// <summary>Something has changed. Any thread.</summary>
    public void Attend() => _loop.Post(static monitor => ((HealthMonitor)monitor!).Look(), this);

    private void Look()
    {
        if (!_runs) return;
        var now = _loop.Now;
        if (_health.StepDue(now) <= now) _health.Step(now);
        var next = _health.StepDue(now);
        foreach (var member in _health.Members)
        {
            if (member.Probe is not null) continue;
            // Spread over the first interval, so that many servers, or many gateways, are not asked in step.
            if (member.NextCheck < 0) member.NextCheck = now + _loop.Random.NextInt64(_health.Settings.Interval);
            var checkDue = _health.IsChecked(member) ? member.NextCheck : long.MaxValue;
            var due = Math.Min(checkDue, _health.ProbeDue(member, out var ask));
            if (due > now) next = Math.Min(next, due);
            else Begin(member, isCheck: _health.Settings.ChecksActively, ask);
        }
        if (next == long.MaxValue) _loop.ClearTimer(_timer);
        else _loop.SetTimer(_timer, next);
    }

    private void Begin(GroupMember member, bool isCheck, bool ask)
    {
        var settings = _health.Settings;
        var request = isCheck || ask ? HealthProbe.Request(settings.Path, settings.Host, member.Address) : null;
        HealthProbe? probe = null;
        probe = new(_loop, request, isCheck ? settings.Statuses : null, settings.Timeout, (well, why) =>
        {
            _probes.Remove(probe!);
            member.Probe = null;
            if (!well) _logger.ProbeFailed(member.Address, why);
            member.NextCheck = _loop.Now + ServerRecord.Jittered(settings.Interval, _loop.Random);
            _health.Probed(member, well, isCheck, answered: request is not null, _loop.Now, _loop.Random);
            Attend();                                               // not at once: the look that began this may still be going on
        });
        member.Probe = probe;
        _probes.Add(probe);
        _ = probe.RunAsync(_connections, member.Address, _slotsOf, _reclaim);
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
