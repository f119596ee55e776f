using Cmi.Simulation.Plans;

namespace Cmi.Simulation.Judging;

/// <summary>A rule that did not hold.</summary>
/// <param name="Rule">Its name.</param>
/// <param name="Text">What happened.</param>
/// <param name="Scenario">Where.</param>
/// <param name="At">When, in milliseconds.</param>
internal sealed record Violation(string Rule, string Text, Scenario Scenario, long At);
