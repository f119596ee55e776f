using Cmi.Engine;
using Cmi.Telemetry;
using Microsoft.Extensions.Options;

namespace Cmi;

// The settings that are in force, and how others take their place.
public sealed partial class CmiEngine
{
    private readonly Lock _changing = new();
    private readonly ServerGroups _groups;
    private volatile EngineConfiguration _configuration;
    private bool _ended;
    private long _changes, _refusedChanges;

    /// <summary>What the engine works by; a loop may be one turn behind.</summary>
    internal EngineConfiguration Configuration => _configuration;

    /// <summary>
    /// Goes on with other settings: servers, groups, routes, limits, timeouts, and the rules for requests and replies. If they have faults, nothing changes.
    /// </summary>
    /// <remarks>
    /// Requests that begin afterwards have the new settings; those that have begun keep their route, with its settings, and finish on the servers that
    /// they have. Requests that wait keep their places in the queue of their group and get its new servers. Limits that were lowered hold for everything
    /// that is granted from the return on; what is in flight beyond them ends in its own time. Idle connections to servers that are gone are closed. A wait
    /// of a client that has begun ends when it would have ended at the latest. Endpoints, the access log, and groups whose queue is not
    /// an <see cref="IAdjustableJobQueue"/>, stay as they are until the next start; the log says so.
    /// </remarks>
    /// <param name="options">The settings, all of them.</param>
    /// <exception cref="OptionsValidationException">The options have faults; it lists all of them.</exception>
    /// <exception cref="InvalidOperationException">The engine has stopped.</exception>
    /// <exception cref="Exception">The queue of a new group could not be made; nothing has changed.</exception>
    public void Apply(CmiOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (CmiSettings.Faults(options) is { Count: > 0 } faults)
        {
            Refuse(faults);
            throw new OptionsValidationException(Options.DefaultName, typeof(CmiOptions), faults);
        }
        lock (_changing)
        {
            if (_ended) throw new InvalidOperationException("The engine has stopped.");
            var removedBefore = _groups.Removed;
            var fixedGroups = new List<(string Name, Exception? Why)>();
            var configuration = new EngineConfiguration(options, _groups.Change(options, fixedGroups));
            _configuration = configuration;
            foreach (var state in _loops) state.Loop.Post(_ => state.Change(configuration), null);
            foreach (var group in removedBefore) DisposeUnlessUsed(group);
            foreach (var (group, why) in fixedGroups) Logger.GroupStays(group, why);
        }
        PauseOrResume();
        if (!EndpointsOf(options).SequenceEqual(_wanted)) Logger.SettingStays("Cmi:Endpoints");
        if (Telemetry.AccessLogDiffers(options.AccessLog)) Logger.SettingStays("Cmi:AccessLog");
        Interlocked.Increment(ref _changes);
        Logger.SettingsChanged(_configuration.Routes.Count, _configuration.Groups.Count, _configuration.Groups.Sum(group => group.Group.Servers.Count));
    }

    internal long Changes => Volatile.Read(ref _changes);
    internal long RefusedChanges => Volatile.Read(ref _refusedChanges);

    /// <summary>Whether nothing can change any more.</summary>
    internal bool HasStopped => Volatile.Read(ref _ended);

    /// <summary>Says that settings were offered that cannot be taken; those that are in force stay.</summary>
    internal void Refuse(IEnumerable<string> faults)
    {
        Interlocked.Increment(ref _refusedChanges);
        Logger.SettingsRefused(string.Join(' ', faults));
    }

    private static ListenAddress[] EndpointsOf(CmiOptions options) =>
    [
        .. options.Endpoints.Select(url =>
            ListenAddress.TryParse(url, out var at, out var fault) ? at : throw new ArgumentException($"The endpoint '{url}' {fault}.", nameof(options))),
    ];

    // The loops are asked one turn after the change at the earliest, so that no request begins with the group behind the question. What is in use is asked
    // about again at the next change: the groups that wait for their end are at most those of the changes between two of them, and end with the engine.
    private void DisposeUnlessUsed(ActiveGroup group)
    {
        var (open, used) = (_loops.Length, 0);
        foreach (var state in _loops)
        {
            state.Loop.Post(_ =>
            {
                if (state.Uses(group.Queue)) Interlocked.Increment(ref used);
                if (Interlocked.Decrement(ref open) == 0 && Volatile.Read(ref used) == 0) _ = DisposeAsync(group);
            }, null);
        }
    }

    private async Task DisposeAsync(ActiveGroup group)
    {
        lock (_changing)
        {
            if (_ended || !_groups.Forget(group)) return;
        }
        group.Care.StopWatching();
        try
        {
            await group.Queue.DisposeAsync();
        }
        catch (Exception e)
        {
            Logger.JobQueueFailed(e);
        }
    }

    private IReadOnlyList<IJobQueue> EndChanges()
    {
        lock (_changing)
        {
            _ended = true;
            return [.. _groups.Queues];
        }
    }
}
