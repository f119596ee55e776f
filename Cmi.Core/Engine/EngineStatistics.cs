namespace Cmi;

/// <summary>What an engine has counted since its start. <para>Threading: immutable.</para></summary>
public sealed record EngineStatistics
{
    /// <summary>Client connections that are open now.</summary>
    public int Clients { get; init; }

    /// <summary>Requests whose head was accepted.</summary>
    public long Requests { get; init; }

    /// <summary>Replies of servers that were whole in the loop's own memory, without the buffer store.</summary>
    public long RepliesDirect { get; init; }

    /// <summary>Replies of servers that went through the buffer store.</summary>
    public long RepliesStored { get; init; }

    /// <summary>Replies of which the store, made of tiers, has had a part below its first tier; counted when they end.</summary>
    public long RepliesSpilled { get; init; }

    /// <summary>Replies of the engine's own: refusals and failures.</summary>
    public long OwnReplies { get; init; }

    /// <summary>Replies that failed after their first byte had left.</summary>
    public long RepliesCut { get; init; }

    /// <summary>Times that another server went on with a reply which had failed after its first byte had left.</summary>
    public long RepliesResumed { get; init; }

    /// <summary>Attempts that followed a failed one.</summary>
    public long Retries { get; init; }

    /// <summary>Second attempts beside one whose reply was late.</summary>
    public long Hedges { get; init; }

    /// <summary>Those of them that came to a reply first.</summary>
    public long HedgesWon { get; init; }

    /// <summary>Changes of the settings while it ran.</summary>
    public long Changes { get; init; }

    /// <summary>Settings that were offered while it ran, and refused since they have faults.</summary>
    public long RefusedChanges { get; init; }
}
