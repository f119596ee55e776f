using System.Buffers;

namespace Cmi.Queues;

// Which server a ticket gets; used with and without the lock.
public sealed partial class JobQueue
{
    private const int MaxOnStack = 128;                            // servers; 1.5 KiB of candidates

    private bool TryTake(in JobTicket ticket, out JobGrant grant)
    {
        if (ticket.Avoid.Count == 0) return TryTake(ticket, _availability.Now.Usable, out grant);
        var rented = _servers.Length > MaxOnStack ? ArrayPool<int>.Shared.Rent(_servers.Length) : null;
        var usable = rented ?? stackalloc int[_servers.Length];
        try
        {
            return TryTake(ticket, usable[..Usable(ticket.Avoid, usable)], out grant);
        }
        finally
        {
            if (rented is not null) ArrayPool<int>.Shared.Return(rented);
        }
    }

    private bool TryTake(in JobTicket ticket, ReadOnlySpan<int> usable, out JobGrant grant)
    {
        var rented = usable.Length > MaxOnStack ? ArrayPool<ServerLoad>.Shared.Rent(usable.Length) : null;
        var candidates = rented ?? stackalloc ServerLoad[usable.Length];
        try
        {
            var available = _availability.Now;
            for (; ; )                                             // again only when another thread took the chosen server's last slot in between
            {
                var count = 0;
                foreach (var server in usable)
                {
                    var (inFlight, limit) = (_inFlight[server].Count, available.LimitOf(server, _limit));
                    if (limit == 0 || inFlight < limit) candidates[count++] = new(server, inFlight, limit);
                }
                if (count == 0) break;
                if (available.Shares is not null) count = ThinOut(candidates[..count], available);
                var choice = _selector.Select(candidates[..count], ticket);
                if ((uint)choice >= (uint)count)
                    throw new InvalidOperationException($"The server selector {_selector.GetType()} chose {choice} of {count} candidates.");
                var chosen = candidates[choice].Index;
                if (!_inFlight[chosen].TryTake(available.LimitOf(chosen, _limit))) continue;
                grant = new(_servers[chosen], _leases.Rent(chosen), long.MaxValue);
                return true;
            }
        }
        finally
        {
            if (rented is not null) ArrayPool<ServerLoad>.Shared.Return(rented);
        }
        grant = default;
        return false;
    }

    /// <summary>Leaves out servers that start slowly, as often as their share says; all stay if none would be left.</summary>
    private int ThinOut(Span<ServerLoad> candidates, ServerAvailability.Snapshot available)
    {
        var count = 0;
        for (var i = 0; i < candidates.Length; i++)
        {
            // Swapped, not overwritten, so that nothing is lost if all would go; those that stay keep their order.
            if (_availability.TakesPart(available, candidates[i].Index)) (candidates[count], candidates[i]) = (candidates[i], candidates[count++]);
        }
        return count > 0 ? count : candidates.Length;
    }

    /// <summary>Lists the usable servers that are not to be avoided, or all usable ones if none would be left.</summary>
    private int Usable(ServerSet avoid, Span<int> into)
    {
        var usable = _availability.Now.Usable;
        var count = 0;
        foreach (var server in usable)
        {
            if (!avoid.Contains(_servers[server])) into[count++] = server;
        }
        if (count > 0) return count;
        usable.CopyTo(into);
        return usable.Length;
    }
}
