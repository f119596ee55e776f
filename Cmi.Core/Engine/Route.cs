using Cmi.Health;

namespace Cmi.Engine;

/// <summary>
/// A kind of request, and how its exchanges are treated: by which settings, and by which servers. An exchange keeps the one that it began with.
/// <para>Threading: immutable.</para>
/// </summary>
/// <param name="name">What logs call it; empty for requests that have no route.</param>
/// <param name="settings">The settings of its exchanges.</param>
/// <param name="group">The servers that answer; <see langword="null"/>: none does, its requests are refused.</param>
/// <param name="refusal">Without servers: the status of the refusal.</param>
internal sealed class Route(string name, RouteSettings settings, ActiveGroup? group, int refusal = 0)
{
    public string Name => name;
    public RouteSettings Settings => settings;
    public ActiveGroup? Group => group;
    public int Refusal => refusal;
}

/// <summary>
/// A server group with the queue in which requests wait for one of its servers. <para>Threading: immutable; the queue is for any thread.</para>
/// </summary>
/// <param name="group">The servers, and how they are shared.</param>
/// <param name="queue">Their queue, shared by all loops; the same for all versions of a group.</param>
/// <param name="care">How its servers do, and what retries may cost them; the same for all versions of a group.</param>
/// <param name="maxIdleConnections">Idle connections that one loop keeps to one server.</param>
internal sealed class ActiveGroup(ServerGroup group, IJobQueue queue, GroupCare care, int maxIdleConnections)
{
    public string Name => group.Name;
    public ServerGroup Group => group;
    public IJobQueue Queue => queue;
    public GroupCare Care => care;
    public GroupHealth Health => care.Health;
    public RetryBudget Budget => care.Budget;
    public int MaxIdleConnections => maxIdleConnections;
}
