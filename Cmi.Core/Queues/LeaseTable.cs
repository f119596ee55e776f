using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace Cmi.Queues;

/// <summary>
/// Gives out numbers for grants and takes each back exactly once. A number is the place of a slot and the slot's generation, which is odd while the
/// slot is out; so a second return is told apart, even when the slot is out again for another grant. (A generation returns after 2³¹ uses of one slot.)
/// <para>
/// Free slots are linked into one stack per stripe, whose head carries a tag that every change raises, so that a head which was taken and put back is
/// not mistaken for an unchanged one. A thread takes from its own stripe: loops do not meet here. It allocates only while more grants are out than
/// ever before, 16 bytes for each.
/// </para>
/// <para>Threading: any thread.</para>
/// </summary>
internal sealed class LeaseTable
{
    private const int StripeBits = 3;
    private const int Stripes = 1 << StripeBits;
    private const int ChunkBits = 8;
    private const int ChunkSlots = 1 << ChunkBits;
    private const int MaxChunks = 1 << (32 - StripeBits - ChunkBits - 1);

    private readonly Head[] _heads = new Head[Stripes];
    private readonly Slot[][][] _chunks = new Slot[Stripes][][];   // per stripe; grown by copying, so that readers need no lock
    private readonly Lock _growing = new();

    public LeaseTable() => Array.Fill(_chunks, []);

    /// <summary>Takes a number.</summary>
    /// <param name="server">What to remember with it.</param>
    /// <returns>The number; never 0.</returns>
    public long Rent(QueuedServer server)
    {
        var stripe = Environment.CurrentManagedThreadId & (Stripes - 1);
        ref var head = ref _heads[stripe].Value;
        for (; ; )
        {
            var seen = Volatile.Read(ref head);
            var place = (int)(uint)seen - 1;
            if (place < 0)
            {
                Grow(stripe);
                continue;
            }
            ref var slot = ref Volatile.Read(ref _chunks[stripe])[place >> ChunkBits][place & (ChunkSlots - 1)];
            if (Interlocked.CompareExchange(ref head, Tagged(seen, Volatile.Read(ref slot.Next)), seen) != seen) continue;
            slot.Server = server;
            var generation = slot.Generation + 1;
            Volatile.Write(ref slot.Generation, generation);
            return (long)generation << 32 | ((uint)place << StripeBits) | (uint)stripe;
        }
    }

    /// <summary>Takes a number back.</summary>
    /// <param name="lease">The number.</param>
    /// <param name="server">What was remembered with it.</param>
    /// <returns>Whether the number was out.</returns>
    public bool TryReturn(long lease, [NotNullWhen(true)] out QueuedServer? server)
    {
        server = null;
        var (generation, stripe, place) = ((uint)(lease >> 32), (int)lease & (Stripes - 1), (int)((uint)lease >> StripeBits));
        var chunks = Volatile.Read(ref _chunks[stripe]);
        if ((generation & 1) == 0 || place >> ChunkBits >= chunks.Length) return false;
        ref var slot = ref chunks[place >> ChunkBits][place & (ChunkSlots - 1)];
        if (Interlocked.CompareExchange(ref slot.Generation, generation + 1, generation) != generation) return false;
        server = slot.Server!;                                     // the slot is this caller's until it is pushed
        Push(ref _heads[stripe].Value, first: place, last: ref slot);
        return true;
    }

    private void Grow(int stripe)
    {
        lock (_growing)
        {
            ref var head = ref _heads[stripe].Value;
            if ((uint)Volatile.Read(ref head) != 0) return;        // another thread has grown it, or a slot came back
            var chunks = _chunks[stripe];
            if (chunks.Length == MaxChunks) throw new InvalidOperationException("More grants are out than a queue can number.");
            var chunk = new Slot[ChunkSlots];
            var first = chunks.Length << ChunkBits;
            for (var i = 0; i < ChunkSlots - 1; i++) chunk[i].Next = first + i + 2;
            Volatile.Write(ref _chunks[stripe], [.. chunks, chunk]);
            Push(ref head, first, ref chunk[ChunkSlots - 1]);
        }
    }

    private static void Push(ref long head, int first, ref Slot last)
    {
        for (; ; )
        {
            var seen = Volatile.Read(ref head);
            Volatile.Write(ref last.Next, (int)(uint)seen);
            if (Interlocked.CompareExchange(ref head, Tagged(seen, first + 1), seen) == seen) return;
        }
    }

    private static long Tagged(long before, int next) => (before & ~0xFFFF_FFFFL) + (1L << 32) | (uint)next;

    private struct Slot
    {
        public uint Generation;                                    // odd: out
        public int Next;                                           // the place of the next free slot, plus 1; 0: none
        public QueuedServer? Server;
    }

    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct Head
    {
        [FieldOffset(0)]
        public long Value;                                         // low half: the place of the first free slot, plus 1; high half: the tag
    }
}
