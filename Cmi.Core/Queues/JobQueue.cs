namespace Cmi.Queues;

/// <summary>stub</summary>
/// <param name="group">Group.</param>
/// <param name="capacity">The most tickets that wait.</param>
public sealed class JobQueue(ServerGroup group, int capacity = JobQueue.DefaultCapacity) : IJobQueue
{
    /// <summary>The default of the most tickets that wait.</summary>
    public const int DefaultCapacity = 10_000;
    /// <inheritdoc/>
    public int Waiting => throw null!;
    /// <inheritdoc/>
    public ValueTask<JobGrant?> AcquireAsync(JobTicket ticket, CancellationToken withdrawn) => throw null!;
    /// <inheritdoc/>
    public void Complete(JobGrant grant, GrantOutcome outcome) => throw null!;
    /// <inheritdoc/>
    public ValueTask DisposeAsync() => throw null!;
    /// <inheritdoc/>
    public ValueTask<bool> RenewAsync(JobGrant grant, CancellationToken cancellationToken) => throw null!;
    /// <inheritdoc/>
    public bool TryAcquire(JobTicket ticket, out JobGrant grant) => throw null!;
}
