namespace Cmi.Simulation.Judging;

/// <summary>The queue under simulation, with the oracle looking at all that passes.</summary>
internal sealed class ObservedQueue(IJobQueue inner, Ledger ledger) : IAdjustableJobQueue
{
    public int Waiting => inner.Waiting;

    public bool TryAcquire(JobTicket ticket, out JobGrant grant)
    {
        ledger.Asked(ticket);
        if (!inner.TryAcquire(ticket, out grant)) return false;
        ledger.Granted(ticket, grant);
        return true;
    }

    public ValueTask<JobGrant?> AcquireAsync(JobTicket ticket, CancellationToken withdrawn)
    {
        var asked = inner.AcquireAsync(ticket, withdrawn);
        ledger.Waits(ticket, inner.Waiting);
        return asked.IsCompletedSuccessfully ? new(Take(ticket, asked.Result, withdrawn)) : Await(ticket, asked, withdrawn);
    }

    public ValueTask<bool> RenewAsync(JobGrant grant, CancellationToken cancellationToken) => inner.RenewAsync(grant, cancellationToken);

    public void Complete(JobGrant grant, GrantOutcome outcome)
    {
        if (ledger.Completed(grant, outcome)) inner.Complete(grant, outcome);
    }

    // One that cannot be adjusted keeps its servers: the oracle has no rule by which it must know a change.
    public void Adjust(ServerGroup group) => (inner as IAdjustableJobQueue)?.Adjust(group);

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    private async ValueTask<JobGrant?> Await(JobTicket ticket, ValueTask<JobGrant?> asked, CancellationToken withdrawn)
    {
        // At once, and not when the queue's answer has come home: until then others may have gone on.
        await using var registration = withdrawn.UnsafeRegister(_ => ledger.Withdrawn(ticket), null);
        return Take(ticket, await asked, withdrawn);
    }

    private JobGrant? Take(JobTicket ticket, JobGrant? grant, CancellationToken withdrawn)
    {
        var wasWithdrawn = withdrawn.IsCancellationRequested;
        if (grant is { } given) ledger.Granted(ticket, given, isCrossed: wasWithdrawn);
        else if (!wasWithdrawn) ledger.Refused(ticket);
        return grant;
    }
}
