using System.Globalization;
using System.Text;
using Cmi.Simulation.Plans;

namespace Cmi.Simulation.Judging;

/// <summary>Counts what became of requests, by fault and by where it struck.</summary>
internal sealed class OutcomeTable
{
    private static readonly Outcome[] Outcomes = Enum.GetValues<Outcome>();
    private readonly long[,,] _counts = new long[Enum.GetValues<Fault>().Length, Enum.GetValues<Phase>().Length, Outcomes.Length];

    /// <summary>Counts one.</summary>
    public void Count(Fault fault, Phase phase, Outcome outcome) => _counts[(int)fault, (int)phase, (int)outcome]++;

    /// <summary>How often.</summary>
    public long this[Fault fault, Phase phase, Outcome outcome] => _counts[(int)fault, (int)phase, (int)outcome];

    /// <summary>How often a fault struck in a phase.</summary>
    public long Total(Fault fault, Phase phase) => Outcomes.Sum(outcome => this[fault, phase, outcome]);

    /// <summary>The faults and phases that can meet and have not.</summary>
    public IEnumerable<(Fault Fault, Phase Phase)> Empty =>
        from fault in Enum.GetValues<Fault>()
        from phase in Enum.GetValues<Phase>()
        where fault != Fault.None && Impossible.Reason(fault, phase) is null && Total(fault, phase) == 0
        select (fault, phase);

    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append("| fault | phase |");
        foreach (var outcome in Outcomes) text.Append(CultureInfo.InvariantCulture, $" {outcome} |");
        text.Append("\n|---|---|").Insert(text.Length, "--:|", Outcomes.Length).Append('\n');
        foreach (var fault in Enum.GetValues<Fault>())
        {
            foreach (var phase in Enum.GetValues<Phase>())
            {
                if (fault == Fault.None || Impossible.Reason(fault, phase) is not null) continue;
                text.Append(CultureInfo.InvariantCulture, $"| {fault} | {phase} |");
                foreach (var outcome in Outcomes)
                {
                    if (Impossible.Reason(fault, phase, outcome) is null) text.Append(CultureInfo.InvariantCulture, $" {this[fault, phase, outcome]} |");
                    else text.Append(" – |");
                }
                text.Append('\n');
            }
        }
        return text.ToString();
    }
}
