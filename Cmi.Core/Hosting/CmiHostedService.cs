using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Cmi.Hosting;

/// <summary>
/// Exercises and starts the engine with the host, and drains it when the host stops. The engine is asked for at the start only: a host makes its services before it
/// checks the options, and a fault must be told as such. While it runs, settings that change are taken over. <para>Threading: the host's; one call at a time.</para>
/// </summary>
internal sealed class CmiHostedService(IServiceProvider services) : IHostedService, IDisposable
{
    private SettingsWatcher? _watcher;
    private CmiEngine? _engine;                                     // null: not running

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var engine = services.GetRequiredService<CmiEngine>();
        if (services.GetRequiredService<IOptions<CmiOptions>>().Value.SelfExercise)
            await SelfExercise.RunOnceAsync(engine.Connections, engine.Buffers, engine.Logger, cancellationToken);
        await engine.StartAsync(cancellationToken);
        _engine = engine;
        _watcher = new(engine, services.GetServices<CmiConfiguration>(), services.GetRequiredService<IOptionsFactory<CmiOptions>>(),
            services.GetService<TimeProvider>() ?? TimeProvider.System);
    }

    public void Dispose() => _watcher?.Dispose();

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_engine is not { } engine) return;
        _engine = null;
        _watcher?.Dispose();
        await engine.StopAsync(cancellationToken);
    }
}
