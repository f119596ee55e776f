using System.Reflection;
using Cmi.Buffers;
using Cmi.Testing;
using Cmi.Tests.Docs;

namespace Cmi.Tests.Architecture;

/// <summary>Rules that keep the engine apart from what can be replaced.</summary>
public sealed class ArchitectureTests
{
    private static readonly Assembly[] WithoutSockets =
        [typeof(CmiEngine).Assembly, typeof(RamBufferStore).Assembly, typeof(DiskBufferStore).Assembly, typeof(FlashBufferStore).Assembly, typeof(InMemoryTransport).Assembly];

    [TestCaseSource(nameof(WithoutSockets))]
    public void Assembly_KnowsNoSockets(Assembly assembly) =>
        Assert.That(assembly.GetReferencedAssemblies().Select(reference => reference.Name), Has.None.StartsWith("System.Net.Sockets").And.None.EqualTo("Cmi.Sockets"));

    [TestCase("Cmi.Core")]
    [TestCase("Cmi.Buffers.Ram")]
    [TestCase("Cmi.Sockets")]
    public void Source_NeverLeavesTheLoopByConfigureAwait(string project)
    {
        var sources = Repository.Sources(project).ToList();
        Assert.That(sources, Is.Not.Empty);
        Assert.That(sources.Where(file => File.ReadLines(file).Any(Leaves)), Is.Empty);
    }

    [Test]
    public void CoreReferencesNoOtherPartOfCmi() =>
        Assert.That(typeof(CmiEngine).Assembly.GetReferencedAssemblies().Select(reference => reference.Name), Has.None.StartsWith("Cmi."));

    private static bool Leaves(string line) =>
        line.Contains("ConfigureAwait(false)", StringComparison.Ordinal) && !line.TrimStart().StartsWith("//", StringComparison.Ordinal);
}
