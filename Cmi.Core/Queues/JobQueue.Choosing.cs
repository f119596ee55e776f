using System.Buffers;

namespace Cmi.Queues;

// Which server a ticket gets; used with and without the lock.
public sealed partial class JobQueue
{
    private const int MaxOnStack = 128;                            // servers; 1.5 KiB of candidates

    private bool TryTake(in JobTicket ticket, out JobGrant grant)
    {
        var group = _group;
        if (ticket.Avoid.Count == 0) return TryTake(ticket, group, group.Availability.Now.Usable, out grant);
        var rented = group.Servers.Length > MaxOnStack ? ArrayPool<int>.Shared.Rent(group.Servers.Length) : null;
        var usable = rented ?? stackalloc int[group.Servers.Length];
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
            var available = group.Availability.Now;
            for (; ; )                                             // again only when another thread took the chosen server's last slot in between
            {
                var count = 0;
                foreach (var server in usable)
                {
                    if (group.HasSlot(server, available, out var inFlight, out var limit)) candidates[count++] = new(server, inFlight, limit);
                }
                if (count == 0) break;
                if (available.Shares is not null) count = ThinOut(group.Availability, available, candidates[..count]);
                var choice = group.Selector.Select(candidates[..count], ticket);
                if ((uint)choice >= (uint)count)
                    throw new InvalidOperationException($"The server selector {group.Selector.GetType()} chose {choice} of {count} candidates.");
                var chosen = group.Servers[candidates[choice].Index];
                if (!chosen.InFlight.TryTake(available.MostOf(candidates[choice].Index))) continue;
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

    /// <summary>Leaves out servers that start slowly, as often as their share says; all stay if none would be left.</summary>
    private static int ThinOut(ServerAvailability availability, ServerAvailability.Snapshot available, Span<ServerLoad> candidates)
    {
        var count = 0;
        for (var i = 0; i < candidates.Length; i++)
        {
            // Swapped, not overwritten, so that nothing is lost if all would go; those that stay keep their order.
            if (availability.TakesPart(available, candidates[i].Index)) (candidates[count], candidates[i]) = (candidates[i], candidates[count++]);
        }
        return count > 0 ? count : candidates.Length;
    }
}
