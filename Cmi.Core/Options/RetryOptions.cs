namespace Cmi;

/// <summary>When a request is tried again. <para>Threading: as <see cref="CmiOptions"/>.</para></summary>
public abstract class RouteRetryOptions
{
    private int? _attempts;
    private string? _statuses, _idempotencyKeyField;
    private TimeSpan? _maxRetryAfter, _hedgeAfter;

    private protected RouteRetryOptions()
    {
    }

    internal RouteRetryOptions? Inherited { get; init; }

    /// <summary>Attempts in all, the first included. A reused connection that turns out to be stale does not count, once.</summary>
    /// <value>3 by default; from 1 (never again) to 10.</value>
    public int Attempts
    {
        get => _attempts ?? Inherited?.Attempts ?? 3;
        set => _attempts = value;
    }

    /// <summary>Status codes that are failures: another attempt follows where the request may be sent again. Without one the reply goes to the client as it is.</summary>
    /// <value>A list of 429, 502, 503 and 504, such as <c>502-504</c>; <see langword="null"/> by default: none. A 429 only where it says Retry-After.</value>
    public string? Statuses
    {
        get => _statuses ?? Inherited?.Statuses;
        set => _statuses = value;
    }

    /// <summary>The longest Retry-After of a server that is waited for where no other server is left; a reply that says more goes to the client.</summary>
    /// <value>2 s by default; from 0 to 1 day.</value>
    public TimeSpan MaxRetryAfter
    {
        get => _maxRetryAfter ?? Inherited?.MaxRetryAfter ?? TimeSpan.FromSeconds(2);
        set => _maxRetryAfter = value;
    }

    /// <summary>
    /// How long the head of a reply to a safe request may take before a second server is asked beside the first; the first usable head of the two decides whose reply
    /// it is. The second is one of <see cref="Attempts"/>, and draws on the budget of retries.
    /// </summary>
    /// <value>0 by default: never; at most 1 day. Best about the time within which 95 of 100 replies begin.</value>
    public TimeSpan HedgeAfter
    {
        get => _hedgeAfter ?? Inherited?.HedgeAfter ?? TimeSpan.Zero;
        set => _hedgeAfter = value;
    }

    /// <summary>A field that makes a request idempotent whatever its method: its servers promise to act once on equal values.</summary>
    /// <value>A field name such as <c>Idempotency-Key</c>; <see langword="null"/> by default: none.</value>
    public string? IdempotencyKeyField
    {
        get => _idempotencyKeyField ?? Inherited?.IdempotencyKeyField;
        set => _idempotencyKeyField = value;
    }
}

/// <summary>When a request is tried again, and what bounds that. <para>Threading: as <see cref="CmiOptions"/>.</para></summary>
public sealed class RetryOptions : RouteRetryOptions
{
    /// <summary>
    /// Retries and hedges for each request of the last ten seconds or so, for all servers of a group together. The first retry after a connection that failed or broke is free
    /// while another server is healthy; all others draw on this.
    /// </summary>
    /// <value>0.2 by default; from 0 to 10.</value>
    public double BudgetShare { get; set; } = 0.2;

    /// <summary>Retries and hedges for each second, however little is asked.</summary>
    /// <value>10 by default; from 0 to 1,000,000.</value>
    public int BudgetMinimumPerSecond { get; set; } = 10;
}
