// Simulates exchanges with faults of every kind and says what it found.
//   dotnet run -c Release --project samples/Simulator -- --seed 17 --exchanges 100000
// Exit code 0: all rules held; 1: one did not; 2: the arguments cannot be read; 3: all held, but a run of 1,000,000 exchanges or more left a cell of the table empty.
using System.Diagnostics;
using System.Globalization;
using Cmi.Simulation;

const int ProgressMs = 5000;

var options = new SimulationOptions();
string? replay = null;
var namesImpossible = false;
for (var i = 0; i < args.Length; i++)
{
    var value = i + 1 < args.Length ? args[i + 1] : "";
    switch (args[i])
    {
        case "--seed" when int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var seed):
            options.Seed = seed;
            i++;
            break;
        case "--exchanges" when long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var exchanges) && exchanges > 0:
            options.Exchanges = exchanges;
            i++;
            break;
        case "--replay" when File.Exists(value):
            replay = File.ReadAllText(value);
            i++;
            break;
        case "--impossible":
            namesImpossible = true;
            break;
        case "--no-shrinking":
            options.Shrinks = false;
            break;
        default:
            Console.Error.WriteLine($"'{args[i]} {value}' cannot be read. Options: --seed N, --exchanges N, --replay FILE (a scenario that failed), --no-shrinking, --impossible (why cells of the table are).");
            return 2;
    }
}

var clock = Stopwatch.StartNew();
var told = 0L;
options.Progress = progress =>
{
    if (clock.ElapsedMilliseconds - told < ProgressMs) return;
    told = clock.ElapsedMilliseconds;
    Console.Error.WriteLine($"{progress.Exchanges:N0} exchanges in {progress.Runs:N0} runs, {progress.Exchanges * 1000 / told:N0}/s");
};
var report = replay is null ? Simulator.Run(options) : Simulator.Replay(replay, options);
var seconds = clock.Elapsed.TotalSeconds;

Console.WriteLine(report.Outcomes);
foreach (var cell in namesImpossible ? report.ImpossibleCells : []) Console.WriteLine($"impossible: {cell}");
foreach (var cell in report.EmptyCells) Console.WriteLine($"empty: {cell}");
Console.WriteLine($"seed {options.Seed}: {report.Exchanges:N0} exchanges in {report.Runs:N0} runs, {seconds:F1} s, {report.Exchanges / seconds:N0}/s; simulated time {report.SimulatedTime.TotalHours:N1} h; trace {report.Trace:x16}");
if (report.Failure is not { } failure)
{
    Console.WriteLine("All rules held.");
    if (!report.HasGaps) return 0;
    Console.WriteLine($"INCOMPLETE: {report.EmptyCells.Count} cells that could hold something are empty after {SimulationReport.ExchangesThatFillTheTable:N0} exchanges or more.");
    return 3;
}
Console.WriteLine($"VIOLATION of '{failure.Rule}' in the run with the seed {failure.Seed}: {failure.Text}");
if (options.Shrinks) Console.WriteLine($"The smallest scenario that still fails, for --replay:\n{failure.Scenario}");
return 1;
