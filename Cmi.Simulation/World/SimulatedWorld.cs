using System.Diagnostics.CodeAnalysis;
using Cmi.Queues;
using Cmi.Simulation.Judging;
using Cmi.Simulation.Plans;
using Cmi.Simulation.World.Storage;
using Cmi.Testing;

namespace Cmi.Simulation.World;

/// <summary>
/// One scenario as it happens: the real engine, queue, pools, timers and store between simulated clients and servers. One thread turns the loops one by one;
/// time moves when none has anything to do, to whatever is due next. It ends with the first violation.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "The engine is stopped at the end of the run; where a rule did not hold, all is left to the garbage collector as it is.")]
internal sealed class SimulatedWorld
{
    private const int TurnsToAStall = 100;                          // one of so many takes long
    private const int LongestStall = 50;                            // milliseconds
    private const int MostTurns = 200_000;                          // at one moment; more is a livelock
    private const long MostTime = 600_000;                          // without the end of a request: nothing that may happen needs more than a part of it

    private readonly Dictionary<int, AskedRequest> _requests = [];
    private readonly Dictionary<ServerAddress, SimulatedServer> _servers = [];
    private readonly List<SimulatedClient> _clients = [];
    private readonly OutcomeTable _table;
    private readonly Random _random, _stalls;
    private readonly CmiEngine _engine;
    private readonly List<IJobQueue> _queues = [];
    private readonly SimulatedStorage? _storage;                    // none where the store is the caller's
    private readonly List<(long From, Terms Terms, IReadOnlyList<int> Without)> _settings = [];
    private Task? _stopping;
    private int _through;
    private ulong _trace = 14695981039346656037;                    // FNV-1a

    public SimulatedWorld(Scenario scenario, OutcomeTable table, Func<long, IBufferStore>? store, Func<ServerGroup, int, IJobQueue>? queue)
    {
        (Scenario, _table, _random, _stalls) = (scenario, table, new(scenario.Seed), new(~scenario.Seed));
        var terms = scenario.Terms;
        Transport = new(terms.ToTransport(scenario.Seed));
        Ledger = new(this);
        Oracle = new(this);
        _settings.Add((0, terms, []));
        if (store is null) _storage = new(this, terms.Tiers);
        Store = new(_storage?.Store ?? store!(terms.Tiers[0].Bytes), this);
        foreach (var plan in scenario.Servers)
        {
            var server = new SimulatedServer(this, plan);
            _servers.Add(server.Address, server);
        }
        _engine = new(terms.ToOptions(_servers.Keys), Transport, Store, group =>
        {
            var made = queue?.Invoke(group, terms.MaxQueued) ?? new JobQueue(group, terms.MaxQueued);
            _queues.Add(made);
            return new ObservedQueue(made, Ledger);
        }, new EngineLog(this));
    }

    public Scenario Scenario { get; }
    public InMemoryTransport Transport { get; }
    public Agenda Agenda { get; } = new();
    public Ledger Ledger { get; }
    public Oracle Oracle { get; }
    public ObservedStore Store { get; }

    /// <summary>The time, in milliseconds.</summary>
    public long Now => Transport.Crank.Time.Milliseconds;

    /// <summary>The same time, for those who measure by it.</summary>
    public TimeProvider Time => Transport.Crank.Time;

    /// <summary>Whether the gateway was told to stop.</summary>
    public bool IsDraining { get; private set; }

    /// <summary>When that was.</summary>
    public long DrainingSince { get; private set; }

    /// <summary>By how many milliseconds at the most the gateway has sent something before its peer sees it: others turn twice at the most until its loop does.</summary>
    public long MostLate => Scenario.Terms.SendsLate ? 2 * LongestStall * Scenario.Terms.Loops : 0;

    /// <summary>What was found, if anything.</summary>
    public Violation? Found { get; private set; }

    /// <summary>How many requests came to an end.</summary>
    public long Exchanges { get; private set; }

    /// <summary>A number that follows from all that happened, in order.</summary>
    public ulong Trace => _trace;

    // A change goes to one loop first, and from there to the others.
    private long SpreadTime => 2 * MostLate;

    /// <summary>Lets it happen.</summary>
    public void Run()
    {
        try
        {
            Begin();
            Go(() => _through == _clients.Count, "answered");
            if (Found is null) Stop();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Violate("exception", e.ToString());
        }
    }

    public AskedRequest? Find(int id) => _requests.GetValueOrDefault(id);

    public SimulatedServer ServerAt(ServerAddress address) => _servers[address];

    /// <summary>Whether something is so by the settings that a request has: those in force when it came, of which there may be several.</summary>
    public bool MayBe(AskedRequest request, Predicate<Terms> isSo)
    {
        if (_settings.Count == 1) return isSo(Scenario.Terms);
        var (from, until) = (request.BegunAt, request.Exchange?.FirstAsked ?? Now);
        for (var i = 0; i < _settings.Count; i++)
        {
            var ends = i + 1 < _settings.Count ? _settings[i + 1].From + SpreadTime : long.MaxValue;
            if (_settings[i].From <= until && ends >= from && isSo(_settings[i].Terms)) return true;
        }
        return false;
    }

    /// <summary>The servers that were among those to be asked at all times since then.</summary>
    public IEnumerable<SimulatedServer> ServersSince(long time)
    {
        var first = _settings.FindLastIndex(settings => settings.From + SpreadTime < time);     // of a change in that moment nobody knows whether it was before
        var without = _settings.Skip(Math.Max(0, first)).SelectMany(settings => settings.Without).ToHashSet();
        return _servers.Values.Where(server => !without.Contains(server.Plan.Number));
    }

    /// <summary>Connects a client.</summary>
    /// <returns>None if the gateway does not listen any more.</returns>
    public InMemoryPeer? Connect(PeerAddress from) => IsDraining ? null : Transport.Connect(_engine.Endpoints[0], from);

    public void ClientIsThrough() => _through++;

    /// <summary>A rule does not hold. Only the first time counts: what follows may follow from it.</summary>
    public void Violate(string rule, string text) => Found ??= new(rule, $"at {Now} ms, {text}", Scenario, Now);

    /// <summary>A fault has struck.</summary>
    /// <param name="request">Whom; none if no request was there.</param>
    public void Feel(AskedRequest? request, Fault fault, Phase phase)
    {
        Note('f', (int)fault);
        if (request is null) Count(fault, phase, Outcome.Unfelt, null);
        else if (request.Outcome is { } outcome) Count(fault, phase, outcome, request);
        else request.Felt.Add((fault, phase));
    }

    /// <summary>A request has come to its end.</summary>
    public void Resolve(AskedRequest request, Outcome outcome)
    {
        if (request.Outcome is not null) return;
        request.Outcome = outcome;
        if (request.Index < request.Client.Begun || request.SentWhole) Exchanges++;
        foreach (var (fault, phase) in request.Felt) Count(fault, phase, outcome, request);
        Note('o', (int)outcome);
    }

    /// <summary>Adds to the trace that something happened.</summary>
    public void Note(char what, int which)
    {
        Add(what);
        Add((ulong)which);
        Add((ulong)Now);

        void Add(ulong value) => _trace = unchecked((_trace ^ value) * 1099511628211);
    }

    // What is said to be impossible is a rule as well.
    private void Count(Fault fault, Phase phase, Outcome outcome, AskedRequest? request)
    {
        _table.Count(fault, phase, outcome);
        if ((Impossible.Reason(fault, phase) ?? Impossible.Reason(fault, phase, outcome)) is { } reason)
            Violate("impossible", $"{fault} in {phase} has led to {outcome}. {reason} {request}");
    }

    private void Begin()
    {
        foreach (var server in _servers.Values) server.Start();
        foreach (var plan in Scenario.Clients)
        {
            var client = new SimulatedClient(this, plan);
            _clients.Add(client);
            Ledger.Add(client);
            foreach (var request in client.Requests) _requests.Add(request.Plan.Id, request);
            Agenda.At(plan.At, client.Start);
        }
        var started = _engine.StartAsync();
        Go(() => started.IsCompleted, "start");
        foreach (var swap in Scenario.Terms.Swaps) Agenda.At(swap.At, () => Apply(swap));
        if (Scenario.Terms.DrainAt > 0) Agenda.At(Scenario.Terms.DrainAt, Drain);
    }

    /// <summary>Stops the engine, and sees that nothing is left.</summary>
    private void Stop()
    {
        Drain();
        Go(() => _stopping is { IsCompleted: true }, "stop");
        if (_stopping is { IsFaulted: true } failed) Violate("stop", failed.Exception!.ToString());
        Go(() => _storage is not { IsAtRest: false }, "store");
        if (Found is not null) return;
        Store.CountTheRest();
        Left("connections", Transport.OpenConnections);
        Left("grants", Ledger.OpenGrants);
        Left("tickets", _queues.Sum(queue => queue.Waiting));
        Left("buffers", Store.Live);
        Left("slices", Store.SlicesOut);
        Left("clients", _engine.GetStatistics().Clients);
        Left("blocks", _engine.Loops.Sum(loop => loop.Memory.BlocksOut));
        Left("timers", Transport.Crank.TimersSet);
        Left("bytes of the store's memory", _storage?.MemoryBytes ?? 0);
        Left("bytes on drives", _storage?.DriveBytes ?? 0);
        Task? disposing = null;
        Transport.Crank.All[0].Post(_ => disposing = Store.DisposeAsync().AsTask(), null);
        Go(() => disposing is { IsCompleted: true }, "dispose");
        if (disposing is { IsFaulted: true } unclean) Violate("dispose", unclean.Exception!.ToString());

        void Left(string what, long count)
        {
            if (count != 0) Violate("leak", $"{count} {what} are left at the end");
        }
    }

    private void Drain()
    {
        if (IsDraining) return;
        (IsDraining, DrainingSince) = (true, Now);
        Note('d', 0);
        FeelEverywhere(Fault.Drained);
        // On a loop, so that what it awaits comes home to this thread.
        Transport.Crank.All[0].Post(_ => _stopping = _engine.StopAsync(), null);
    }

    private void Apply(Swap swap)
    {
        if (IsDraining) return;
        Note('w', _settings.Count);
        FeelEverywhere(Fault.Swapped);
        _settings.Add((Now, _settings[^1].Terms.After(swap), swap.Without));
        var options = _settings[^1].Terms.ToOptions(_servers.Values.Where(server => !swap.Without.Contains(server.Plan.Number)).Select(server => server.Address));
        Transport.Crank.All[0].Post(_ => _engine.Apply(options), null);
    }

    private void FeelEverywhere(Fault fault)
    {
        foreach (var client in _clients)
        {
            if (client.Position is { } position) Feel(position.Request, fault, position.Phase);
        }
    }

    private void Go(Func<bool> isDone, string what)
    {
        var (until, ended) = (Now + MostTime, Exchanges);
        while (Found is null)
        {
            if (Exchanges != ended) (until, ended) = (Now + MostTime, Exchanges);
            for (var turns = 0; TurnAll() && Found is null; turns++)
            {
                if (turns == MostTurns) Violate("livelock", "the loops find no rest");
            }
            if (Found is not null || isDone()) return;
            var next = Math.Min(Agenda.NextDue, Transport.Crank.NextDue);
            if (next > until)
            {
                Violate(what == "answered" ? "unanswered" : what, $"nothing happens any more: {string.Join("; ", _clients.Where(client => !client.IsThrough).Take(5))}");
                return;
            }
            Transport.Crank.MoveTo(next);
            Agenda.RunUntil(Now);
        }
    }

    // A turn has taken long: what peers do meanwhile comes before what was kept to its end.
    private void Stall()
    {
        Transport.Crank.MoveTo(Math.Min(Agenda.NextDue, Now + _stalls.Next(1, LongestStall + 1)));
        Agenda.RunUntil(Now);
    }

    private bool TurnAll()
    {
        var loops = Transport.Crank.All;
        var (busy, first) = (false, loops.Count == 1 ? 0 : _random.Next(loops.Count));
        for (var i = 0; i < loops.Count; i++)
        {
            if (!Transport.Crank.Turn(loops[(first + i) % loops.Count])) continue;
            busy = true;
            if (Scenario.Terms.SendsLate && _stalls.Next(TurnsToAStall) == 0) Stall();
        }
        busy |= _storage is not null && _storage.Turn();
        if (Scenario.Terms.MaxClients > 0 && _engine.GetStatistics().Clients > Scenario.Terms.MaxClients)
            Violate("client-bound", $"{_engine.GetStatistics().Clients} clients are connected, {Scenario.Terms.MaxClients} may be");
        return busy;
    }
}
