using Cmi.Buffers;
using Cmi.Testing;

namespace Cmi.Tests.Buffers.Flash;

public sealed class FlashDeviceTests
{
    private const long Mebibyte = 1 << 20;

    private FlashDirectory _directory = null!;

    [SetUp]
    public void MakeDirectory() => _directory = new();

    [TearDown]
    public void NothingIsLeft()
    {
        if (OperatingSystem.IsLinux()) Assert.That(_directory.OpenDescriptors, Is.Zero, "descriptors after the device was disposed");
        if (Directory.Exists(_directory.Path)) Assert.That(Directory.EnumerateFileSystemEntries(_directory.Path), Is.Empty);
        _directory.Dispose();
    }

    [Test]
    public async Task EntryWritten_ReadsBack()
    {
        await using var device = Make(64 * Mebibyte);
        foreach (var length in new[] { 1, 3, 4, 4_096, 65_600, device.MaxEntryBytes })
        {
            var entry = await device.WriteAsync(EntryBytes.Make(length, length), default);
            Assert.That(entry?.Length, Is.EqualTo(length));
            await EntryBytes.CheckAsync(device, entry!, length);
            device.Free(entry!);
        }
    }

    [Test]
    public async Task ManyWritersAtOnce_ShareCommitsAndReadBackTheirOwn()
    {
        await using var device = Make(64 * Mebibyte);
        var entries = await Task.WhenAll(Enumerable.Range(0, 2_000).Select(number =>
            Task.Run(() => device.WriteAsync(EntryBytes.Make(number, 1 + (number * 7 % 9_000)), default).AsTask())));
        for (var number = 0; number < entries.Length; number++) await EntryBytes.CheckAsync(device, entries[number]!, number);
        Assert.That(device.Keeper.Commits, Is.LessThan(entries.Length));
    }

    [Test]
    public async Task TensOfThousandsOfEntries_LiveAtOnce()
    {
        await using var device = Make(64 * Mebibyte);
        var entries = new IDeviceEntry[40_000];
        for (var from = 0; from < entries.Length; from += 1_000)
        {
            var writes = Enumerable.Range(from, 1_000).Select(number => device.WriteAsync(EntryBytes.Make(number, 100 + (number % 900)), default).AsTask());
            (await Task.WhenAll(writes)).CopyTo(entries, from);
        }
        for (var number = 0; number < entries.Length; number += 17) await EntryBytes.CheckAsync(device, entries[number], number);
        if (OperatingSystem.IsLinux()) Assert.That(_directory.OpenDescriptors, Is.LessThanOrEqualTo(64 / 2), "one descriptor a segment");
    }

    [Test]
    public async Task FilesInUse_HaveNoNames()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Ignore("There, files go when they are closed.");
            return;
        }
        await using var device = Make(64 * Mebibyte);
        await device.WriteAsync(EntryBytes.Make(1, 65_536), default);
        Assert.That(device.HeldBytes, Is.Positive);
        Assert.That(Directory.EnumerateFileSystemEntries(_directory.Path), Is.Empty, "what a process that is killed would leave");
        Assert.That(File.GetUnixFileMode(_directory.Path), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute));
    }

    [Test]
    public async Task ProcessWasKilledBetweenMakingAFileAndItsNamesEnd_NextStartSweeps()
    {
        Directory.CreateDirectory(_directory.Path);
        var (left, alive, other) = (Path.Combine(_directory.Path, "cmi-flash-left.0"), Path.Combine(_directory.Path, "cmi-flash-alive.0"), Path.Combine(_directory.Path, "other"));
        await File.WriteAllBytesAsync(left, [1]);
        await File.WriteAllBytesAsync(other, [1]);
        using (new FileStream(alive, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None))
        {
            SegmentFiles.TryDirectory(_directory.Path);
            Assert.That(Directory.EnumerateFiles(_directory.Path), Is.EquivalentTo(new[] { alive, other }));
        }
        File.Delete(alive);
        File.Delete(other);
    }

    [Test]
    public async Task DirectoryIsRemovedMeanwhile_ItIsMadeAgain()
    {
        await using var device = Make(64 * Mebibyte);
        var first = await device.WriteAsync(EntryBytes.Make(1, 65_536), default);
        Directory.Delete(_directory.Path, recursive: true);
        var entries = new List<IDeviceEntry?>();
        for (var number = 0; number < 200; number++) entries.Add(await device.WriteAsync(EntryBytes.Make(number, 65_536), default));
        Assert.That(entries, Has.None.Null);
        await EntryBytes.CheckAsync(device, first!, 1);
        await EntryBytes.CheckAsync(device, entries[^1]!, 199);
        Assert.That(Directory.Exists(_directory.Path));
    }

    [Test]
    public async Task QuotaIsReached_AnswersNullUntilEntriesAreFreed()
    {
        await using var device = Make(32 * Mebibyte);
        var entries = new List<IDeviceEntry>();
        while (await device.WriteAsync(EntryBytes.Make(entries.Count, 65_536), default) is { } entry) entries.Add(entry);
        Assert.That(device.HeldBytes, Is.InRange(28 * Mebibyte, 32 * Mebibyte));
        Assert.That(await device.WriteAsync(EntryBytes.Make(0, 65_536), default), Is.Null);

        // Every other one, so that room can only come from copying forward.
        for (var number = 0; number < entries.Count; number += 2) device.Free(entries[number]);
        var more = new List<IDeviceEntry>();
        for (var number = 0; number < entries.Count / 8; number++)
        {
            var entry = await device.WriteAsync(EntryBytes.Make(number, 65_536), default);
            Assert.That(entry, Is.Not.Null, $"after {number} writes into freed room");
            more.Add(entry!);
        }
        for (var number = 1; number < entries.Count; number += 2) await EntryBytes.CheckAsync(device, entries[number], number);
        for (var number = 0; number < more.Count; number++) await EntryBytes.CheckAsync(device, more[number], number);
        Assert.That(device.Keeper.MovedBytes, Is.Positive);
    }

    [Test]
    public async Task LogFailsOnce_NextWriteFindsANewOne()
    {
        var failures = 1;
        await using var device = new FlashDevice(Settings(64 * Mebibyte) with
        {
            MakeFiles = (directory, held) => new FailingFiles(directory, held, () => Interlocked.Decrement(ref failures) >= 0),
        });
        await Assert.ThrowsAsync<IOException>(() => device.WriteAsync(EntryBytes.Make(1, 50_000), default).AsTask());
        var entry = await device.WriteAsync(EntryBytes.Make(1, 50_000), default);
        await EntryBytes.CheckAsync(device, entry!, 1);
    }

    [Test]
    public async Task LogFailsUnderMoreWritesThanItsMemoryHolds_EachIsAnswered()
    {
        await using var device = new FlashDevice(Settings(64 * Mebibyte) with
        {
            MakeFiles = (directory, held) => new FailingFiles(directory, held, static () => true),
        });
        var writes = Enumerable.Range(0, 400).Select(number => device.WriteAsync(EntryBytes.Make(number, 65_536), default).AsTask()).ToList();
        foreach (var write in writes) await Assert.ThrowsAsync<IOException>(() => write);
        Assert.That(device.Logs.Failed, Is.GreaterThan(1));
    }

    [Test, CancelAfter(60_000)]
    public async Task LogFails_UncommittedEntryIsRefusedAndCommittedOnesAreRead(CancellationToken test)
    {
        var (fails, reasons, time) = (false, new List<string>(), new ManualTime());
        await using var device = new FlashDevice(Settings(64 * Mebibyte) with
        {
            Time = time,
            MakeFiles = (directory, held) => new FailingFiles(directory, held, () => Volatile.Read(ref fails)),
            LogFailed = (failure, _) => reasons.Add(failure.Message),
        });
        var kept = await device.WriteAsync(EntryBytes.Make(1, 50_000), default);
        Volatile.Write(ref fails, true);
        for (var attempt = 0; attempt < 5; attempt++)
            await Assert.ThrowsAsync<IOException>(() => device.WriteAsync(EntryBytes.Make(2, 50_000), default).AsTask());
        Assert.That(reasons, Is.EqualTo(new[] { "The medium is worn out.", "The medium is worn out." }), "a new log is tried at once, then only after a pause");
        Volatile.Write(ref fails, false);
        await Assert.ThrowsAsync<IOException>(() => device.WriteAsync(EntryBytes.Make(3, 50_000), default).AsTask());

        time.Advance(TimeSpan.FromMilliseconds(100));
        var later = await device.WriteAsync(EntryBytes.Make(4, 50_000), default);
        await EntryBytes.CheckAsync(device, kept!, 1);
        await EntryBytes.CheckAsync(device, later!, 4);
        Assert.That(device.Logs.Failed, Is.EqualTo(2));
        var held = device.HeldBytes;
        device.Free(kept!);

        while (device.HeldBytes >= held) await device.WriteAsync(EntryBytes.Make(5, 10), test);
    }

    [Test, CancelAfter(60_000)]
    public async Task LogsKeepFailing_FewAreKept(CancellationToken test)
    {
        var (fails, time) = (false, new ManualTime());
        await using var device = new FlashDevice(Settings(64 * Mebibyte) with
        {
            Time = time,
            MakeFiles = (directory, held) => new FailingFiles(directory, held, () => Volatile.Read(ref fails)),
        });
        var kept = new List<IDeviceEntry>();
        for (var round = 0; round < FlashLogs.MaxRetired * 2; round++)
        {
            Volatile.Write(ref fails, false);
            time.Advance(TimeSpan.FromSeconds(6));
            if (kept.Count < FlashLogs.MaxRetired) kept.Add((await device.WriteAsync(EntryBytes.Make(round, 1_000), default))!);
            Volatile.Write(ref fails, true);
            await Assert.ThrowsAsync<IOException>(() => device.WriteAsync(EntryBytes.Make(99, 1_000), default).AsTask());
        }
        Assert.That(device.Logs.Failed, Is.EqualTo(FlashLogs.MaxRetired));
        for (var number = 0; number < kept.Count; number++) await EntryBytes.CheckAsync(device, kept[number], number);

        foreach (var entry in kept) device.Free(entry);
        Volatile.Write(ref fails, false);
        for (;;)
        {
            try
            {
                var again = await device.WriteAsync(EntryBytes.Make(7, 1_000), test);
                await EntryBytes.CheckAsync(device, again!, 7);
                break;
            }
            catch (IOException)
            {
                // The keeper has not yet come to give the emptied logs back.
                await Task.Yield();
            }
        }
    }

    [Test]
    public async Task WriteIsCancelledBeforeItsTurn_IsNotWritten()
    {
        await using var device = Make(64 * Mebibyte);
        await Assert.ThrowsAsync<TaskCanceledException>(() => device.WriteAsync(new byte[10], new(canceled: true)).AsTask());
    }

    [Test]
    public async Task DeviceIsDisposedUnderWrites_EachIsAnswered()
    {
        var device = Make(64 * Mebibyte);
        var writes = Enumerable.Range(0, 500).Select(number => Task.Run(() => device.WriteAsync(EntryBytes.Make(number, 30_000), default).AsTask())).ToList();
        await writes[0];
        await device.DisposeAsync();
        foreach (var write in writes)
        {
            try
            {
                Assert.That(await write, Is.Not.Null);
            }
            catch (ObjectDisposedException)
            {
                // It came too late.
            }
        }
    }

    [Test]
    public async Task EntryIsFreedTwice_Throws()
    {
        await using var device = Make(64 * Mebibyte);
        var entry = await device.WriteAsync(new byte[10], default);
        device.Free(entry!);
        Assert.Throws<InvalidOperationException>(() => device.Free(entry!));
    }

    [Test, Category("Slow")]
    public async Task FileSystemIsFull_AnswersNullAndGoesOnWhenThereIsRoom()
    {
        using var files = SmallFileSystem.Mount(mebibytes: 24);
        await using var device = new FlashDevice(new(files.Path, 64 * Mebibyte, 8 * Mebibyte));
        var entries = new List<IDeviceEntry>();
        while (await device.WriteAsync(EntryBytes.Make(entries.Count, 65_536), default) is { } entry) entries.Add(entry);
        Assert.That(entries, Has.Count.GreaterThan(200));
        for (var number = 0; number < entries.Count; number++) await EntryBytes.CheckAsync(device, entries[number], number);

        foreach (var entry in entries) device.Free(entry);
        for (var number = 0; number < 200; number++)
        {
            var entry = await device.WriteAsync(EntryBytes.Make(number, 65_536), default);
            Assert.That(entry, Is.Not.Null, $"after {number} writes into freed room");
            await EntryBytes.CheckAsync(device, entry!, number);
        }
        Assert.That(device.Logs.Failed, Is.Zero, "a full file system is no failure");
    }

    private FlashDeviceSettings Settings(long capacityBytes) => new(_directory.Path, capacityBytes, MemoryBytes: 8 * Mebibyte);

    private FlashDevice Make(long capacityBytes) => new(Settings(capacityBytes));
}
