using Cmi.Simulation.Plans;

namespace Cmi.Simulation.Judging;

/// <summary>What cannot be, and why: the cells of the <see cref="OutcomeTable"/> that stay empty. A run in which one of them is met has failed.</summary>
internal static class Impossible
{
    private enum Side : byte
    {
        Client,
        Server,
        Gateway,
        Store,
    }

    /// <summary>Why a fault cannot strike in a phase.</summary>
    public static string? Reason(Fault fault, Phase phase)
    {
        if (!MayMeet(SideOf(fault), phase)) return "It is another side's phase.";
        if (fault is Fault.Refused or Fault.Ignored != (phase == Phase.Dialling)) return "Only a dial is refused or ignored, and there is no connection yet to which anything else could happen.";
        if (fault == Fault.EarlyReply && phase != Phase.SendingContent) return "A reply is early only while content is still to come.";
        if (fault is Fault.StoreFull or Fault.StoreShort && phase != Phase.Storing) return "Room is needed only for what comes.";
        if (fault == Fault.StoreCorrupts && phase != Phase.ReadingBack) return "What a drive has spoilt shows when it is read.";
        return phase == Phase.Idle && fault is Fault.Silent or Fault.Slow ? "Nothing is expected of a connection on which nothing was asked." : null;
    }

    /// <summary>Why a fault in a phase cannot lead to an outcome.</summary>
    public static string? Reason(Fault fault, Phase phase, Outcome outcome)
    {
        if (fault == Fault.StoreShort) return outcome == Outcome.Unfelt ? null : "A drive that takes less is asked again.";
        if (fault is Fault.ClientReset or Fault.ClientClosed or Fault.ClientSilent)
        {
            if (outcome == Outcome.Cut) return "Whoever has left sees no cut, and by whom the end of its connection came to one who fell silent is not asked.";
            if (phase == Phase.RequestHead && outcome == Outcome.Whole) return "No server is asked for what has no whole head.";
            if (phase == Phase.Waiting && outcome is Outcome.Whole or Outcome.Error) return "It takes no reply any more.";
        }
        if (SideOf(fault) != Side.Store && phase == Phase.Idle != (outcome == Outcome.Unfelt)) return "Whatever strikes between requests harms none, and nothing else does not.";
        return null;
    }

    private static bool MayMeet(Side side, Phase phase) => side switch
    {
        Side.Client or Side.Gateway => phase is <= Phase.InReply or Phase.Idle,
        Side.Server => phase is > Phase.InReply and <= Phase.Idle,
        _ => phase is Phase.Storing or Phase.ReadingBack,
    };

    private static Side SideOf(Fault fault) => fault switch
    {
        < Fault.ClientReset => Side.Server,
        < Fault.Drained => Side.Client,
        < Fault.StoreFull => Side.Gateway,
        _ => Side.Store,
    };
}
