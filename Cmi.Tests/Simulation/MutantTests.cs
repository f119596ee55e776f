using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Cmi.Tests.Docs;

namespace Cmi.Tests.Simulation;

/// <summary>
/// The proof that the simulation can fail: for each mutant the engine is built from a copy of its sources and put under <c>samples/Simulator</c>, which must then
/// report the violation of a rule, with a few seeds and not by a crash.
/// </summary>
[Category("Slow")]
public sealed partial class MutantTests
{
    private const int Exchanges = 4000;

    // Of the first dozen: those before are of few, large runs, and meet less.
    private static readonly int[] Seeds = [8, 9, 10, 11, 12, 13];
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
    private static readonly string[] Shared = ["Directory.Build.props", "Directory.Build.targets", "Directory.Packages.props", "BannedSymbols.txt", ".editorconfig", "fast.runsettings", "global.json"];
    private readonly string _compiler = $"cmi-mutants-{Guid.NewGuid():n}";       // one that stays from build to build, and is these tests' own
    private readonly DirectoryInfo _sources = Directory.CreateTempSubdirectory("cmi-mutants-"), _program = Directory.CreateTempSubdirectory("cmi-mutants-");

    [OneTimeSetUp]
    public async Task SetUp()
    {
        foreach (var file in Shared) File.Copy(Path.Combine(Repository.Root, file), Path.Combine(_sources.FullName, file));
        Copy(Path.Combine(Repository.Root, "Cmi.Core"), Path.Combine(_sources.FullName, "Cmi.Core"), file => !file.Contains("/obj/", StringComparison.Ordinal) && !file.Contains("/bin/", StringComparison.Ordinal));
        var simulator = Path.Combine(Repository.Root, "samples", "Simulator", "bin", "Release", "net10.0");
        Assert.That(Directory.Exists(simulator), "samples/Simulator is built first: dotnet build -c Release");
        Copy(simulator, _program.FullName, _ => true);
        await BuildAsync();
    }

    [OneTimeTearDown]
    public async Task TearDown()
    {
        var (exitCode, tools) = await RunAsync("msbuild", Core, "-getProperty:RoslynTargetsPath");
        Assert.That(exitCode, Is.Zero, tools);
        await RunAsync(Path.Combine(tools.Trim(), "bincore", "VBCSCompiler.dll"), $"-pipename:{_compiler}", "-shutdown");
        _sources.Delete(recursive: true);
        _program.Delete(recursive: true);
    }

    [Test]
    public async Task Unchanged_PassesTheSameRuns()
    {
        await BuildAsync();
        foreach (var seed in Seeds)
        {
            var (exitCode, output) = await SimulateAsync(seed);
            Assert.That(exitCode, Is.Zero, output);
        }
    }

    [TestCaseSource(nameof(Names))]
    public async Task Mutant_IsCaughtByTheOracle(string name)
    {
        var (_, _, caughtBy, replacements) = Mutant.All.Single(mutant => mutant.Name == name);
        try
        {
            foreach (var place in replacements)
            {
                var path = Path.Combine(_sources.FullName, place.File);
                await File.WriteAllTextAsync(path, place.ApplyTo(await File.ReadAllTextAsync(path)));
            }
            await BuildAsync();
            foreach (var seed in Seeds)
            {
                var (exitCode, output) = await SimulateAsync(seed);
                if (exitCode == 0) continue;
                var rule = Violation().Match(output);
                TestContext.Out.WriteLine($"seed {seed}: {output[(rule.Success ? rule.Index : 0)..]}");
                Assert.That(caughtBy, Does.Contain(rule.Groups["rule"].Value), output);
                return;
            }
            Assert.Fail($"{Seeds.Length} seeds, and nothing was noticed.");
        }
        finally
        {
            // Written, not copied: a copy would keep its old time, and the next build would take what it has for up to date.
            foreach (var place in replacements) await File.WriteAllTextAsync(Path.Combine(_sources.FullName, place.File), await File.ReadAllTextAsync(Path.Combine(Repository.Root, place.File)));
        }
    }

    private string Core => Path.Combine(_sources.FullName, "Cmi.Core");

    private static IEnumerable<string> Names => Mutant.All.Select(mutant => mutant.Name);

    [GeneratedRegex(@"^VIOLATION of '(?<rule>[^']+)'", RegexOptions.Multiline, 1000)]
    private static partial Regex Violation();

    private static void Copy(string from, string to, Predicate<string> isWanted)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories).Where(file => isWanted(file)))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }

    private async Task BuildAsync()
    {
        var (exitCode, output) = await RunAsync("build", Core, "-c", "Release", "-v", "q", "-nologo", "-p:RunAnalyzers=false", "-p:TreatWarningsAsErrors=false", "-p:GenerateDocumentationFile=false",
            "-p:UseSharedCompilation=true", $"-p:SharedCompilationId={_compiler}");
        Assert.That(exitCode, Is.Zero, output);
        File.Copy(Path.Combine(Core, "bin", "Release", "net10.0", "Cmi.Core.dll"), Path.Combine(_program.FullName, "Cmi.Core.dll"), overwrite: true);
    }

    private Task<(int ExitCode, string Output)> SimulateAsync(int seed) =>
        RunAsync(Path.Combine(_program.FullName, "Simulator.dll"), "--seed", Text(seed), "--exchanges", Text(Exchanges), "--no-shrinking");

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static async Task<(int ExitCode, string Output)> RunAsync(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true, UseShellExecute = false })!;
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            var output = await process.StandardOutput.ReadToEndAsync(patience.Token);
            await process.WaitForExitAsync(patience.Token);
            return (process.ExitCode, output);
        }
        catch (OperationCanceledException e)
        {
            process.Kill(entireProcessTree: true);
            throw new AssertionException($"dotnet {string.Join(' ', arguments)} did not end within {Patience}.", e);
        }
    }
}
