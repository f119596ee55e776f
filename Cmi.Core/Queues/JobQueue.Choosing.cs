using System.Buffers;

namespace Cmi.Queues;

// Which server a ticket gets; used with and without the lock.
public sealed partial class JobQueue
{
    private const int MaxOnStack = 128;                            // servers; 1.5 KiB of candidates

    private bool TryTake(in JobTicket ticket, out JobGrant grant)
    {
        var group = _group;
        if (ticket.Avoid.Count == 0) return TryTake(ticket, group, group.All, out grant);
        var rented = group.All.Length > MaxOnStack ? ArrayPool<int>.Shared.Rent(group.All.Length) : null;
        var usable = rented ?? stackalloc int[group.All.Length];
        try
        {
            return TryTake(ticket, group, usable[..group.Usable(ticket.Avoid, usable)], out grant);
        }
        finally
        {
            if (rented is not null) ArrayPool<int>.Shared.Return(rented);
        }
    }

    private bool TryTake(in JobTicket ticket, QueuedServers group, ReadOnlySpan<int> usable, out JobGrant grant)
    {
        var rented = usable.Length > MaxOnStack ? ArrayPool<ServerLoad>.Shared.Rent(usable.Length) : null;
        var candidates = rented ?? stackalloc ServerLoad[usable.Length];
        try
        {
            for (; ; )                                             // again only when another thread took the chosen server's last slot in between
            {
                var count = 0;
                foreach (var server in usable)
                {
                    if (group.Servers[server].InFlight.HasSlot(out var inFlight, out var limit)) candidates[count++] = new(server, inFlight, limit);
                }
                if (count == 0) break;
                var choice = group.Selector.Select(candidates[..count], ticket);
                if ((uint)choice >= (uint)count)
                    throw new InvalidOperationException($"The server selector {group.Selector.GetType()} chose {choice} of {count} candidates.");
                var chosen = group.Servers[candidates[choice].Index];
                if (!chosen.InFlight.TryTake()) continue;
                grant = new(chosen.Address, _leases.Rent(chosen), long.MaxValue);
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
}
