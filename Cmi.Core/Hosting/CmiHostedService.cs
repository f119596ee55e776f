using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Cmi.Hosting;

/// <summary>
/// Starts the engine with the host, and drains it when the host stops. The engine is asked for at the start only: a host makes its services before it
/// checks the options, and a fault must be told as such. <para>Threading: the host's; one call at a time.</para>
/// </summary>
internal sealed class CmiHostedService(IServiceProvider services) : IHostedService
{
    private CmiEngine? _engine;                                     // null: not running

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var engine = services.GetRequiredService<CmiEngine>();
        await engine.StartAsync(cancellationToken);
        _engine = engine;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_engine is not { } engine) return;
        _engine = null;
        await engine.StopAsync(cancellationToken);
    }
}
