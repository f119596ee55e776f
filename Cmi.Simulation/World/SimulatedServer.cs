using Cmi.Simulation.Plans;
using Cmi.Testing;

namespace Cmi.Simulation.World;

/// <summary>A server: where it is, when it is there, and its connections.</summary>
internal sealed class SimulatedServer(SimulatedWorld world, ServerPlan plan)
{
    private readonly List<ServerConversation> _open = [];
    private readonly List<InMemoryServer> _before = [];             // what it was to the network before its outages
    private InMemoryServer _network = null!;
    private Outage? _outage;
    private long _lastLetGo = -1;

    public ServerPlan Plan => plan;

    public ServerAddress Address { get; } = AddressOf(plan.Number);

    /// <summary>Grants for it that are out.</summary>
    public int Grants { get; set; }

    public static ServerAddress AddressOf(int number) => new(AddressKind.Tcp, $"10.255.0.{number}", 80);

    /// <summary>Begins to serve.</summary>
    public void Start()
    {
        Serve();
        foreach (var outage in plan.Outages)
        {
            world.Agenda.At(outage.From, () => Begin(outage));
            world.Agenda.At(outage.Until, () => End(outage));
        }
    }

    /// <summary>Whether it has let go of a connection since a time.</summary>
    public bool HasClosedSince(long time) => _lastLetGo >= time;

    /// <summary>An outage of it that touches a time.</summary>
    public Outage? HadOutage(long from, long until)
    {
        foreach (var outage in plan.Outages)
        {
            if (outage.From <= until && outage.Until >= from) return outage;
        }
        return null;
    }

    /// <summary>A conversation is over.</summary>
    public void Left(ServerConversation conversation, bool byServer)
    {
        _open.Remove(conversation);
        if (byServer) HasLetGo();
    }

    /// <summary>Notes that it has let go of a connection.</summary>
    public void HasLetGo() => _lastLetGo = world.Now;

    private void Begin(Outage outage)
    {
        _outage = outage;
        if (outage.Fault is Fault.Refused or Fault.Died) world.Transport.Refuse(Address);
        if (outage.Fault == Fault.Ignored) world.Transport.BlackHole(Address);
        if (outage.Fault != Fault.Died) return;
        foreach (var conversation in _open.ToArray()) conversation.Die();
    }

    private void End(Outage outage)
    {
        if (_outage != outage) return;
        _outage = null;
        Serve();
    }

    // The same server, so that connections made before are counted on.
    private void Serve()
    {
        var before = _network;
        _network = world.Transport.AddServer(Address);
        _network.Accepted = Accept;
        if (before is not null) _before.Add(before);
    }

    private void Accept(InMemoryPeer peer)
    {
        var terms = world.Scenario.Terms;
        var limit = terms.MaxServerConnections ?? terms.MaxRequests;
        var open = _network.Open + _before.Sum(server => server.Open);
        if (limit > 0 && open > limit) world.Violate("connection-bound", $"{open} connections to server {plan.Number} are open, {limit} may be");
        switch (_outage?.Fault)
        {
            case Fault.Reset:
                HasLetGo();
                peer.Abort();
                break;
            case Fault.Closed:
                HasLetGo();
                peer.Close();
                break;
            case Fault.Silent:
                break;
            default:
                _open.Add(new(this, world, peer));
                break;
        }
    }
}
