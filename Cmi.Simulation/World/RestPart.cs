using System.Globalization;
using Cmi.Simulation.Judging;
using Cmi.Simulation.Plans;

namespace Cmi.Simulation.World;

/// <summary>What a server gives that was asked for the rest of a reply, in its own way.</summary>
/// <param name="First">The place of the first byte.</param>
/// <param name="Last">The place of the last byte.</param>
/// <param name="Total">The length of the whole.</param>
/// <param name="Version">Of which version.</param>
internal readonly record struct RestPart(int First, int Last, int Total, int Version)
{
    private const int Excess = 5;
    private const int NobodysVersion = 3;                           // no plan has it: with that of an earlier attempt it would be the rest of that one

    /// <summary>Decides what it gives.</summary>
    /// <param name="request">What is asked for.</param>
    /// <param name="attempt">The attempt.</param>
    /// <returns>None: a whole reply.</returns>
    public static RestPart? Of(RequestPlan request, Attempt attempt)
    {
        var plan = attempt.Plan;
        if (attempt.RestFrom is not { } from || plan.Version == 0 || from >= plan.Bytes) return null;
        var right = new RestPart(from, plan.Bytes - 1, plan.Bytes, plan.Version);
        return plan.ToRest switch
        {
            RestAnswer.Right when attempt.RestTag == Tag(request.Id, plan.Version) => right,
            RestAnswer.Elsewhere when plan.Bytes > 1 => right with { First = from > 0 ? from - 1 : 1 },
            RestAnswer.Longer => right with { Last = right.Last + Excess, Total = right.Total + Excess },
            RestAnswer.OtherVersion => right with { Version = NobodysVersion },
            _ => null,
        };
    }

    /// <summary>The strong ETag of a version.</summary>
    public static string Tag(int id, int version) => string.Create(CultureInfo.InvariantCulture, $"\"{id}.{version}\"");
}
