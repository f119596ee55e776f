using Cmi.Buffers;

namespace Cmi.Tests.Buffers.Disk;

public sealed class ScratchDirectoryTests
{
    private string _path = "";

    [SetUp]
    public void SetUp() => _path = Directory.CreateTempSubdirectory("cmi-tests-").FullName;

    [TearDown]
    public void TearDown()
    {
        if (Directory.Exists(_path)) Directory.Delete(_path, recursive: true);
    }

    [Test]
    public async Task NewDirectory_IsThisUsersAlone()
    {
        var path = Path.Combine(_path, "new", "one");
        await using var file = ScratchDirectory.Open(path);
        Assert.That(Directory.Exists(path));
        if (OperatingSystem.IsWindows()) return;
        Assert.That(File.GetUnixFileMode(path), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute));
    }

    [Test]
    [Platform(Exclude = "Win")]
    public async Task OpenFile_HasNoName()
    {
        await using var file = ScratchDirectory.Open(_path);
        await file.WriteAsync(0, new byte[100], CancellationToken.None);
        Assert.That(Directory.EnumerateFileSystemEntries(_path), Is.Empty);
        Assert.That(await file.ReadAsync(50, new byte[100], CancellationToken.None), Is.EqualTo(50));
        Assert.That(file.FreeBytes, Is.GreaterThan(0));
    }

    [Test]
    public async Task WhatACrashLeft_IsSweptAway_AndWhatLivesIsNot()
    {
        var (dead, living, empty, other) = (Make("cmi-scratch-1-dead"), Make("cmi-scratch-2-living"), Make("cmi-scratch-3-empty"), Make("something-else"));
        await File.WriteAllTextAsync(Path.Combine(dead, "entries"), "left");
        await File.WriteAllTextAsync(Path.Combine(other, "entries"), "not ours");
        await using var held = new FileStream(Path.Combine(living, "entries"), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None);
        await using (ScratchDirectory.Open(_path))
        {
            Assert.That((Directory.Exists(dead), Directory.Exists(empty)), Is.EqualTo((false, false)));
            Assert.That((File.Exists(Path.Combine(living, "entries")), File.Exists(Path.Combine(other, "entries"))), Is.EqualTo((true, true)));
        }

        string Make(string name) => Directory.CreateDirectory(Path.Combine(_path, name)).FullName;
    }

    [Test]
    [Platform(Exclude = "Win")]
    public async Task Links_AreNotFollowed()
    {
        var outside = Directory.CreateDirectory(Path.Combine(_path, "outside")).FullName;
        await File.WriteAllTextAsync(Path.Combine(outside, "entries"), "precious");
        Directory.CreateSymbolicLink(Path.Combine(_path, "cmi-scratch-1-link"), outside);
        await using var file = ScratchDirectory.Open(_path);
        Assert.That(File.Exists(Path.Combine(outside, "entries")));
    }

    [Test]
    public void UnusableDirectory_IsNamed()
    {
        var file = Path.Combine(_path, "file");
        File.WriteAllText(file, "");
        Assert.That(() => ScratchDirectory.Open(file), Throws.TypeOf<IOException>().With.Message.Contains(file));
        Assert.That(() => ScratchDirectory.Open(Path.Combine(file, "below")), Throws.TypeOf<IOException>().With.Message.Contains(file));
    }
}
