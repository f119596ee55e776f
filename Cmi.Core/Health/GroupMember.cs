using System.Runtime.InteropServices;

namespace Cmi.Health;

/// <summary>
/// A server as its group knows it; the same object as long as it belongs to the group. <para>Threading: as each part says.</para>
/// </summary>
internal sealed class GroupMember(ServerAddress address, HealthSettings settings, int loops)
{
    private readonly Tally[] _tallies = new Tally[loops];          // each written by its loop alone

    public ServerAddress Address => address;

    /// <summary>What it has done, and what follows. Guarded by the lock of the group.</summary>
    public ServerRecord Record { get; } = new(settings);

    /// <summary>Whether it has failed since its last whole reply.</summary>
    public volatile bool IsFailing;

    /// <summary>What looks at it now; <see langword="null"/>: nothing does. The monitor's own.</summary>
    public HealthProbe? Probe { get; set; }

    /// <summary>When its next active check is due; -1: not known yet. The monitor's own.</summary>
    public long NextCheck { get; set; } = -1;

    /// <summary>What one loop has seen of it.</summary>
    public ref Tally Of(int loop) => ref _tallies[loop];

    /// <summary>What all loops have seen of it; each number exact, but not of one moment.</summary>
    public Tally Sum()
    {
        var sum = default(Tally);
        for (var i = 0; i < _tallies.Length; i++)
        {
            sum.Replies += Volatile.Read(ref _tallies[i].Replies);
            sum.TrustedCloses += Volatile.Read(ref _tallies[i].TrustedCloses);
            sum.LastAt = Math.Max(sum.LastAt, Volatile.Read(ref _tallies[i].LastAt));
        }
        return sum;
    }

    /// <summary>Counts; of 128 bytes, so that two loops never write to one cache line.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 128)]
    internal struct Tally
    {
        public long Replies, LastAt, TrustedCloses;
    }
}
