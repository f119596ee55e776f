using System.Text.Json.Serialization;

namespace Cmi.Simulation.Plans;

/// <summary>All that one run is made of. It is plain data, so that it can be made smaller, written down and run again.</summary>
/// <param name="Seed">What the chances of the run follow from that no plan names: fragments, the order of loops, whom a store fails.</param>
/// <param name="Terms">The settings of the gateway and of the network.</param>
/// <param name="Servers">The servers, by number from 1.</param>
/// <param name="Clients">The clients; each has one connection.</param>
internal sealed record Scenario(int Seed, Terms Terms, IReadOnlyList<ServerPlan> Servers, IReadOnlyList<ClientPlan> Clients)
{
    /// <summary>How many requests the clients mean to send.</summary>
    public int Requests => Clients.Sum(client => client.Requests.Count);

    public override string ToString() => $"{Clients.Count} clients, {Servers.Count} servers, {Requests} requests";
}

/// <summary>A change of settings while the gateway runs: what the new ones are.</summary>
/// <param name="At">When, in milliseconds.</param>
/// <param name="ReplyCommit">When replies may leave that are asked for from then on.</param>
/// <param name="Attempts">How often those may be tried.</param>
/// <param name="Without">The servers that are not among them, by number.</param>
internal sealed record Swap(long At, CommitMode ReplyCommit, int Attempts, IReadOnlyList<int> Without);

/// <summary>A server, and when it cannot be reached.</summary>
internal sealed record ServerPlan(int Number, IReadOnlyList<Outage> Outages);

/// <summary>A time in which a server cannot be reached.</summary>
/// <param name="Fault">
/// <see cref="Fault.Refused"/>, <see cref="Fault.Ignored"/>, <see cref="Fault.Died"/>; or <see cref="Fault.Reset"/>, <see cref="Fault.Closed"/>, <see cref="Fault.Silent"/>:
/// what becomes of each connection that is made.
/// </param>
/// <param name="From">When it begins, in milliseconds.</param>
/// <param name="Until">When it ends, in milliseconds.</param>
internal sealed record Outage(Fault Fault, long From, long Until);

/// <summary>A client: when it comes, what it asks, how it behaves.</summary>
internal sealed record ClientPlan
{
    public required int Number { get; init; }
    public required IReadOnlyList<RequestPlan> Requests { get; init; }

    /// <summary>When it connects, in milliseconds.</summary>
    public long At { get; init; }

    /// <summary>The minor version of HTTP/1 that it speaks.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]             // 0 is not its default
    public int Minor { get; init; } = 1;

    /// <summary>Whether it waits for each reply before it asks again; else it stacks its requests.</summary>
    public bool Waits { get; init; }

    /// <summary>Whether it ends its direction behind its last request.</summary>
    public bool HalfCloses { get; init; }

    /// <summary>Whether it leaves the connection open behind its last reply, until the gateway closes it.</summary>
    public bool Stays { get; init; }

    /// <summary>The most bytes that it reads at once; 0: all there is, at once.</summary>
    public int ReadPiece { get; init; }

    /// <summary>Milliseconds between two such reads.</summary>
    public int ReadGap { get; init; }

    /// <summary>What it does wrong; one of those of clients.</summary>
    public Fault Fault { get; init; }

    /// <summary>Where it does so.</summary>
    public Phase Phase { get; init; }

    /// <summary>With which of its requests, from 0.</summary>
    public int FaultRequest { get; init; }

    /// <summary>How far into that phase, in thousandths.</summary>
    public int Share { get; init; }
}

/// <summary>A request, and what servers make of it.</summary>
internal sealed record RequestPlan
{
    public required int Id { get; init; }
    public required string Method { get; init; }

    /// <summary>Content, in bytes.</summary>
    public int Bytes { get; init; }

    public bool Chunked { get; init; }

    /// <summary>Whether the client waits for a 100 before it sends the content.</summary>
    public bool Expects { get; init; }

    /// <summary>Whether it asks for the connection to be closed behind the reply.</summary>
    public bool SaysClose { get; init; }

    /// <summary>Whether it takes trailers.</summary>
    public bool TakesTrailers { get; init; }

    /// <summary>Milliseconds before it is sent.</summary>
    public int Pause { get; init; }

    /// <summary>The most bytes that are sent at once; 0: all.</summary>
    public int Piece { get; init; }

    /// <summary>Milliseconds between two such pieces.</summary>
    public int Gap { get; init; }

    /// <summary>What the first server to see it does, what the second does, and so on; beyond the last they repeat that without its fault.</summary>
    public required IReadOnlyList<ReplyPlan> Replies { get; init; }

    public bool IsSafe => Method is "GET" or "HEAD" or "OPTIONS";

    public bool IsIdempotent => IsSafe || Method is "PUT" or "DELETE";

    /// <summary>What the server does that sees it for the n-th time, from 1.</summary>
    public ReplyPlan Reply(int attempt) => attempt <= Replies.Count ? Replies[attempt - 1] : Replies[^1] with { Fault = Fault.None };
}

/// <summary>How a reply's content ends.</summary>
internal enum ReplyFraming : byte
{
    Length,
    Chunked,
    UntilClose,
}

/// <summary>What a server does that is asked for the rest of a reply.</summary>
internal enum RestAnswer : byte
{
    /// <summary>It gives the rest, if it has the version that is asked for; else it gives all that it has.</summary>
    Right,

    /// <summary>It gives all that it has.</summary>
    All,

    /// <summary>It gives a part that begins elsewhere.</summary>
    Elsewhere,

    /// <summary>It gives a part of something longer.</summary>
    Longer,

    /// <summary>It gives a part of another version, and says so.</summary>
    OtherVersion,
}

/// <summary>What a server does with a request.</summary>
internal sealed record ReplyPlan
{
    public int Status { get; init; } = 200;
    public ReplyFraming Framing { get; init; }

    /// <summary>Content, in bytes.</summary>
    public int Bytes { get; init; }

    /// <summary>
    /// Which version of a representation that all servers have it gives, under a strong ETag; its content is the same whoever gives it. 0: content of its own,
    /// without an ETag.
    /// </summary>
    public int Version { get; init; }

    /// <summary>What it does if only the rest is asked for.</summary>
    public RestAnswer ToRest { get; init; }

    /// <summary>Interim (103) responses before it.</summary>
    public int Interims { get; init; }
    public bool Trailers { get; init; }
    public bool SaysClose { get; init; }

    /// <summary>Whether the server speaks HTTP/1.0.</summary>
    public bool IsOld { get; init; }

    /// <summary>Milliseconds until it begins to answer.</summary>
    public int Delay { get; init; }

    /// <summary>The most bytes that are sent at once; 0: all.</summary>
    public int Piece { get; init; }

    /// <summary>Milliseconds between two such pieces.</summary>
    public int Gap { get; init; }

    /// <summary>What goes wrong; one of those of servers.</summary>
    public Fault Fault { get; init; }

    /// <summary>Where.</summary>
    public Phase Phase { get; init; }

    /// <summary>How far into that phase, in thousandths.</summary>
    public int Share { get; init; }
}
