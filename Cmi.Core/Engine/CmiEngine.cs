using Microsoft.Extensions.Logging;

namespace Cmi;

/// <summary>stub</summary>
public sealed class CmiEngine : IAsyncDisposable
{
    /// <summary>stub</summary>
    /// <param name="options">Settings, checked already.</param>
    /// <param name="connections">The transport; the engine does not dispose it.</param>
    /// <param name="buffers">The store; the engine does not dispose it.</param>
    /// <param name="queue">Makes the queue of a server group, which the engine disposes; by default a <see cref="Queues.JobQueue"/>.</param>
    /// <param name="logger">The log.</param>
    public CmiEngine(CmiOptions options, IConnectionManager connections, IBufferStore buffers, Func<ServerGroup, IJobQueue>? queue = null, ILogger<CmiEngine>? logger = null) => throw null!;

    /// <summary>Where clients connect, with the ports that were picked; empty before the start.</summary>
    public IReadOnlyList<ListenAddress> Endpoints => throw null!;

    /// <summary>Begins to listen. If one endpoint cannot be had, none is kept.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="IOException">An address is in use, or not of this machine.</exception>
    public Task StartAsync(CancellationToken cancellationToken = default) => throw null!;

    /// <summary>Stops accepting, lets requests whose head has arrived finish for <see cref="TimeoutOptions.Drain"/>, then cuts what is left.</summary>
    /// <param name="cancellationToken">Cuts at once.</param>
    public Task StopAsync(CancellationToken cancellationToken = default) => throw null!;

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => throw null!;
}
