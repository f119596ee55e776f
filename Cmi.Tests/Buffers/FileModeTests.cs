using System.Globalization;
using System.Runtime.Versioning;
using Cmi.Buffers;
using Cmi.Testing;

namespace Cmi.Tests.Buffers;

/// <summary>What stores keep in files is for no other user, while the files have names and after.</summary>
public sealed class FileModeTests
{
    private string _path = "";

    [SetUp]
    public void SetUp() => _path = Path.Combine(Directory.CreateTempSubdirectory("cmi-tests-").FullName, "store");

    [TearDown]
    public void TearDown() => Directory.Delete(Path.GetDirectoryName(_path)!, recursive: true);

    [Test]
    [Platform("Linux")]
    [SupportedOSPlatform("linux")]
    public async Task FilesOfAStore_AreThisUsersAlone([Values] bool flash)
    {
        await using IBufferStore store = flash
            ? new FlashBufferStore(new() { Path = _path, MaxTotalBytes = 64 << 20 })
            : new DiskBufferStore(new() { Path = _path, MaxTotalBytes = 64 << 20 });
        var loop = new ManualLoop();
        var buffer = loop.Wait(() => new ValueTask<IBuffer>(store.TryCreate(loop, null)!));
        loop.Wait(async () =>
        {
            await buffer.WaitForRoomAsync(CancellationToken.None);
            buffer.GetMemory(1_000);
            buffer.Advance(1_000);
            buffer.Complete();
            await ((IFlushableBuffer)buffer).FlushAsync(CancellationToken.None);
        });

        var modes = OpenBelow(_path).ToArray();
        Assert.That(modes, Is.Not.Empty.And.All.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
        Assert.That(File.GetUnixFileMode(_path), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute));
        loop.Wait(buffer.DisposeAsync);
    }

    // The files have no names any more; the system still shows what this process has open (proc(5), /proc/pid/fd).
    [SupportedOSPlatform("linux")]
    private static IEnumerable<UnixFileMode> OpenBelow(string path)
    {
        foreach (var open in new DirectoryInfo(string.Create(CultureInfo.InvariantCulture, $"/proc/{Environment.ProcessId}/fd")).EnumerateFileSystemInfos())
            if (open.LinkTarget?.StartsWith(path + '/', StringComparison.Ordinal) == true) yield return File.GetUnixFileMode(open.FullName);
    }
}
