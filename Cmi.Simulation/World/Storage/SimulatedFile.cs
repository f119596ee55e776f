using Cmi.Buffers;

namespace Cmi.Simulation.World.Storage;

/// <summary>A file of the disk store, on a simulated drive.</summary>
internal sealed class SimulatedFile(SimulatedDrive drive) : IScratchFile
{
    private byte[] _bytes = [];
    private int _length;

    public long FreeBytes => drive.FreeBytes;

    public async ValueTask<int> WriteAsync(long offset, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        await drive.WriteAsync();
        var count = drive.Shorten(bytes.Length);
        var end = (int)offset + count;
        if (end > _bytes.Length) Array.Resize(ref _bytes, Math.Max(end, 2 * _bytes.Length));
        bytes[..count].CopyTo(_bytes.AsMemory((int)offset));
        _length = Math.Max(_length, end);
        return count;
    }

    public async ValueTask<int> ReadAsync(long offset, Memory<byte> into, CancellationToken cancellationToken)
    {
        await drive.ReadAsync();
        var there = (int)Math.Clamp(_length - offset, 0, into.Length);
        var count = drive.Shorten(there);
        _bytes.AsSpan((int)offset, count).CopyTo(into.Span);
        drive.Spoil(into.Span[..count]);
        return count;
    }

    public async ValueTask TruncateAsync(long length)
    {
        await drive.WriteAsync();
        _length = (int)Math.Min(_length, length);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
