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

    /// <summary>The cells that cannot hold anything, of the rows that there are.</summary>
    public static IEnumerable<(Fault Fault, Phase Phase, Outcome Outcome, string Why)> RuledOut =>
        from row in Rows
        from outcome in Outcomes
        let why = Impossible.Reason(row.Fault, row.Phase, outcome)
        where why is not null
        select (row.Fault, row.Phase, outcome, why!);

    /// <summary>The cells that could hold something and do not.</summary>
    public IEnumerable<(Fault Fault, Phase Phase, Outcome Outcome)> Empty =>
        from row in Rows
        from outcome in Outcomes
        where Impossible.Reason(row.Fault, row.Phase, outcome) is null && this[row.Fault, row.Phase, outcome] == 0
        select (row.Fault, row.Phase, outcome);

    private static IEnumerable<(Fault Fault, Phase Phase)> Rows =>
        from fault in Enum.GetValues<Fault>()
        from phase in Enum.GetValues<Phase>()
        where fault != Fault.None && Impossible.Reason(fault, phase) is null
        select (fault, phase);

    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append("| fault | phase |");
        foreach (var outcome in Outcomes) text.Append(CultureInfo.InvariantCulture, $" {outcome} |");
        text.Append("\n|---|---|").Insert(text.Length, "--:|", Outcomes.Length).Append('\n');
        foreach (var (fault, phase) in Rows)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {fault} | {phase} |");
            foreach (var outcome in Outcomes)
            {
                if (Impossible.Reason(fault, phase, outcome) is null) text.Append(CultureInfo.InvariantCulture, $" {this[fault, phase, outcome]} |");
                else text.Append(" – |");
            }
            text.Append('\n');
        }
        return text.ToString();
    }
}
