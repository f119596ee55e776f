namespace Cmi.Tests.Harness;

/// <summary>A queue in the hands of a test: it answers when the test says so, or throws.</summary>
internal sealed class ScriptedQueue(ServerGroup group) : IJobQueue
{
    private readonly List<(JobTicket Ticket, TaskCompletionSource<JobGrant?> Answer, CancellationToken Withdrawn)> _asked = [];
    private long _lastLease;

    /// <summary>What TryAcquire does besides saying no.</summary>
    public Action? OnTry { get; set; }

    /// <summary>What AcquireAsync does before it waits.</summary>
    public Action? OnAcquire { get; set; }

    public IReadOnlyList<JobTicket> Tickets => [.. _asked.Select(asked => asked.Ticket)];

    /// <summary>How every grant ended, in order.</summary>
    public List<(long Lease, GrantOutcome Outcome)> Completed { get; } = [];

    public int Waiting => _asked.Count(asked => !asked.Answer.Task.IsCompleted && !asked.Withdrawn.IsCancellationRequested);

    public bool IsWithdrawn(int ticket) => _asked[ticket].Withdrawn.IsCancellationRequested;

    /// <summary>Grants what was asked for, whether or not it was withdrawn.</summary>
    public long Grant(int ticket, int server = 1)
    {
        _asked[ticket].Answer.SetResult(new JobGrant(group.Servers[server - 1], ++_lastLease, long.MaxValue));
        return _lastLease;
    }

    public void Refuse(int ticket) => _asked[ticket].Answer.SetResult(null);

    public void Fail(int ticket) => _asked[ticket].Answer.SetException(new IOException("The test wants the queue to fail."));

    public bool TryAcquire(JobTicket ticket, out JobGrant grant)
    {
        grant = default;
        OnTry?.Invoke();
        return false;
    }

    public ValueTask<JobGrant?> AcquireAsync(JobTicket ticket, CancellationToken withdrawn)
    {
        OnAcquire?.Invoke();
        var answer = new TaskCompletionSource<JobGrant?>(TaskCreationOptions.RunContinuationsAsynchronously);
        _asked.Add((ticket, answer, withdrawn));
        return new(answer.Task);
    }

    public ValueTask<bool> RenewAsync(JobGrant grant, CancellationToken cancellationToken) => new(true);

    public void Complete(JobGrant grant, GrantOutcome outcome) => Completed.Add((grant.Lease, outcome));

    public ValueTask DisposeAsync() => default;
}
