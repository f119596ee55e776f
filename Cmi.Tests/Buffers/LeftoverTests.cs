using System.Diagnostics;
using Cmi.Buffers;
using Cmi.Tests.EndToEnd;
using Cmi.Tests.Harness;

namespace Cmi.Tests.Buffers;

/// <summary>Processes that share a directory: what a killed one has left goes with the next start, what a living one has there stays.</summary>
[Category("Slow")]
[Platform(Exclude = "Win")]
public sealed class LeftoverTests
{
    private string _path = "";

    [SetUp]
    public void SetUp() => _path = Directory.CreateTempSubdirectory("cmi-tests-").FullName;

    [TearDown]
    public void TearDown() => Directory.Delete(_path, recursive: true);

    // Where the system lets it a file has a name for some microseconds only: a process that is killed just then, and one that stays there, are told to keep it.
    [Test, CancelAfter(120_000)]
    public async Task KilledAndLivingProcesses_TheNextStartTellsThemApart([Values("disk", "flash")] string kind, CancellationToken test)
    {
        var (killedName, livingName) = kind == "disk" ? ("cmi-scratch-1-killed/entries", "cmi-scratch-2-living/entries") : ("cmi-flash-killed", "cmi-flash-living");
        var (killedFile, livingFile) = (Path.Combine(_path, killedName), Path.Combine(_path, livingName));
        using var killed = await StartAsync("hold", killedFile, test);
        using var living = await StartAsync("hold", livingFile, test);
        using var working = await StartAsync(kind, _path, test);
        try
        {
            // All three live: a store that begins here touches none of them.
            await using (Make(kind)) Assert.That((File.Exists(killedFile), File.Exists(livingFile)), Is.EqualTo((true, true)));
            killed.Kill();
            await killed.WaitForExitAsync(test);
            Assert.That(File.Exists(killedFile), "it is left");

            await using (Make(kind))
            {
                Assert.That((File.Exists(killedFile), File.Exists(livingFile)), Is.EqualTo((false, true)));
                if (kind == "disk") Assert.That((Directory.Exists(Path.GetDirectoryName(killedFile)), Directory.Exists(Path.GetDirectoryName(livingFile))), Is.EqualTo((false, true)));
                Assert.That(new FileInfo(livingFile).Length, Is.EqualTo(ChildProgram.HeldText.Length), "and whole");
                Assert.That(working.HasExited, Is.False, "one that works goes on, in files without names");
            }
        }
        finally
        {
            foreach (var process in new[] { killed, living, working })
                if (!process.HasExited) process.Kill();
        }
    }

    private IBufferStore Make(string kind) => kind == "disk"
        ? new DiskBufferStore(new() { Path = _path, MaxTotalBytes = 64 << 20 })
        : new FlashBufferStore(new() { Path = _path, MaxTotalBytes = 64 << 20 });

    private static async Task<Process> StartAsync(string what, string path, CancellationToken test)
    {
        var process = Programs.Start("dotnet", ["exec", typeof(LeftoverTests).Assembly.Location, what, path]);
        Assert.That(await process.StandardOutput.ReadLineAsync(test), Is.Not.Null, "it began");
        return process;
    }
}
