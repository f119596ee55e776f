namespace Cmi.Health;

/// <summary>How a group's servers do, who looks at them, and what retries may cost them; as long as the group's queue. <para>Threading: as each part says.</para></summary>
/// <param name="health">How they do.</param>
/// <param name="budget">What retries may cost.</param>
/// <param name="monitor">Who looks at them.</param>
/// <param name="loop">Where the monitor lives.</param>
internal sealed class GroupCare(GroupHealth health, RetryBudget budget, HealthMonitor monitor, ILoop loop)
{
    public GroupHealth Health => health;
    public RetryBudget Budget => budget;

    /// <summary>Begins to look at the servers. Any thread.</summary>
    public void Watch() => loop.Post(static monitor => ((HealthMonitor)monitor!).Start(), monitor);

    /// <summary>Ends that. Any thread.</summary>
    public void StopWatching() => loop.Post(static monitor => ((HealthMonitor)monitor!).Stop(), monitor);

    /// <summary>Goes on with other servers or settings.</summary>
    public void Change(ServerGroup group, CmiOptions options)
    {
        budget.Change(options.Retry.BudgetShare, options.Retry.BudgetMinimumPerSecond);
        health.Change(group, new(options.Health));
    }
}
