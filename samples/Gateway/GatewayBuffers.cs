using System.Globalization;
using System.Security.Cryptography;
using Cmi.Buffers;
using Microsoft.Extensions.DependencyInjection;

namespace Cmi.Samples.Gateway;

/// <summary>
/// The buffer store that was asked for. Flash or disk alone must be usable; as a tier each does what it can, and the others do the rest. Where no directory was
/// named, files go to one of this program's own, which goes with it.
/// </summary>
internal sealed class GatewayBuffers : IDisposable
{
    private readonly BufferArguments _arguments;
    private const string Prefix = "cmi-gateway-", InUse = "in-use";

    private readonly string? _ownDirectory;
    private readonly FileStream? _inUse;                            // a lock that ends with the process, however that ends

    internal GatewayBuffers(BufferArguments arguments)
    {
        _arguments = arguments;
        if (arguments.Path is not null || arguments.EffectiveKind == "ram") return;
        _ownDirectory = Path.Combine(Path.GetTempPath(), string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Environment.ProcessId}-{RandomNumberGenerator.GetHexString(8, true)}"));
        try
        {
            Sweep();
            if (OperatingSystem.IsWindows()) System.IO.Directory.CreateDirectory(_ownDirectory);
            else System.IO.Directory.CreateDirectory(_ownDirectory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            _inUse = new(Path.Combine(_ownDirectory, InUse), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine($"{_ownDirectory} cannot be made: {e.Message}");      // the stores say what comes of it
        }
    }

    private string Directory => _arguments.Path ?? _ownDirectory!;

    /// <summary>Chooses the stores.</summary>
    internal void AddTo(ICmiBuilder builder)
    {
        switch (_arguments.EffectiveKind)
        {
            case "flash":
                builder.UseFlashBuffers(SetUp);
                break;
            case "disk":
                builder.UseDiskBuffers(SetUp);
                break;
            case "ram":
                builder.UseRamBuffers(SetUp);
                break;
            default:
                builder.UseRamBuffers(SetUp).ThenFlash(SetUp).ThenDisk(SetUp);
                break;
        }
    }

    /// <summary>What the tiers may hold, to the mebibyte, and where their files are.</summary>
    internal string Describe(IBufferStore store)
    {
        var tiers = ((IMeasuredBufferStore)store).GetUsage().Select(tier => $"{tier.Tier} {ByteSize.Format(Rounded(tier.CapacityBytes))}");
        return $"buffers: {string.Join(", ", tiers)}{(_arguments.EffectiveKind == "ram" ? "" : $" in {Directory}")}";
    }

    /// <summary>Removes the directory of this program's own, when the stores have gone.</summary>
    public void Dispose()
    {
        _inUse?.Dispose();
        if (_ownDirectory is null || !System.IO.Directory.Exists(_ownDirectory)) return;
        try
        {
            System.IO.Directory.Delete(_ownDirectory, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine($"{_ownDirectory} could not be removed: {e.Message}");
        }
    }

    private static long Rounded(long bytes) => bytes < 1 << 20 ? bytes : ((bytes >> 10) + 1023) >> 10 << 20;

    // What a process that was killed has left.
    private static void Sweep()
    {
        foreach (var directory in System.IO.Directory.EnumerateDirectories(Path.GetTempPath(), Prefix + "*"))
        {
            try
            {
                var file = Path.Combine(directory, InUse);
                if (!File.Exists(file)) continue;
                using (new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.None)) System.IO.Directory.Delete(directory, recursive: true);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It is in use, or another user's.
            }
        }
    }

    private void SetUp(RamBufferOptions options) => options.MaxTotalBytes = _arguments.RamBytes ?? options.MaxTotalBytes;

    private void SetUp(FlashBufferOptions options) => (options.Path, options.MaxTotalBytes) = (Directory, _arguments.FlashBytes ?? options.MaxTotalBytes);

    private void SetUp(DiskBufferOptions options) => (options.Path, options.MaxTotalBytes) = (Directory, _arguments.DiskBytes ?? options.MaxTotalBytes);
}
