using Cmi.Simulation.Judging;
using Cmi.Simulation.Plans;

namespace Cmi.Simulation;

/// <summary>Makes a scenario that fails smaller, as long as the same rule fails: fewer clients, requests, outages, faults.</summary>
internal static class Shrinker
{
    private const int MostTries = 600, SmallReply = 40;            // bytes
    private const long MostRequests = 300_000;                      // of all tries together: about half a minute

    /// <summary>Gives the smallest that was found.</summary>
    public static Violation Shrink(Violation found, SimulationOptions options)
    {
        var (best, tries, requests) = (found, 0, 0L);
        for (var goesOn = true; goesOn && tries < MostTries && requests < MostRequests;)
        {
            goesOn = false;
            foreach (var candidate in Smaller(best.Scenario))
            {
                requests += candidate.Requests;
                if (++tries > MostTries || requests > MostRequests) break;
                if (Simulator.RunOne(candidate, new(), options).Found is not { } still || still.Rule != found.Rule) continue;
                (best, goesOn) = (still, true);
                break;
            }
        }
        return best;
    }

    private static IEnumerable<Scenario> Smaller(Scenario old)
    {
        for (var size = old.Clients.Count / 2; size > 0; size /= 2)
        {
            for (var at = 0; at < old.Clients.Count; at += size)
                yield return old with { Clients = [.. old.Clients.Where((_, index) => index < at || index >= at + size)] };
        }
        if (old.Clients.Count > 20) yield break;                   // clients first: they are what costs time
        for (var i = 0; i < old.Clients.Count; i++)
        {
            foreach (var client in Smaller(old.Clients[i])) yield return old with { Clients = [.. old.Clients.Select((other, index) => index == i ? client : other)] };
        }
        for (var i = 0; i < old.Servers.Count; i++)
        {
            if (old.Servers.Count > 1) yield return old with { Servers = [.. old.Servers.Where((_, index) => index != i)] };
            if (old.Servers[i].Outages.Count > 0) yield return old with { Servers = [.. old.Servers.Select((server, index) => index == i ? server with { Outages = [] } : server)] };
        }
        var plain = new Terms();
        if (old.Terms.Loops > 1) yield return old with { Terms = old.Terms with { Loops = 1 } };
        if (old.Terms.StoreDelays > 0) yield return old with { Terms = old.Terms with { StoreDelays = 0 } };
        if (old.Terms.StoreFailures > 0) yield return old with { Terms = old.Terms with { StoreFailures = 0 } };
        if (old.Terms.Tiers is not [{ Medium: Medium.Ram, Bytes: 64 << 20 }]) yield return old with { Terms = old.Terms with { Tiers = plain.Tiers } };
        for (var i = 0; i < old.Terms.Tiers.Count; i++)
        {
            if (old.Terms.Tiers.Count > 1) yield return old with { Terms = old.Terms with { Tiers = [.. old.Terms.Tiers.Where((_, index) => index != i)] } };
            for (var f = 0; f < old.Terms.Tiers[i].Faults.Count; f++)
                yield return old with { Terms = old.Terms with { Tiers = [.. old.Terms.Tiers.Select((tier, index) => index == i ? tier with { Faults = [.. tier.Faults.Where((_, at) => at != f)] } : tier)] } };
        }
        for (var i = 0; i < old.Terms.Swaps.Count; i++) yield return old with { Terms = old.Terms with { Swaps = [.. old.Terms.Swaps.Where((_, index) => index != i)] } };
        if (old.Terms.Capacity != plain.Capacity) yield return old with { Terms = old.Terms with { Capacity = plain.Capacity } };
        if (old.Terms.MaxReceive != plain.MaxReceive) yield return old with { Terms = old.Terms with { MaxReceive = plain.MaxReceive } };
        if (old.Terms.MaxSend != plain.MaxSend) yield return old with { Terms = old.Terms with { MaxSend = plain.MaxSend } };
        if (old.Terms.OneFragmentPerTurn) yield return old with { Terms = old.Terms with { OneFragmentPerTurn = false } };
        if (old.Terms.SendsLate) yield return old with { Terms = old.Terms with { SendsLate = false } };
        if (old.Terms.RandomFragments) yield return old with { Terms = old.Terms with { RandomFragments = false } };
        if (old.Terms.DrainAt > 0) yield return old with { Terms = old.Terms with { DrainAt = 0 } };
    }

    private static IEnumerable<ClientPlan> Smaller(ClientPlan old)
    {
        for (var i = 0; i < old.Requests.Count && old.Requests.Count > 1; i++)
        {
            var fault = i == old.FaultRequest ? old with { Fault = Fault.None } : old;
            yield return fault with
            {
                Requests = [.. old.Requests.Where((_, index) => index != i)],
                FaultRequest = i < old.FaultRequest ? old.FaultRequest - 1 : Math.Min(old.FaultRequest, old.Requests.Count - 2),
            };
        }
        if (old.Fault != Fault.None) yield return old with { Fault = Fault.None };
        if (old.ReadPiece > 0) yield return old with { ReadPiece = 0 };
        if (old.HalfCloses) yield return old with { HalfCloses = false };
        if (old.At > 0) yield return old with { At = 0 };
        for (var i = 0; i < old.Requests.Count; i++)
        {
            foreach (var request in Smaller(old.Requests[i])) yield return old with { Requests = [.. old.Requests.Select((other, index) => index == i ? request : other)] };
        }
    }

    private static IEnumerable<RequestPlan> Smaller(RequestPlan old)
    {
        if (old.Bytes > 2) yield return old with { Bytes = old.Bytes / 2 };
        if (old.Bytes > 0) yield return old with { Bytes = 0, Chunked = false, Expects = false };
        if (old.Pause > 0) yield return old with { Pause = 0 };
        if (old.Piece > 0) yield return old with { Piece = 0 };
        if (old.Replies.Count > 1) yield return old with { Replies = [.. old.Replies.Skip(1)] };
        // What servers have in common is made smaller in common.
        if (old.Replies.Any(reply => reply is { Version: > 0, Bytes: > SmallReply }))
            yield return old with { Replies = [.. old.Replies.Select(reply => reply.Version > 0 ? reply with { Bytes = (reply.Bytes + 1) / 2 } : reply)] };
        for (var i = 0; i < old.Replies.Count; i++)
        {
            foreach (var reply in Smaller(old.Replies[i])) yield return old with { Replies = [.. old.Replies.Select((other, index) => index == i ? reply : other)] };
        }
    }

    private static IEnumerable<ReplyPlan> Smaller(ReplyPlan old)
    {
        if (old.Fault != Fault.None) yield return old with { Fault = Fault.None };
        if (old is { Version: 0, Bytes: > SmallReply }) yield return old with { Bytes = old.Bytes / 2 };
        if (old.Delay > 0) yield return old with { Delay = 0 };
        if (old.Interims > 0) yield return old with { Interims = 0 };
        if (old.Trailers) yield return old with { Trailers = false };
        if (old.Piece > 0) yield return old with { Piece = 0 };
        if (old.SaysClose && old.Framing != ReplyFraming.UntilClose) yield return old with { SaysClose = false };
        if (old.IsOld) yield return old with { IsOld = false };
    }
}
