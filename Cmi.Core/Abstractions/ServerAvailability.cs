namespace Cmi;

/// <summary>
/// Which servers of a group may be granted at this moment. The engine keeps it: servers that failed, that are checked and found unhealthy, or that were
/// taken out by hand are not usable. A queue grants usable servers only, and looks again when <see cref="Changed"/> says so.
/// <para>
/// It is never empty because of failures: when all servers have failed, those that failed least are usable. It is empty only while every server was taken
/// out by hand; tickets then wait.
/// </para>
/// <para>Threading: any thread.</para>
/// </summary>
public sealed class ServerAvailability
{
    /// <summary>The share of grants, in thousandths, that a server may have which is offered with each of them.</summary>
    internal const int FullShare = 1000;

    /// <summary>Instead of a share: the server may have one request in flight.</summary>
    internal const int OneAtATime = 0;

    private readonly int[] _credits;                               // of servers that start slowly; touched only while they do
    private volatile Snapshot _now;

    /// <summary>All servers are usable.</summary>
    /// <param name="servers">How many servers the group has.</param>
    public ServerAvailability(int servers)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(servers);
        _credits = new int[servers];
        _now = new([.. Enumerable.Range(0, servers)], [], null);
    }

    /// <summary>Something has changed: waiting tickets may have a server now. Raised outside of any lock, on any thread.</summary>
    public event EventHandler? Changed;

    /// <summary>The places, in <see cref="ServerGroup.Servers"/>, of the usable servers, in order; the array behind it never changes.</summary>
    public ReadOnlySpan<int> Usable => _now.Usable;

    /// <summary>
    /// The places of servers that are out for what they did in use, and may be better by now; the array behind it never changes. For a ticket whose
    /// <see cref="JobTicket.Avoid"/> has all usable servers they come before those that have failed it.
    /// </summary>
    public ReadOnlySpan<int> Reserve => _now.Reserve;

    /// <summary>Whether a server is usable.</summary>
    /// <param name="server">Its place in <see cref="ServerGroup.Servers"/>.</param>
    /// <returns>Whether it is.</returns>
    public bool IsUsable(int server) => Array.BinarySearch(_now.Usable, server) >= 0;

    /// <summary>Says which servers are usable, and tells the queue. The engine calls it; tests of queues may.</summary>
    /// <param name="usable">Places in <see cref="ServerGroup.Servers"/>, in order, none twice.</param>
    /// <exception cref="ArgumentException">The places are not in order, or not of the group.</exception>
    public void Set(ReadOnlySpan<int> usable)
    {
        Keep(usable, [], null);
        Tell();
    }

    internal Snapshot Now => _now;

    internal void Keep(ReadOnlySpan<int> usable, int[] reserve, int[]? shares)
    {
        var before = -1;
        foreach (var server in usable)
        {
            if (server <= before || server >= _credits.Length) throw new ArgumentException("The places must be in order, and of the group.", nameof(usable));
            before = server;
        }
        _now = new([.. usable], reserve, shares);
    }

    internal void Tell() => Changed?.Invoke(this, EventArgs.Empty);

    /// <summary>Whether a server that starts slowly takes part in this choice: in as many of a thousand as its share says, evenly.</summary>
    internal bool TakesPart(Snapshot now, int server)
    {
        var share = now.Shares![server];
        if (share is FullShare or OneAtATime) return true;
        var credit = Interlocked.Add(ref _credits[server], share);
        return credit / FullShare != (credit - share) / FullShare;
    }

    /// <summary>One moment. Immutable.</summary>
    /// <param name="usable">The usable servers, in order.</param>
    /// <param name="reserve">Those that are out for what they did in use.</param>
    /// <param name="shares">In how many of a thousand choices each server takes part; <see langword="null"/>: all in all.</param>
    internal sealed class Snapshot(int[] usable, int[] reserve, int[]? shares)
    {
        public readonly int[] Usable = usable;
        public readonly int[] Reserve = reserve;
        public readonly int[]? Shares = shares;

        /// <summary>The most requests in flight at a server, whatever its limit.</summary>
        /// <param name="server">Its place.</param>
        public int MostOf(int server) => Shares is not null && Shares[server] == OneAtATime ? 1 : int.MaxValue;
    }
}
