using Microsoft.Win32.SafeHandles;

namespace Cmi.Buffers;

/// <summary>A file of the system. <para>Threading: any thread.</para></summary>
internal sealed class ScratchFile(FileStream file, string directory) : IScratchFile
{
    private const int NoSpaceUnix = 28;                            // ENOSPC; .NET hands the system's number on
    private const int QuotaUnix = 122;                             // EDQUOT
    private const int NoSpaceWindows = unchecked((int)0x80070070); // ERROR_DISK_FULL

    private readonly SafeFileHandle _handle = file.SafeFileHandle;  // once: the stream seeks each time that it gives it

    public long FreeBytes => Directory.Exists(directory) ? new DriveInfo(directory).AvailableFreeSpace : 0;

    /// <summary>Whether a write failed for want of room, which is no failure of the device.</summary>
    public static bool IsFull(IOException fault) => fault.HResult is NoSpaceUnix or QuotaUnix or NoSpaceWindows;

    // The worker waits for the system: RandomAccess would have another thread wait for it, at the price of two hops.
    public ValueTask<int> WriteAsync(long offset, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        RandomAccess.Write(_handle, bytes.Span, offset);
        return new(bytes.Length);
    }

    public ValueTask<int> ReadAsync(long offset, Memory<byte> into, CancellationToken cancellationToken) =>
        new(RandomAccess.Read(_handle, into.Span, offset));

    public ValueTask TruncateAsync(long length)
    {
        RandomAccess.SetLength(_handle, length);
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => file.DisposeAsync();
}
