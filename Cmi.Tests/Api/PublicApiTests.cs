using System.Reflection;
using Cmi.Buffers;
using Cmi.Simulation;
using Cmi.Sockets;
using Cmi.Testing;
using Cmi.Tests.Docs;

namespace Cmi.Tests.Api;

/// <summary>
/// Holds the public surface of each package against the text that is checked in beside this file: it does not change by accident, and a change is
/// seen by whoever reviews it.
/// </summary>
public sealed class PublicApiTests
{
    /// <summary>Set to 1, the texts are written anew instead of compared.</summary>
    private const string Accept = "CMI_ACCEPT_API";

    private static readonly Assembly[] Packages =
    [
        typeof(CmiEngine).Assembly,
        typeof(RamBufferStore).Assembly,
        typeof(DiskBufferStore).Assembly,
        typeof(FlashBufferStore).Assembly,
        typeof(SocketConnectionManager).Assembly,
        typeof(InMemoryTransport).Assembly,
        typeof(Simulator).Assembly,
    ];

    private static IEnumerable<TestCaseData> Cases() =>
        Packages.Select(assembly => new TestCaseData(assembly).SetArgDisplayNames(assembly.GetName().Name!));

    [TestCaseSource(nameof(Cases))]
    public void Surface_IsTheAcceptedOne(Assembly package)
    {
        var path = Path.Combine("Cmi.Tests", "Api", package.GetName().Name + ".txt");
        var actual = PublicApi.Describe(package);
        if (Environment.GetEnvironmentVariable(Accept) == "1")
        {
            File.WriteAllText(Path.Combine(Repository.Root, path), actual);
            return;
        }
        var accepted = File.Exists(Path.Combine(Repository.Root, path)) ? Repository.Read(path) : "";
        if (actual == accepted) return;
        Assert.Fail($"""
            The public API of {package.GetName().Name} is not the one in {path}:

            {Difference(accepted, actual)}
            If it is meant, accept it and commit the file:

                {Accept}=1 dotnet test Cmi.Tests --filter FullyQualifiedName~PublicApiTests
            """);
    }

    [Test]
    public void EveryExportedNamespace_BelongsToCmiOrToTheContainer() => Assert.That(
        Packages.SelectMany(package => package.GetExportedTypes()).Select(type => type.Namespace).Distinct(),
        Is.All.StartsWith("Cmi").Or.EqualTo("Microsoft.Extensions.DependencyInjection"));

    [TestCase("  class A\n    a\n    b\n", "  class A\n    a\n    c\n    b\n", "    class A\n+     c\n")]
    [TestCase("  class A\n    a\n    b\n", "  class A\n    a\n", "    class A\n-     b\n")]
    [TestCase("", "  class A\n", "+   class A\n")]
    public void Difference_ShowsWhatCameAndWhatWent(string accepted, string actual, string difference) =>
        Assert.That(Difference(accepted, actual), Is.EqualTo(difference));

    // Lines that came and went, each below the type that it belongs to. By the longest common subsequence: the texts are a few hundred lines.
    private static string Difference(string accepted, string actual)
    {
        var (old, now) = (accepted.Split('\n'), actual.Split('\n'));
        var common = new int[old.Length + 1, now.Length + 1];
        for (var i = old.Length - 1; i >= 0; i--)
        {
            for (var j = now.Length - 1; j >= 0; j--)
                common[i, j] = old[i] == now[j] ? common[i + 1, j + 1] + 1 : Math.Max(common[i + 1, j], common[i, j + 1]);
        }
        var lines = new List<string>();
        string? head = null;
        for (int i = 0, j = 0; i < old.Length || j < now.Length;)
        {
            if (i < old.Length && j < now.Length && old[i] == now[j])
            {
                if (IsHead(old[i])) head = old[i];
                (i, j) = (i + 1, j + 1);
                continue;
            }
            var went = i < old.Length && (j == now.Length || common[i + 1, j] >= common[i, j + 1]);
            var line = went ? old[i++] : now[j++];
            if (head is not null && !IsHead(line)) lines.Add("  " + head);
            head = null;
            lines.Add((went ? "- " : "+ ") + line);
        }
        return string.Concat(lines.Select(line => line + "\n"));

        static bool IsHead(string line) => line.StartsWith("  ", StringComparison.Ordinal) && !line.StartsWith("    ", StringComparison.Ordinal);
    }
}
