namespace Cmi.Queues;

// The line of those who wait. Everything here but Tell, Register and Withdraw runs under the lock.
public sealed partial class JobQueue
{
    /// <summary>Gives free slots to those who wait, as far as they go.</summary>
    /// <returns>Those who are to be told, linked by <see cref="WaitingTicket.Next"/>, in order.</returns>
    private WaitingTicket? Serve()
    {
        WaitingTicket? first = null, last = null;
        while (_waiting > 0 && OldestServable() is { } waiter)
        {
            try
            {
                // A slot that was free a moment ago may be gone, to a TryAcquire that began before anyone waited: then look again.
                if (!TryTake(waiter.Ticket, _group, waiter.Lane.Servers, out var grant)) continue;
                waiter.Grant = grant;
            }
            catch (Exception fault)
            {
                waiter.Fault = fault;                              // whoever asked hears of it, not whoever gave the slot back
            }
            Decide(waiter);
            DropIfEmpty(waiter.Lane);
            if (last is null) first = waiter;
            else last.Next = waiter;
            last = waiter;
        }
        return first;
    }

    private WaitingTicket? OldestServable()
    {
        WaitingTicket? oldest = null;
        foreach (var lane in _lanes)
        {
            if (lane.First is { } head && (oldest is null || head.Number < oldest.Number) && HasSlot(lane)) oldest = head;
        }
        return oldest;
    }

    private bool HasSlot(Lane lane)
    {
        var available = _group.Availability.Now;
        foreach (var server in lane.Servers)
        {
            if (_group.HasSlot(server, available, out _, out _)) return true;
        }
        return false;
    }

    private Lane LaneOf(ServerSet avoid)
    {
        foreach (var lane in _lanes)
        {
            if (lane.Avoid == avoid) return lane;
        }
        var made = new Lane(avoid, UsableWithout(avoid));
        _lanes.Add(made);
        return made;
    }

    private int[] UsableWithout(ServerSet avoid)
    {
        var usable = new int[_group.Servers.Length];
        return usable[.._group.Usable(avoid, usable)];
    }

    // A server has gone out or come back. Whoever asks without the lock reads the availability itself.
    private void AvailabilityChanged(object? sender, EventArgs e)
    {
        WaitingTicket? decided;
        lock (_gate)
        {
            foreach (var lane in _lanes) lane.Servers = UsableWithout(lane.Avoid);
            decided = Serve();
        }
        Tell(decided);
    }

    /// <summary>Takes a ticket out of the line for good. Its outcome is set before, and told after the lock was left.</summary>
    private void Decide(WaitingTicket waiter)
    {
        waiter.Decided = true;
        waiter.Lane.Remove(waiter);
        Interlocked.Decrement(ref _waiting);
    }

    private void DropIfEmpty(Lane lane)
    {
        if (lane.First is null && lane != _unchoosy) _lanes.Remove(lane);
    }

    private static void Tell(WaitingTicket? decided)
    {
        while (decided is not null)
        {
            var next = decided.Next;
            decided.Next = null;
            decided.Tell();
            decided = next;
        }
    }

    private void Register(WaitingTicket waiter, CancellationToken withdrawn)
    {
        // Outside the lock, since a token that is cancelled by now calls back at once.
        var registration = withdrawn.UnsafeRegister(static state => ((WaitingTicket)state!).Queue.Withdraw((WaitingTicket)state), waiter);
        lock (_gate)
        {
            if (!waiter.Decided)
            {
                waiter.Registration = registration;
                return;
            }
        }
        registration.Unregister();
    }

    private void Withdraw(WaitingTicket waiter)
    {
        lock (_gate)
        {
            if (waiter.Decided) return;                            // a grant was first: it is on its way to the one who asked
            Decide(waiter);
            DropIfEmpty(waiter.Lane);
        }
        waiter.Tell();
    }
}
