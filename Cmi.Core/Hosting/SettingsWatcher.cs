using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace Cmi.Hosting;

/// <summary>
/// Has the engine go on with other settings when a configuration changes that <c>AddCmi</c> was given. Files are often written in several steps, and each of
/// them is told: the settings are read when nothing was told for a moment. What has faults is refused whole; the next change is looked at anew.
/// <para>Threading: any thread.</para>
/// </summary>
internal sealed class SettingsWatcher : IDisposable
{
    /// <summary>How long nothing may be told before the settings are read.</summary>
    internal static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(250);

    private readonly CmiEngine _engine;
    private readonly IOptionsFactory<CmiOptions> _factory;
    private readonly Lock _reading = new();
    private readonly ITimer _timer;
    private readonly IDisposable[] _watched;

    /// <summary>Begins to watch.</summary>
    /// <param name="engine">The engine.</param>
    /// <param name="configurations">What may change.</param>
    /// <param name="factory">Makes the options as at the start: from all configurations and code, checked.</param>
    /// <param name="time">What "a moment" is measured by.</param>
    internal SettingsWatcher(CmiEngine engine, IEnumerable<CmiConfiguration> configurations, IOptionsFactory<CmiOptions> factory, TimeProvider time)
    {
        (_engine, _factory) = (engine, factory);
        _timer = time.CreateTimer(static watcher => ((SettingsWatcher)watcher!).Read(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _watched = [.. configurations.Select(one => ChangeToken.OnChange(one.GetReloadToken, () => _timer.Change(Quiet, Timeout.InfiniteTimeSpan)))];
    }

    public void Dispose()
    {
        foreach (var watched in _watched) watched.Dispose();
        _timer.Dispose();
    }

    private void Read()
    {
        lock (_reading)
        {
            CmiOptions options;
            try
            {
                options = _factory.Create(Options.DefaultName);
            }
            catch (OptionsValidationException e)
            {
                _engine.Refuse(e.Failures);
                return;
            }
            catch (Exception e)                                     // code that configures the options, which now reads something else
            {
                _engine.Refuse([e.Message]);
                return;
            }
            Apply(options);
        }
    }

    private void Apply(CmiOptions options)
    {
        try
        {
            _engine.Apply(options);
        }
        catch (OptionsValidationException)
        {
            // The engine has told and counted it.
        }
        catch (InvalidOperationException) when (_engine.HasStopped)
        {
            // The settings are those of the next start.
        }
        catch (Exception e)                                         // a queue of one's own that cannot be made
        {
            _engine.Refuse([e.Message]);
        }
    }
}
