using System.Globalization;
using System.Security.Cryptography;

namespace Cmi.Buffers;

/// <summary>
/// Where files come from that nothing is to be left of, not even by a crash. Each is made in a directory of its own, which only this user may enter, locked,
/// and where the system lets it (all but Windows) both lose their names at once. What a crash leaves in between, or on Windows, the next start sweeps away:
/// whatever is not locked any more.
/// <para>Threading: any thread, never a loop's.</para>
/// </summary>
internal static class ScratchDirectory
{
    private const string Prefix = "cmi-scratch-";
    private const string FileName = "entries";

    /// <summary>Opens a file in a directory, which is made if it is not there.</summary>
    /// <param name="path">The directory; <see langword="null"/>: that of the system for temporary files.</param>
    /// <exception cref="IOException">It cannot be made; the message names the directory.</exception>
    public static IScratchFile Open(string? path)
    {
        path = Path.GetFullPath(path ?? Path.GetTempPath());
        try
        {
            if (!Directory.Exists(path)) MakeDirectory(path);
            Sweep(path);
            for (var attempt = 1; ; attempt++)
            {
                try
                {
                    return Make(path);
                }
                catch (Exception e) when (attempt < 4 && e is DirectoryNotFoundException)
                {
                    // Another process that starts just now has taken the new directory for one that was left behind.
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"'{path}' cannot hold files: {e.Message}", e);
        }
    }

    private static ScratchFile Make(string path)
    {
        var directory = Path.Combine(path, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Environment.ProcessId}-{RandomNumberGenerator.GetHexString(12, true)}"));
        MakeDirectory(directory);
        var name = Path.Combine(directory, FileName);
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.None,                                // a lock that ends with the process, however that ends
            BufferSize = 0,
            Options = OperatingSystem.IsWindows() ? FileOptions.DeleteOnClose | FileOptions.RandomAccess : FileOptions.RandomAccess,
        };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var file = new FileStream(name, options);
        if (!OperatingSystem.IsWindows())
        {
            File.Delete(name);
            Directory.Delete(directory);
        }
        return new(file, path);
    }

    private static void MakeDirectory(string path)
    {
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(path);
        else Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private static void Sweep(string path)
    {
        // Links are passed over: in a directory that others may write to, one could lead anywhere.
        var options = new EnumerationOptions { AttributesToSkip = FileAttributes.ReparsePoint };
        foreach (var directory in Directory.EnumerateDirectories(path, Prefix + "*", options))
        {
            try
            {
                var name = Path.Combine(directory, FileName);
                if (File.Exists(name))
                {
                    using (new FileStream(name, FileMode.Open, FileAccess.ReadWrite, FileShare.None)) File.Delete(name);
                }
                Directory.Delete(directory);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It belongs to a process that lives, or to another user.
            }
        }
    }
}
