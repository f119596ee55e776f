using Cmi.Buffers;

namespace Cmi.Tests.Buffers.Disk;

/// <summary>A disk in memory that fails as the test says: each file that is opened on it, at each call.</summary>
internal sealed class ScriptedDisk
{
    private readonly Lock _gate = new();
    private TaskCompletionSource? _stalled;

    public List<ScriptedFile> Files { get; } = [];

    /// <summary>Asked before each write, with the number of the file, from 1.</summary>
    public Func<int, Exception?> WriteFault { get; set; } = _ => null;

    public Func<Exception?> ReadFault { get; set; } = () => null;

    public Func<Exception?> OpenFault { get; set; } = () => null;

    /// <summary>The most bytes that one call takes or gives.</summary>
    public int MaxCount { get; set; } = int.MaxValue;

    public long FreeBytes { get; set; } = long.MaxValue / 16;

    public static IOException NoSpace() => new("No space left on device", 28);

    public IScratchFile Open()
    {
        if (OpenFault() is { } fault) throw fault;
        lock (_gate)
        {
            var file = new ScriptedFile(this, Files.Count + 1);
            Files.Add(file);
            return file;
        }
    }

    /// <summary>From now on nothing is answered, until <see cref="GoOn"/>.</summary>
    public void Stall()
    {
        lock (_gate) _stalled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    public void GoOn()
    {
        lock (_gate)
        {
            _stalled?.SetResult();
            _stalled = null;
        }
    }

    public Task Answering()
    {
        lock (_gate) return _stalled?.Task ?? Task.CompletedTask;
    }
}

internal sealed class ScriptedFile(ScriptedDisk disk, int number) : IScratchFile
{
    private readonly Lock _gate = new();
    private byte[] _bytes = [];
    private int _length;

    public bool IsClosed { get; private set; }

    public long FreeBytes => disk.FreeBytes;

    public int Length
    {
        get { lock (_gate) return _length; }
    }

    public async ValueTask<int> WriteAsync(long offset, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        await disk.Answering();
        if (disk.WriteFault(number) is { } fault) throw fault;
        var count = Math.Min(bytes.Length, disk.MaxCount);
        lock (_gate)
        {
            var end = (int)offset + count;
            if (end > _bytes.Length) Array.Resize(ref _bytes, Math.Max(end, _bytes.Length * 2));
            bytes[..count].CopyTo(_bytes.AsMemory((int)offset));
            _length = Math.Max(_length, end);
        }
        return count;
    }

    public async ValueTask<int> ReadAsync(long offset, Memory<byte> into, CancellationToken cancellationToken)
    {
        await disk.Answering();
        if (disk.ReadFault() is { } fault) throw fault;
        lock (_gate)
        {
            var count = (int)Math.Min(Math.Min(into.Length, disk.MaxCount), Math.Max(0, _length - offset));
            _bytes.AsMemory((int)offset, count).CopyTo(into);
            return count;
        }
    }

    public ValueTask TruncateAsync(long length)
    {
        lock (_gate) _length = (int)Math.Min(_length, length);
        return ValueTask.CompletedTask;
    }

    public void FlipBits(int at)
    {
        lock (_gate) _bytes[at] ^= 0xFF;
    }

    public ValueTask DisposeAsync()
    {
        IsClosed = true;
        return ValueTask.CompletedTask;
    }
}
