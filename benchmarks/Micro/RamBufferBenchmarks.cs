using System.Diagnostics.CodeAnalysis;
using BenchmarkDotNet.Attributes;
using Cmi.Buffers;
using Cmi.Testing;

namespace Cmi.Benchmarks.Micro;

/// <summary>A content written in pieces of 16 KiB, read back and freed. Beside it, the two copies that this cannot do without.</summary>
[MemoryDiagnoser]
[SuppressMessage("Reliability", "CA1001", Justification = "The clean-up disposes.")]
public class RamBufferBenchmarks
{
    private const int PieceBytes = 16 * 1024;
    private readonly byte[] _piece = new byte[PieceBytes], _read = new byte[64 * 1024];
    private readonly ManualLoop _loop = new();
    private readonly RamBufferStore _store = new();
    private byte[] _flat = [];

    [Params(16 * 1024, 1024 * 1024)]
    public int ContentBytes { get; set; }

    [GlobalSetup]
    public void MakeFlat() => _flat = new byte[ContentBytes];

    [GlobalCleanup]
    public async Task DisposeAsync() => await _store.DisposeAsync();

    [Benchmark]
    public void WriteAndRead() => _loop.Wait(async () =>
    {
        await using var buffer = _store.TryCreate(_loop, null) ?? throw new InvalidOperationException("full");
        for (var written = 0; written < ContentBytes; written += PieceBytes)
        {
            if (await buffer.WaitForRoomAsync(default) != Room.Ok) throw new InvalidOperationException("no room");
            _piece.CopyTo(buffer.GetMemory(PieceBytes));
            buffer.Advance(PieceBytes);
        }
        buffer.Complete();
        for (long at = 0; at < ContentBytes;)
        {
            using var slice = await buffer.ReadAsync(at, _read.Length, default);
            slice.Memory.CopyTo(_read);
            at += slice.Length;
            buffer.Release(at);
        }
    });

    [Benchmark(Baseline = true)]
    public void CopyTwice()
    {
        for (var written = 0; written < ContentBytes; written += PieceBytes) _piece.CopyTo(_flat.AsSpan(written));
        for (var read = 0; read < ContentBytes; read += Math.Min(ContentBytes, _read.Length)) _flat.AsSpan(read, Math.Min(ContentBytes, _read.Length)).CopyTo(_read);
    }
}
