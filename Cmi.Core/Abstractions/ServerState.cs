namespace Cmi;

/// <summary>What the operator wants of a server.</summary>
public enum ServerState
{
    /// <summary>It takes its share of the requests, as long as it is healthy.</summary>
    Active,

    /// <summary>It gets no new requests; those in flight finish. Its health is watched on.</summary>
    Drain,

    /// <summary>It gets no new requests and is not looked at; those in flight finish.</summary>
    Maintenance,
}

/// <summary>Why a server gets no requests, or that it does.</summary>
public enum ServerCondition
{
    /// <summary>Nothing is known against it.</summary>
    Healthy,

    /// <summary>It has come back, and gets a growing share of the requests.</summary>
    SlowStart,

    /// <summary>It was ejected and accepts connections again: while others are healthy it gets one request at a time, until it has answered one.</summary>
    Trial,

    /// <summary>A connect failed. It is back when a connect (or check) succeeds.</summary>
    Unreachable,

    /// <summary>It said nothing in time, or too many of its replies were broken. It is tried again when its time is over and a probe succeeds.</summary>
    Ejected,

    /// <summary>Its active checks fail.</summary>
    Unhealthy,
}

/// <summary>What is known of the health of one server. <para>Threading: immutable.</para></summary>
/// <param name="Server">The server.</param>
/// <param name="State">What the operator wants.</param>
/// <param name="Condition">What was found.</param>
/// <param name="IsUsable">Whether it may be granted now; also where all servers of the group have failed and it is among the least bad.</param>
/// <param name="ConsecutiveFailures">Failures since the last whole reply.</param>
/// <param name="OutFor">How long it is out at least, from now; zero if it is in, or may come back at any moment.</param>
/// <param name="Replies">Whole replies since the start.</param>
/// <param name="TrustedCloses">Of those, the ones whose end was the end of the connection: a crash of the server can look like it.</param>
/// <param name="Failures">Failures since the start: connects, silences, broken replies.</param>
/// <param name="Ejections">How often it was put out since the start.</param>
/// <param name="ProbesFailed">Probes and checks that failed since the start.</param>
public readonly record struct ServerHealth(ServerAddress Server, ServerState State, ServerCondition Condition, bool IsUsable, int ConsecutiveFailures,
    TimeSpan OutFor, long Replies, long TrustedCloses, long Failures, long Ejections, long ProbesFailed);
