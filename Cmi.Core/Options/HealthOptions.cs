namespace Cmi;

/// <summary>What a probe is that brings back a server which was put out, where no <see cref="HealthOptions.Path"/> is set.</summary>
public enum HealthProbeKind
{
    /// <summary>
    /// A connect and nothing else: servers see no request that no client has made. Where the server had accepted connections but failed otherwise, that it
    /// accepts proves little: it gets one request at a time then, until it has answered one.
    /// </summary>
    Connect,

    /// <summary>
    /// A connect; and where the server had accepted connections but failed otherwise, also <c>OPTIONS *</c> (RFC 9110 §9.3.7), to which any well-formed
    /// reply will do.
    /// </summary>
    Ask,
}

/// <summary>When servers are put out, and what brings them back. <para>Threading: as <see cref="CmiOptions"/>.</para></summary>
public sealed class HealthOptions
{
    /// <summary>Failures in a row, over all loops, that put a server out. A failed connect, or silence towards everyone, puts it out at once.</summary>
    /// <value>5 by default; from 1 to 10,000.</value>
    public int Failures { get; set; } = 5;

    /// <summary>The share of failures within <see cref="Window"/> that puts a server out.</summary>
    /// <value>0.5 by default; 0: not heeded; at most 1.</value>
    public double FailureShare { get; set; } = 0.5;

    /// <summary>The fewest replies and failures within <see cref="Window"/> of which the share means something.</summary>
    /// <value>20 by default; from 1 to 1,000,000.</value>
    public int FailureShareRequests { get; set; } = 20;

    /// <summary>The time over which the share of failures is taken.</summary>
    /// <value>10 s by default; above 0, at most 1 day.</value>
    public TimeSpan Window { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a server is out at least when it is put out for the first time; twice as long each time that it is put out again soon.</summary>
    /// <value>1 s by default; above 0, at most 1 day.</value>
    public TimeSpan EjectionTime { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>What that time grows to; and how long a server must stay in for the time to begin anew.</summary>
    /// <value>60 s by default; above 0, at most 1 day.</value>
    public TimeSpan MaxEjectionTime { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>The share of the servers of a group that may be out because of failures; beyond it a server stays in. Those that cannot be connected to do not count.</summary>
    /// <value>1 (the default): all; when all are out, the least bad are used. 0: none is ever put out for failures.</value>
    public double MaxEjectedShare { get; set; } = 1;

    /// <summary>Between two probes of a server that is out. A little chance is added, so that gateways do not ask in step.</summary>
    /// <value>1 s by default; above 0, at most 1 day.</value>
    public TimeSpan ProbeInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>What a probe is, where no <see cref="Path"/> is set.</summary>
    /// <value><see cref="HealthProbeKind.Connect"/> by default.</value>
    public HealthProbeKind Probe { get; set; }

    /// <summary>What active checks ask every server for by GET.</summary>
    /// <value>A path such as <c>/health</c>; <see langword="null"/> (the default): no active checks.</value>
    public string? Path { get; set; }

    /// <summary>The Host field of checks and probes.</summary>
    /// <value><see langword="null"/> (the default): the address of the server.</value>
    public string? Host { get; set; }

    /// <summary>The status codes of a check that succeeds.</summary>
    /// <value>A list such as <c>200-299, 401</c>; <c>200-399</c> by default.</value>
    public string Statuses
    {
        get;
        set => field = string.IsNullOrEmpty(value) ? "200-399" : value;
    } = "200-399";

    /// <summary>Between two active checks of one server. A little chance is added.</summary>
    /// <value>5 s by default; above 0, at most 1 day.</value>
    public TimeSpan Interval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>A probe or check as a whole, its connect included.</summary>
    /// <value>2 s by default; above 0, at most 1 day.</value>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Checks in a row that must succeed before an unhealthy server is used again.</summary>
    /// <value>2 by default; from 1 to 1,000.</value>
    public int HealthyThreshold { get; set; } = 2;

    /// <summary>Checks in a row that must fail before a server is unhealthy.</summary>
    /// <value>3 by default; from 1 to 1,000.</value>
    public int UnhealthyThreshold { get; set; } = 3;

    /// <summary>How long the share of a server grows that has come back, from a tenth to the whole.</summary>
    /// <value>0 (the default): it has its whole share at once; at most 1 day.</value>
    public TimeSpan SlowStart { get; set; }
}
