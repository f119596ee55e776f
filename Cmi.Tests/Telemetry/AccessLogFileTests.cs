using System.Text;
using Cmi.Telemetry;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cmi.Tests.Telemetry;

public sealed class AccessLogFileTests
{
    private string _folder = "";

    private string Path => System.IO.Path.Combine(_folder, "access.log");

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("cmi-access").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public async Task EveryRecord_IsALineWhenItIsClosed()
    {
        File.WriteAllText(Path, "before\n");
        await using (var log = Open()) Write(log, 0, 1000);
        Assert.That(File.ReadAllLines(Path), Is.EqualTo((string[])["before", .. Enumerable.Range(0, 1000).Select(i => $"/{i}")]));
    }

    [Test]
    public async Task SeveralThreads_LoseAndMixNothing()
    {
        await using (var log = Open(bufferBytes: 1 << 20)) await Task.WhenAll(Enumerable.Range(0, 4).Select(t => Task.Run(() => Write(log, t * 1000, 1000))));
        Assert.That(File.ReadAllLines(Path), Is.EquivalentTo(Enumerable.Range(0, 4000).Select(i => $"/{i}")));
    }

    [Test]
    public async Task MovedFile_IsOpenedAnew()
    {
        var moved = Path + ".1";
        await using (var log = Open())
        {
            Write(log, 0, 1);
            await WrittenAsync(Path, "/0\n");
            File.Move(Path, moved);
            Write(log, 1, 1);
        }
        Assert.That((File.ReadAllText(moved), File.ReadAllText(Path)), Is.EqualTo(("/0\n", "/1\n")));
    }

    [Test]
    public async Task FileThatAnotherTookThePlaceOf_IsOpenedAnew()
    {
        await using (var log = Open())
        {
            Write(log, 0, 1);
            await WrittenAsync(Path, "/0\n");
            File.Move(Path, Path + ".1");
            File.WriteAllText(Path, "");
            Write(log, 1, 1);
        }
        Assert.That(File.ReadAllText(Path), Is.EqualTo("/1\n"));
    }

    [Test]
    public async Task TruncatedFile_GoesOnAtItsStart()
    {
        await using (var log = Open())
        {
            Write(log, 0, 1);
            await WrittenAsync(Path, "/0\n");
            File.WriteAllText(Path, "");
            Write(log, 1, 1);
        }
        Assert.That(File.ReadAllText(Path), Is.EqualTo("/1\n"));
    }

    [Test]
    public async Task RecordsThatFindNoRoom_AreCounted()
    {
        AccessLogFile log;
        await using (log = Open(bufferBytes: 10)) Write(log, 1_000_000, 3);              // each needs 9 bytes; the writer may take one block away meanwhile
        var written = File.ReadAllLines(Path).Length;
        Assert.That(written + log.Dropped, Is.EqualTo(3));
        Assert.That(written, Is.Positive);
    }

    [Test]
    public void PathThatCannotBeOpened_SaysSo() =>
        Assert.That(() => new AccessLogFile(new() { Path = _folder }, NullLogger.Instance), Throws.InstanceOf<IOException>().With.Message.Contains("access log"));

    private AccessLogFile Open(int bufferBytes = 1 << 16) => new(new() { Path = Path, Template = "{target}", BufferBytes = bufferBytes }, NullLogger.Instance);

    private static void Write(AccessLogFile log, int first, int count)
    {
        for (var i = first; i < first + count; i++) log.Write(AccessLineTests.Entry(Encoding.ASCII.GetBytes($"GET /{i} HTTP/1.1\r\n")));
    }

    // Sees the file written by the file system's own notice; a notice that came before we asked is not missed.
    private static async Task WrittenAsync(string path, string text)
    {
        using var watcher = new FileSystemWatcher(System.IO.Path.GetDirectoryName(path)!);
        var changed = new SemaphoreSlim(0);
        watcher.Changed += (_, _) => changed.Release();
        watcher.EnableRaisingEvents = true;
        while (File.ReadAllText(path) != text) await changed.WaitAsync(TimeSpan.FromSeconds(1));
    }
}
