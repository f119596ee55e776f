using Microsoft.Extensions.Logging;

namespace Cmi.Simulation.World;

/// <summary>Listens for faults that the engine has caught in itself.</summary>
internal sealed class EngineLog(SimulatedWorld world) : ILogger<CmiEngine>
{
    private const string SessionFailed = nameof(SessionFailed);     // the name of the event

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (eventId.Name == SessionFailed) world.Violate("engine-fault", $"{formatter(state, exception)} {exception}");
    }
}
