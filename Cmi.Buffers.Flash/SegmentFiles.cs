using System.Collections.Concurrent;
using FASTER.core;
using Microsoft.Win32.SafeHandles;

namespace Cmi.Buffers;

/// <summary>What the files of all logs of one device take. <para>Threading: any thread.</para></summary>
internal sealed class HeldSpace
{
    private long _bytes;

    public long Bytes => Volatile.Read(ref _bytes);

    public void Add(long bytes) => Interlocked.Add(ref _bytes, bytes);
}

/// <summary>
/// The files below one log: one for each segment, of its full size from the start, without a name where the system allows that, so that it ends with the
/// process.
/// </summary>
/// <remarks>
/// FASTER's own file device keeps up to 120 handles for reading and 120 for writing of each file, waits for the medium on every write, leaves its files
/// behind when the process is killed, and reports a failure without its reason. What is kept here need not outlive the process, and its seal is verified
/// when it is read; so one handle and the system's cache do.
/// <para>Threading: any thread.</para>
/// </remarks>
internal class SegmentFiles(string directory, HeldSpace held) : StorageDeviceBase(Path.Combine(directory, NewName()), SectorBytes, capacity: -1)
{
    private const int SectorBytes = 512;
    private const string Prefix = "cmi-flash-";

    private readonly ConcurrentDictionary<int, SegmentFile> _files = new();
    private readonly Lock _opening = new();
    private int _transfers;
    private TaskCompletionSource? _idle;
    private bool _closed;

    /// <summary>Finds out whether files can be made in a directory, which is made if it is not there.</summary>
    /// <returns>The bytes that are free there.</returns>
    /// <exception cref="IOException">They cannot; the message names the directory.</exception>
    public static long TryDirectory(string directory)
    {
        try
        {
            Make(Path.Combine(directory, NewName()), length: 1).Dispose();
            Sweep(directory);
            return new DriveInfo(directory).AvailableFreeSpace;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"'{directory}' cannot hold files: {e.Message}", e);
        }
    }

    /// <summary>Why a transfer failed last: the log tells only that one did.</summary>
    public Exception? LastFailure { get; private set; }

    public bool IsPrepared(long segment) => _files.ContainsKey((int)segment);

    /// <summary>Makes the file of a segment, unless there is one, with all the room it will need.</summary>
    /// <exception cref="IOException">There is no room, or no directory.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be written.</exception>
    public SafeFileHandle Prepare(long segment)
    {
        if (_files.TryGetValue((int)segment, out var file)) return file.Handle;
        lock (_opening)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            if (_files.TryGetValue((int)segment, out file)) return file.Handle;
            file = new(Make(GetSegmentFilename(FileName, (int)segment), segmentSize));
            _files[(int)segment] = file;
            held.Add(segmentSize);
            return file.Handle;
        }
    }

    /// <summary>Frees a segment's room. A transfer that has begun ends as if nothing had happened; a later one fails.</summary>
    public void Drop(long segment)
    {
        if (!_files.TryRemove((int)segment, out var file)) return;
        file.Stream.Dispose();
        held.Add(-segmentSize);
    }

    /// <summary>Reads what was committed. It blocks for as long as the medium needs.</summary>
    /// <returns>Whether the segment is still there.</returns>
    /// <exception cref="IOException">It cannot be read, or ends too soon.</exception>
    /// <remarks>
    /// Not by <c>FasterLog.ReadAsync</c>: that copies twice more, and trusts the length that it finds on the medium: by a wrong one it asks for any amount
    /// of memory, or throws where nothing can catch it.
    /// </remarks>
    public bool TryRead(int segment, long offset, Span<byte> into)
    {
        if (!_files.TryGetValue(segment, out var file)) return false;
        try
        {
            for (var done = 0; done < into.Length;)
            {
                var read = RandomAccess.Read(file.Handle, into[done..], offset + done);
                if (read == 0) throw new EndOfStreamException("A segment of the flash log is shorter than it was made.");
                done += read;
            }
            return true;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>Waits until no write is under way; none may begin after it was called.</summary>
    public Task WhenIdleAsync()
    {
        var idle = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Interlocked.Exchange(ref _idle, idle);
        if (Volatile.Read(ref _transfers) == 0) idle.TrySetResult();
        return idle.Task;
    }

    public override bool Throttle() => Volatile.Read(ref _transfers) > ThrottleLimit;

    public override long GetFileSize(int segment) => segmentSize;

    public override void WriteAsync(
        IntPtr sourceAddress, int segmentId, ulong destinationAddress, uint numBytesToWrite, DeviceIOCompletionCallback callback, object context)
    {
        Interlocked.Increment(ref _transfers);
        var transfer = new Transfer(this, sourceAddress, segmentId, (long)destinationAddress, numBytesToWrite, callback, context);
        ThreadPool.UnsafeQueueUserWorkItem(transfer, preferLocal: false);
    }

    /// <summary>Is not used: a log that recovers nothing reads nothing by itself.</summary>
    public override void ReadAsync(
        int segmentId, ulong sourceAddress, IntPtr destinationAddress, uint readLength, DeviceIOCompletionCallback callback, object context) =>
        throw new NotSupportedException("Entries are read from the files, not through the log.");

    public override void RemoveSegmentAsync(int segment, AsyncCallback callback, IAsyncResult result)
    {
        Drop(segment);
        callback(result);
    }

    public override void Dispose()
    {
        lock (_opening)
        {
            _closed = true;
            foreach (var segment in _files.Keys) Drop(segment);
        }
    }

    /// <summary>Writes to a file. Tests let it fail.</summary>
    protected virtual void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long offset) => RandomAccess.Write(file, bytes, offset);

    private static string NewName() => $"{Prefix}{Guid.NewGuid():N}";

    private static FileStream Make(string path, long length)
    {
        // The directory is made again where it is gone: what cleans up temporary directories does not ask who uses them.
        var directory = Path.GetDirectoryName(path)!;
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.None,                                // a lock that ends with the process, however that ends
            BufferSize = 0,
            PreallocationSize = length,
        };
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(directory);
            options.Options = FileOptions.DeleteOnClose;
            return new(path, options);
        }
        Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var file = new FileStream(path, options);
        File.Delete(path);
        return file;
    }

    /// <summary>Deletes files of processes that were killed between making one and taking its name away. Those of a process that lives are locked.</summary>
    private static void Sweep(string directory)
    {
        foreach (var left in Directory.EnumerateFiles(directory, Prefix + "*", new EnumerationOptions { AttributesToSkip = FileAttributes.ReparsePoint }))
        {
            try
            {
                using (new FileStream(left, FileMode.Open, FileAccess.ReadWrite, FileShare.None)) File.Delete(left);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It belongs to a process that lives, or to another user.
            }
        }
    }

    /// <summary>A file and its handle, which the stream gives only with a seek.</summary>
    private readonly record struct SegmentFile(FileStream Stream)
    {
        public SafeFileHandle Handle { get; } = Stream.SafeFileHandle;
    }

    private sealed class Transfer(
        SegmentFiles files, IntPtr from, int segment, long offset, uint count, DeviceIOCompletionCallback callback, object context) : IThreadPoolWorkItem
    {
        public void Execute()
        {
            var error = 0u;
            try
            {
                Write();
            }
            catch (Exception failure)
            {
                // The log knows numbers only. It must be told whatever went wrong, or it waits for ever.
                files.LastFailure = failure;
                error = uint.MaxValue;
            }
            callback(error, count, context);
            if (Interlocked.Decrement(ref files._transfers) == 0) Volatile.Read(ref files._idle)?.TrySetResult();
        }

        private unsafe void Write() => files.Write(files.Prepare(segment), new ReadOnlySpan<byte>((void*)from, (int)count), offset);
    }
}
