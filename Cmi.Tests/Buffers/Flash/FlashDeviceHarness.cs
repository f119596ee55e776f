using System.Diagnostics;
using System.Runtime.InteropServices;
using Cmi.Buffers;
using Microsoft.Win32.SafeHandles;

namespace Cmi.Tests.Buffers.Flash;

/// <summary>A directory of one test, and what it needs to look into it.</summary>
internal sealed class FlashDirectory(string? parent = null) : IDisposable
{
    public string Path { get; } = System.IO.Path.Combine(parent ?? System.IO.Path.GetTempPath(), $"cmi-test-{Guid.NewGuid():N}");

    /// <summary>Descriptors of this process for files that are or were in the directory.</summary>
    public int OpenDescriptors => Directory.EnumerateFileSystemEntries("/proc/self/fd")
        .Count(descriptor => TryReadLink(descriptor)?.StartsWith(Path, StringComparison.Ordinal) == true);

    public void Dispose()
    {
        if (Directory.Exists(Path)) Directory.Delete(Path, recursive: true);
    }

    private static string? TryReadLink(string descriptor)
    {
        try
        {
            return new FileInfo(descriptor).LinkTarget;
        }
        catch (IOException)
        {
            return null;                                           // the one that listed the directory
        }
    }
}

/// <summary>A small file system in memory, which can be filled.</summary>
internal sealed class SmallFileSystem : IDisposable
{
    private readonly string _path;

    private SmallFileSystem(string path) => _path = path;

    public string Path => _path;

    public static SmallFileSystem Mount(int mebibytes)
    {
        var path = Directory.CreateTempSubdirectory("cmi-test-").FullName;
        if (!OperatingSystem.IsLinux() || Run("mount", "-t", "tmpfs", "-o", $"size={mebibytes}m", "tmpfs", path) != 0)
        {
            Directory.Delete(path);
            Assert.Ignore("A file system cannot be mounted here.");
        }
        return new(path);
    }

    public void Dispose()
    {
        Assert.That(Run("umount", _path), Is.Zero);
        Directory.Delete(_path);
    }

    private static int Run(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, UseShellExecute = false })!;
            process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return -1;
        }
    }
}

/// <summary>Files whose writing fails while it is told to.</summary>
internal sealed class FailingFiles(string directory, HeldSpace held, Func<bool> fails) : SegmentFiles(directory, held)
{
    protected override void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long offset)
    {
        if (fails()) throw new IOException("The medium is worn out.");
        base.Write(file, bytes, offset);
    }
}

/// <summary>What an entry holds is told by its number.</summary>
internal static class EntryBytes
{
    public static byte[] Make(int number, int length)
    {
        var bytes = new byte[length];
        var state = ((ulong)number * 0x9E3779B97F4A7C15) | 1;
        var words = MemoryMarshal.Cast<byte, ulong>(bytes.AsSpan());
        for (var i = 0; i < words.Length; i++) words[i] = Next();
        for (var i = words.Length * sizeof(ulong); i < length; i++) bytes[i] = (byte)Next();
        return bytes;

        ulong Next()
        {
            state ^= state << 13;
            state ^= state >> 7;
            return state ^= state << 17;
        }
    }

    public static async Task CheckAsync(IEntryDevice device, IDeviceEntry entry, int number)
    {
        var into = new byte[entry.Length];
        await device.ReadAsync(entry, into, default);
        if (!into.AsSpan().SequenceEqual(Make(number, entry.Length))) Assert.Fail($"Entry {number} reads back other bytes.");
    }
}
