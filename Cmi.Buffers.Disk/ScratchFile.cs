namespace Cmi.Buffers;

/// <summary>A file of the system. <para>Threading: any thread.</para></summary>
internal sealed class ScratchFile(FileStream file, string directory) : IScratchFile
{
    private const int NoSpaceUnix = 28;                            // ENOSPC; .NET hands the system's number on
    private const int QuotaUnix = 122;                             // EDQUOT
    private const int NoSpaceWindows = unchecked((int)0x80070070); // ERROR_DISK_FULL

    public long FreeBytes => Directory.Exists(directory) ? new DriveInfo(directory).AvailableFreeSpace : 0;

    /// <summary>Whether a write failed for want of room, which is no failure of the device.</summary>
    public static bool IsFull(IOException fault) => fault.HResult is NoSpaceUnix or QuotaUnix or NoSpaceWindows;

    // The worker waits for the system: RandomAccess would have another thread wait for it, at the price of two hops.
    public ValueTask<int> WriteAsync(long offset, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        RandomAccess.Write(file.SafeFileHandle, bytes.Span, offset);
        return new(bytes.Length);
    }

    public ValueTask<int> ReadAsync(long offset, Memory<byte> into, CancellationToken cancellationToken) =>
        new(RandomAccess.Read(file.SafeFileHandle, into.Span, offset));

    public ValueTask TruncateAsync(long length)
    {
        RandomAccess.SetLength(file.SafeFileHandle, length);
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => file.DisposeAsync();
}
