using Cmi.Simulation.Plans;

namespace Cmi.Simulation.Judging;

/// <summary>What cannot be, and why: the cells of the <see cref="OutcomeTable"/> that stay empty.</summary>
internal static class Impossible
{
    /// <summary>Why a fault cannot strike in a phase.</summary>
    public static string? Reason(Fault fault, Phase phase)
    {
        var isClients = fault >= Fault.ClientReset;
        if (isClients != (phase <= Phase.InReply) && phase != Phase.Idle) return "It is the other side's phase.";
        if (fault is Fault.Refused or Fault.Ignored != (phase == Phase.Dialling)) return "Only a dial is refused or ignored, and there is no connection yet to which anything else could happen.";
        if (fault == Fault.EarlyReply && phase != Phase.SendingContent) return "A reply is early only while content is still to come.";
        return phase == Phase.Idle && fault is Fault.Silent or Fault.Slow ? "Nothing is expected of a connection on which nothing was asked." : null;
    }

    /// <summary>Why a fault in a phase cannot lead to an outcome.</summary>
    public static string? Reason(Fault fault, Phase phase, Outcome outcome)
    {
        if (phase == Phase.Idle != (outcome == Outcome.Unfelt)) return "Whatever strikes between requests harms none, and nothing else does not.";
        return null;
    }
}
