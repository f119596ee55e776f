using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Cmi.Tests.Harness;

/// <summary>Keeps what the engine and its stores log. <para>Threading: any thread, since stores have workers.</para></summary>
internal sealed class EngineTestLog : ILogger<CmiEngine>
{
    private const int SessionFailed = 2022;

    private readonly ConcurrentQueue<(int Id, string Text)> _entries = [];

    /// <summary>Faults of the engine itself, which it survived.</summary>
    public IEnumerable<string> EngineFaults => _entries.Where(entry => entry.Id == SessionFailed).Select(entry => entry.Text);

    /// <summary>How often something was logged.</summary>
    public int Count(int id) => _entries.Count(entry => entry.Id == id);

    public override string ToString() => string.Join("\n  ", _entries.Select(entry => $"{entry.Id} {entry.Text}"));

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Debug;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel)) _entries.Enqueue((eventId.Id, $"{formatter(state, exception)} {exception}"));
    }
}
