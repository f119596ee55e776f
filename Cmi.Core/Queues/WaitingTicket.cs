namespace Cmi.Queues;

/// <summary>
/// A ticket that waits: the node of its lane's list and the promise of a grant in one object.
/// <para>
/// Waiting → Granted | Withdrawn. The change is made under the queue's lock, once; the promise is kept after the lock was left. Continuations never run
/// inside: a loop that awaits gets its continuation through its mailbox.
/// </para>
/// <para>Threading: the fields are guarded by the queue's lock.</para>
/// </summary>
internal sealed class WaitingTicket(JobQueue queue, JobTicket ticket, Lane lane, long number)
    : TaskCompletionSource<JobGrant?>(TaskCreationOptions.RunContinuationsAsynchronously)
{
    public readonly JobQueue Queue = queue;
    public readonly JobTicket Ticket = ticket;
    public readonly Lane Lane = lane;
    public readonly long Number = number;                          // in the order of asking, over all lanes

    public WaitingTicket? Previous;
    public WaitingTicket? Next;                                    // in the lane; after the decision: the next one to be told
    public bool Decided;
    public JobGrant? Grant;
    public Exception? Fault;                                       // the selector threw
    public CancellationTokenRegistration Registration;

    /// <summary>Tells the outcome; outside the lock.</summary>
    public void Tell()
    {
        Registration.Unregister();                                 // not Dispose, which would wait for a withdrawal that is waiting for the lock
        if (Fault is not null) SetException(Fault);
        else SetResult(Grant);
    }
}

/// <summary>
/// The waiting tickets that can use the same servers, first come first. One lane is for tickets that avoid nothing; others exist while tickets with
/// their set of servers wait. <para>Threading: guarded by the queue's lock.</para>
/// </summary>
/// <param name="avoid">What its tickets avoid.</param>
/// <param name="servers">The places, in the group, of the servers that its tickets can use.</param>
internal sealed class Lane(ServerSet avoid, int[] servers)
{
    public readonly ServerSet Avoid = avoid;
    public int[] Servers = servers;                                 // replaced when the group changes

    public WaitingTicket? First;
    private WaitingTicket? _last;

    public void Append(WaitingTicket waiter)
    {
        waiter.Previous = _last;
        if (_last is null) First = waiter;
        else _last.Next = waiter;
        _last = waiter;
    }

    public void Remove(WaitingTicket waiter)
    {
        if (waiter.Previous is null) First = waiter.Next;
        else waiter.Previous.Next = waiter.Next;
        if (waiter.Next is null) _last = waiter.Previous;
        else waiter.Next.Previous = waiter.Previous;
        waiter.Previous = waiter.Next = null;
    }
}
