using Cmi.Messages;

namespace Cmi.Engine;

/// <summary>What one loop has counted. <para>Threading: written by the loop, read by any thread.</para></summary>
internal sealed class EngineCounters
{
    /// <summary>The status codes that a reply of our own can have.</summary>
    public const int FirstOwnStatus = 200, LastOwnStatus = 599;

    private static readonly int Methods = Enum.GetValues<Method>().Length;

    public long Clients, Accepted, Requests, RepliesDirect, RepliesStored, RepliesSpilled, OwnReplies, Retries, RepliesCut, RepliesResumed, Hedges, HedgesWon, Tunnels;

    /// <summary>Exchanges that have begun, and those of them that have not ended, by <see cref="Method"/>.</summary>
    public readonly long[] Begun = new long[Methods], Active = new long[Methods];

    /// <summary>Replies of our own by their status code, from <see cref="FirstOwnStatus"/>.</summary>
    public readonly long[] OwnByStatus = new long[LastOwnStatus - FirstOwnStatus + 1];
}
