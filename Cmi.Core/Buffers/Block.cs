namespace Cmi.Buffers;

/// <summary>A piece of memory for one entry: a checksummed one is written from where it was received, and any is unsealed where it was read.</summary>
internal sealed class Block(int capacity)
{
    public const int Smallest = 1 << 10;
    public const int Largest = 64 << 10;
    public const int Classes = 4;                                  // 1, 4, 16 and 64 KiB

    // Pinned, since a transport hands it to the system, and never copied by the collector.
    public readonly byte[] Bytes = GC.AllocateUninitializedArray<byte>(capacity, pinned: true);
    public bool IsForReading;                                      // else for what is to be written
    public bool CountsAsLent;
    public bool IsLetGo;                                           // by its buffer; goes back with the last slice
    public int Leases;                                             // slices that are out; touched by the loop only

    public int Capacity => Bytes.Length;

    /// <summary>The smallest capacity that holds so many bytes, or the largest.</summary>
    public static int CapacityFor(long bytes) => bytes <= Smallest ? Smallest : bytes <= 4 << 10 ? 4 << 10 : bytes <= 16 << 10 ? 16 << 10 : Largest;

    public static int ClassOf(int capacity) => capacity <= Smallest ? 0 : capacity <= 4 << 10 ? 1 : capacity <= 16 << 10 ? 2 : 3;

    public Memory<byte> Content(int from, int count) => new(Bytes, from, count);
}
