namespace Cmi;

/// <summary>What waits in a queue for a server: a few numbers about an exchange, which itself never moves.</summary>
/// <param name="Id">The exchange's number, unique in this process.</param>
/// <param name="Group">The server group that it asks for.</param>
/// <param name="FairKey">What a fair queue may share by (the client); 0: none.</param>
/// <param name="AffinityKey">What a sticky selector may place by; 0: none.</param>
/// <param name="Priority">Higher goes first where a queue heeds it; 0 by default.</param>
/// <param name="EnqueuedAt">When the exchange first asked, in milliseconds of <see cref="ILoop.Now"/>; a retry keeps it.</param>
/// <param name="Deadline">When the engine will withdraw the ticket, in the same milliseconds; a retry keeps it.</param>
/// <param name="RequestBytes">The size of the request's content as far as it is known.</param>
/// <param name="Attempt">1 for the first attempt.</param>
/// <param name="Avoid">Servers that failed this exchange, or are asked already; one of them only if no other is left.</param>
public readonly record struct JobTicket(long Id, string Group, ulong FairKey, ulong AffinityKey, byte Priority,
    long EnqueuedAt, long Deadline, long RequestBytes, int Attempt, ServerSet Avoid);

/// <summary>The permission to have one request in flight at a server.</summary>
/// <param name="Server">The server, chosen at this moment.</param>
/// <param name="Lease">The queue's own number for it.</param>
/// <param name="ExpiresAt">When it lapses unless renewed, in milliseconds of <see cref="ILoop.Now"/>; <see cref="long.MaxValue"/>: never.</param>
public readonly record struct JobGrant(ServerAddress Server, long Lease, long ExpiresAt);

/// <summary>How the use of a grant ended.</summary>
public enum GrantOutcome : byte
{
    /// <summary>The server gave a whole reply.</summary>
    Done,

    /// <summary>The server could not be reached, broke off, or was too slow.</summary>
    ServerFailed,

    /// <summary>The server was not asked, or its answer was no longer wanted.</summary>
    Unused,
}

/// <summary>
/// The jobs that wait for the servers of one group, and the decision which goes when and where. It is shared by all loops.
/// <para>Threading: any thread.</para>
/// </summary>
public interface IJobQueue : IAsyncDisposable
{
    /// <summary>How many tickets wait.</summary>
    int Waiting { get; }

    /// <summary>Takes a grant at once, if a server has a slot free and nobody waits for it. The usual case: no allocation, no hop.</summary>
    /// <param name="ticket">Who asks.</param>
    /// <param name="grant">The grant.</param>
    /// <returns>Whether there is one; if not, <see cref="AcquireAsync"/> is next.</returns>
    bool TryAcquire(JobTicket ticket, out JobGrant grant);

    /// <summary>Waits for a grant.</summary>
    /// <param name="ticket">Who asks.</param>
    /// <param name="withdrawn">Withdraws the ticket: its deadline has passed or its client has left.</param>
    /// <returns>The grant; <see langword="null"/>: refused, since the queue is full or disposed, or withdrawn.</returns>
    ValueTask<JobGrant?> AcquireAsync(JobTicket ticket, CancellationToken withdrawn);

    /// <summary>Extends a grant that would lapse.</summary>
    /// <param name="grant">The grant.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Whether it holds on.</returns>
    ValueTask<bool> RenewAsync(JobGrant grant, CancellationToken cancellationToken);

    /// <summary>Gives a grant back. Called exactly once for each, also for one that crossed a withdrawal.</summary>
    /// <param name="grant">The grant.</param>
    /// <param name="outcome">How it ended.</param>
    void Complete(JobGrant grant, GrantOutcome outcome);
}

/// <summary>
/// A job queue that can go on with other servers and limits. When the configuration changes while the engine runs, the group of a queue that cannot stays as
/// it is until the next start. <para>Threading: any thread.</para>
/// </summary>
public interface IAdjustableJobQueue : IJobQueue
{
    /// <summary>
    /// Takes over the servers, the limits and the selector of a group that has changed. Tickets that wait stay in their places and are served by the new
    /// servers; grants that are out stay valid, also for servers that are gone, and count for those that stay.
    /// </summary>
    /// <param name="group">The group as it is from now on; its name is the same.</param>
    void Adjust(ServerGroup group);
}

/// <summary>A few servers. <para>Threading: immutable.</para></summary>
public readonly struct ServerSet : IEquatable<ServerSet>
{
    private readonly ServerAddress[]? _servers;

    private ServerSet(ServerAddress[] servers) => _servers = servers;

    /// <summary>How many.</summary>
    public int Count => _servers?.Length ?? 0;

    /// <summary>Whether a server is one of them.</summary>
    /// <param name="server">The server.</param>
    /// <returns>Whether it is.</returns>
    public bool Contains(ServerAddress server) => _servers is not null && Array.IndexOf(_servers, server) >= 0;

    /// <summary>These servers and one more.</summary>
    /// <param name="server">The one more.</param>
    /// <returns>The set of all; this one if it was among them.</returns>
    public ServerSet With(ServerAddress server) => Contains(server) ? this : new([.. _servers ?? [], server]);

    /// <inheritdoc/>
    public bool Equals(ServerSet other) => Count == other.Count && (_servers is null || _servers.All(other.Contains));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is ServerSet other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => Count;

    /// <summary>Whether two sets hold the same servers.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    /// <returns>Whether they do.</returns>
    public static bool operator ==(ServerSet left, ServerSet right) => left.Equals(right);

    /// <summary>Whether two sets hold different servers.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    /// <returns>Whether they do.</returns>
    public static bool operator !=(ServerSet left, ServerSet right) => !left.Equals(right);
}
