using System.Runtime.InteropServices;
using Microsoft.Extensions.Hosting;

namespace Cmi.Samples.Gateway;

/// <summary>
/// SIGTERM and Ctrl-C: the first drains, the second cuts what is left, a third has the effect that the system gives it. The console lifetime of .NET
/// takes the first only. <para>Threading: any thread.</para>
/// </summary>
internal sealed class StopSignals : IHostLifetime, IDisposable
{
    private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _second = new();
    private readonly PosixSignalRegistration[] _registrations;
    private int _count;

    internal StopSignals() => _registrations =
        [PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal), PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal)];

    /// <summary>Completes with the first signal.</summary>
    internal Task First => _first.Task;

    /// <summary>Cancelled by the second signal.</summary>
    internal CancellationToken Second => _second.Token;

    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        foreach (var registration in _registrations) registration.Dispose();
        _second.Dispose();
    }

    private void OnSignal(PosixSignalContext context)
    {
        switch (Interlocked.Increment(ref _count))
        {
            case 1:
                context.Cancel = true;
                _first.TrySetResult();
                break;
            case 2:
                context.Cancel = true;
                _second.Cancel();
                break;
        }
    }
}
