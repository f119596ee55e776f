namespace Cmi.Simulation.Plans;

/// <summary>Makes a scenario of a seed: the same seed, the same scenario.</summary>
internal sealed class ScenarioMaker
{
    private static readonly Phase[] BeforeIdle = [Phase.SendingHead, Phase.SendingContent, Phase.AwaitingHead, Phase.InHead, Phase.InContent];
    private static readonly Phase[] ServerPhases = [.. BeforeIdle, Phase.Idle];
    private static readonly Fault[] ServerFaults = [Fault.Reset, Fault.Closed, Fault.HalfClosed, Fault.Silent, Fault.Slow, Fault.Garbage];
    private static readonly Phase[] ClientPhases = [Phase.RequestHead, Phase.RequestContent, Phase.Waiting, Phase.InReply, Phase.Idle];
    private static readonly Fault[] ClientFaults = [Fault.ClientReset, Fault.ClientClosed, Fault.ClientSilent, Fault.ClientSlow];
    private static readonly Fault[] StopsInContent = [Fault.Reset, Fault.Closed, Fault.HalfClosed, Fault.Silent];
    private static readonly Fault[] OutageFaults = [Fault.Refused, Fault.Ignored, Fault.Ignored, Fault.Died, Fault.Died, Fault.Reset, Fault.Closed, Fault.Silent];

    private const int MostDeaths = 50;                              // of one server
    private const int MostPieces = 1000;                            // of a message, so that a slow one ends within the time of a run

    private readonly Random _random, _versions, _hedges;
    private readonly int _seed;
    private readonly double _serverFaults, _clientFaults;
    private readonly bool _isNarrow, _diesOften;
    private readonly int _mostBytes, _spread;
    private readonly Terms _terms;
    private readonly ConditionsMaker _conditions;
    private int _lastId;

    private ScenarioMaker(int seed)
    {
        (_seed, _random, _versions, _hedges) = (seed, new(seed), new(~seed), new(seed ^ 0x5EED));
        _serverFaults = Pick(0, 0.02, 0.1, 0.4);
        _clientFaults = Pick(0, 0.05, 0.3, 0.3);
        _isNarrow = Chance(0.15);
        _diesOften = _serverFaults > 0 && Chance(0.2);
        _mostBytes = _isNarrow ? 1500 : Pick(200, 5000, 60_000);
        _spread = Pick(200, 5000, 30_000);
        _conditions = new(seed, _spread);
        _terms = MakeTerms();
    }

    /// <summary>Makes a scenario.</summary>
    /// <param name="seed">What all follows from.</param>
    /// <param name="mostRequests">About as many requests at the most.</param>
    public static Scenario Make(int seed, int mostRequests)
    {
        var maker = new ScenarioMaker(seed);
        return maker.MakeAll(mostRequests);
    }

    private Scenario MakeAll(int mostRequests)
    {
        var servers = new List<ServerPlan>();
        var count = Pick(1, 2, 3, 8, 40);
        for (var number = 1; number <= count; number++) servers.Add(new(number, Outages()));
        var clients = new List<ClientPlan>();
        var most = _isNarrow ? 60 : Pick(5, 50, 400, 3000);
        while (clients.Count < most && _lastId < mostRequests) clients.Add(Client(clients.Count + 1));
        return new(_seed, _terms with { Swaps = _conditions.MakeSwaps(_terms, count) }, servers, clients);
    }

    private Terms MakeTerms()
    {
        var limit = Pick(0, 0, 1, 2, 10);
        return new()
        {
            Loops = _random.Next(1, 4),
            Capacity = _isNarrow ? Pick(60, 700) : Pick(5000, 65_536),
            MaxReceive = _isNarrow ? Pick(3, 50, 1000) : Pick(1000, int.MaxValue, int.MaxValue),
            MaxSend = _isNarrow ? Pick(3, 50, 1000) : Pick(1000, int.MaxValue, int.MaxValue),
            RandomFragments = Chance(_isNarrow ? 0.5 : 0.1),
            OneFragmentPerTurn = Chance(_isNarrow ? 0.3 : 0.05),
            Selection = Pick(ServerSelection.RoundRobin, ServerSelection.LeastJobs),
            MaxRequests = limit,
            MaxServerConnections = Pick<int?>(null, null, limit == 0 ? null : limit + 1),
            MaxIdle = Pick(0, 1, 256, 256),
            Attempts = Pick(1, 2, 3, 3, 4),
            ReplyCommit = Pick(CommitMode.Whole, CommitMode.UpTo, CommitMode.Stream),
            RequestCommit = Pick(CommitMode.Whole, CommitMode.UpTo, CommitMode.Stream),
            HoldBytes = Pick(0, 500, 20_000, 1 << 24),
            TrustClose = Chance(0.1) ? CloseTrust.Never : CloseTrust.Fin,
            AlwaysStore = Chance(0.5),
            MaxPipelined = Pick(1, 2, 8, 64),
            MaxPipelinedBytes = Pick(0, 2000, 1 << 20),
            Distribute = Chance(0.2) ? Distribution.Off : Distribution.Safe,
            MaxQueued = Pick(0, 20, 10_000, 10_000),
            MaxClients = Chance(0.15) ? 40 : 0,
            Tiers = _conditions.MakeTiers(Pick(1L << 18, 1L << 20, 64L << 20, 64L << 20)),
            StoreFailures = Chance(0.15) ? Pick(2, 50) : 0,
            StoreDelays = Chance(0.25) ? Pick(5, 200) : 0,
            DrainAt = Chance(0.35) ? _random.Next(1, 2 * _spread) : 0,
            HasTightBudget = Chance(0.2),
            Resume = _versions.NextDouble() < 0.9,
            HedgeAfter = _hedges.Next(3) == 0 ? new[] { 2, 30, 400, 3000 }[_hedges.Next(4)] : 0,
            SendsLate = new Random(_seed ^ 0x1A7E).Next(2) == 0,
        };
    }

    private List<Outage> Outages()
    {
        var outages = new List<Outage>();
        // Some die again and again, whatever they are at.
        if (_diesOften)
        {
            for (var at = _random.Next(_spread); outages.Count < MostDeaths && at < 2 * _spread; at += _random.Next(1, 2 * _spread / MostDeaths)) outages.Add(new(Fault.Died, at, at + _random.Next(1, 20)));
            return outages;
        }
        for (long at = 0; _serverFaults > 0 && Chance(_serverFaults * 4) && outages.Count < 4;)
        {
            var from = at + _random.Next(_spread);
            at = from + _random.Next(1, Pick(100, 3000, 30_000));
            outages.Add(new(Pick(OutageFaults), from, at));
        }
        return outages;
    }

    private ClientPlan Client(int number)
    {
        var minor = Chance(0.15) ? 0 : 1;
        var count = Pick(1, 1, 3, 6, 12);
        var requests = new List<RequestPlan>();
        var waits = Chance(0.5);
        for (var i = 0; i < count; i++) requests.Add(Request(minor, last: i == count - 1, waits));
        var fault = Chance(_clientFaults) ? Pick(ClientFaults) : Fault.None;
        var plan = new ClientPlan
        {
            Number = number,
            Requests = requests,
            At = _random.Next(_spread),
            Minor = minor,
            Waits = waits,
            HalfCloses = Chance(0.15),
            Stays = Chance(0.1),
            ReadPiece = Chance(0.1) ? Pick(_mostBytes < 10_000 ? 20 : 500, 2000) : 0,
            ReadGap = Pick(1, 40),
            Fault = fault,
            Phase = Pick(ClientPhases),
            FaultRequest = _random.Next(count),
            Share = _random.Next(1000),
        };
        if (fault != Fault.None) requests[plan.FaultRequest] = FitFor(plan, requests[plan.FaultRequest]);
        return _terms.DrainAt > 0 && Chance(0.05) ? BeforeDrain(plan) : plan;
    }

    // A phase needs something to happen in.
    private RequestPlan FitFor(ClientPlan client, RequestPlan request)
    {
        if (client.Phase == Phase.RequestContent)
        {
            request = request with { Method = Pick("PUT", "POST"), Bytes = _random.Next(2, _mostBytes) };
            if (request.Piece > 0) request = request with { Piece = request.Piece + (request.Bytes / MostPieces) };
        }
        // Some are answered before they have sent all, by the server or by the gateway.
        if (client.Phase is Phase.RequestContent or Phase.Waiting && request.Bytes > 10 && Chance(0.5))
        {
            var early = new ReplyPlan { Bytes = 40, Fault = Pick(Fault.EarlyReply, Fault.EarlyReply, Fault.Reset), Phase = Phase.SendingContent, Share = 10 };
            request = request with { Piece = 1 + (request.Bytes / 10), Gap = 20, Expects = false, Replies = [early] };
        }
        // Heads may come so slowly that they are too late.
        if (client.Phase == Phase.RequestHead && Chance(0.5)) request = WithoutContent(request) with { Piece = 5, Gap = 1500 };
        // Some leave when a server has failed, or the store has lost what it said, and the next takes its time.
        if (client.Phase == Phase.Waiting && Chance(0.8))
        {
            var first = Chance(0.3) ? new ReplyPlan { Bytes = 30_000 } : new() { Bytes = 300, Framing = ReplyFraming.Chunked, Fault = Pick(ServerFaults), Phase = Pick(BeforeIdle), Share = _random.Next(1000), Gap = 700 };
            request = request with { Method = "PUT", Bytes = _random.Next(2, 2000), Expects = false, Replies = [first, new() { Delay = 4000 }] };
        }
        // And replies may break while their client takes its time.
        if (client is { Phase: Phase.InReply, Fault: Fault.ClientSlow } && Chance(0.3)) request = request with { Method = "POST", Replies = [new() { Bytes = 3000, Fault = Fault.Reset, Phase = Phase.InContent, Share = 900, Piece = 500, Gap = 5 }] };
        return request;
    }

    // Some have just come when the gateway is told to stop; the head of some is half there.
    private ClientPlan BeforeDrain(ClientPlan client)
    {
        if (client.Fault != Fault.None || Chance(0.5)) return client with { At = Math.Max(0, _terms.DrainAt - _random.Next(1, 300)) };
        return client with { At = _terms.DrainAt - 1, Requests = [WithoutContent(client.Requests[0]) with { Pause = 0, Piece = 30, Gap = 1 }] };
    }

    private static RequestPlan WithoutContent(RequestPlan request) => request with { Method = "GET", Bytes = 0, Chunked = false, Expects = false };

    private RequestPlan Request(int minor, bool last, bool waits)
    {
        var method = Pick("GET", "GET", "GET", "GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "BREW");
        var bytes = method is "POST" or "PUT" or "BREW" || Chance(0.05) ? Size() : 0;
        var slow = Chance(0.06);
        var replies = new List<ReplyPlan>();
        for (var more = true; more && replies.Count < 5; more = replies[^1].Fault != Fault.None) replies.Add(Reply(method, bytes));
        if (replies.Exists(reply => reply is { Fault: not Fault.None, Phase: Phase.SendingContent }) && bytes < 2) bytes = _random.Next(2, _mostBytes);
        // Where another attempt has begun to leave it may break in its turn.
        if (replies.Count > 1 && Chance(0.4)) replies[^1] = replies[^1] with { Status = 200, Bytes = Math.Max(replies[^1].Bytes, 30), Framing = ReplyFraming.Length, Fault = Pick(StopsInContent), Phase = Phase.InContent, Piece = 100 + (replies[^1].Bytes / 5), Gap = 1 };
        if (method == "GET" && bytes == 0 && _versions.NextDouble() < 0.5) GiveVersions(replies);
        return new()
        {
            Id = ++_lastId,
            Method = method,
            Bytes = bytes,
            Chunked = minor == 1 && bytes > 0 && Chance(0.4),
            Expects = minor == 1 && bytes > 0 && Chance(0.15),
            SaysClose = last && Chance(0.3),
            TakesTrailers = minor == 1 && Chance(0.2),
            Pause = waits || Chance(0.3) ? Pick(0, 5, 300, 3000) : 0,
            Piece = slow ? _random.Next(1, 200) + (bytes / MostPieces) : 0,
            Gap = slow ? Pick(1, 20) : 0,
            Replies = replies,
        };
    }

    // What most servers have in common: a reply that breaks may be gone on with. Some have another version meanwhile, or answer in their own way.
    private void GiveVersions(List<ReplyPlan> replies)
    {
        if (_serverFaults > 0 && _versions.NextDouble() < 0.3)
        {
            var stops = StopsInContent[_versions.Next(StopsInContent.Length)];
            var framing = replies[0].Framing == ReplyFraming.UntilClose ? ReplyFraming.Chunked : replies[0].Framing;
            if (replies.Count == 1) replies.Add(replies[0]);
            replies[0] = replies[0] with { Fault = stops, Phase = Phase.InContent, Share = _versions.Next(1000), Framing = framing, Bytes = Math.Max(replies[0].Bytes, 30), Piece = 100 + (replies[0].Bytes / 5), Gap = 1 };
        }
        for (var i = 0; i < replies.Count; i++)
        {
            var plan = replies[i] with { Status = 200, Version = i > 0 && _versions.NextDouble() < 0.15 ? 2 : 1 };
            if (replies.Take(i).FirstOrDefault(before => before.Version == plan.Version) is { } same) plan = plan with { Bytes = same.Bytes };      // it is one version
            if (i > 0 && _versions.NextDouble() < 0.5) plan = plan with { ToRest = (RestAnswer)_versions.Next(5) };
            // Of a reply that did not tell its length nobody can know it.
            if (plan.ToRest == RestAnswer.Longer && replies.Exists(reply => reply.Framing != ReplyFraming.Length)) plan = plan with { ToRest = RestAnswer.Right };
            // The rest has a length: within it garbage would be content.
            if (i > 0 && plan is { Fault: Fault.Garbage, Phase: Phase.InContent }) plan = plan with { Fault = Fault.Reset };
            replies[i] = plan;
        }
    }

    private ReplyPlan Reply(string method, int requestBytes)
    {
        var fault = Chance(_serverFaults) ? Pick(ServerFaults) : Fault.None;
        var phase = Pick(ServerPhases);
        if (fault == Fault.None && _serverFaults > 0 && requestBytes > 1 && Chance(0.05)) (fault, phase) = (Fault.EarlyReply, Phase.SendingContent);
        // Silence and slowness say nothing of a connection on which nothing is asked. Unasked bytes that are still on their way when the connection is used
        // again are the next reply for everyone: no gateway can tell.
        if (phase == Phase.Idle && (fault is Fault.Silent or Fault.Slow || (fault == Fault.Garbage && _terms.OneFragmentPerTurn))) fault = Fault.Reset;
        if (_diesOften && fault == Fault.None && Chance(0.2)) (fault, phase) = (Fault.Slow, Pick(Phase.SendingHead, Phase.SendingContent, Phase.InHead));
        var slow = fault == Fault.None && Chance(0.04);
        var plan = new ReplyPlan
        {
            Status = Pick(200, 200, 200, 200, 404, 500, 204, 304, 206, 503),
            Framing = Pick(ReplyFraming.Length, ReplyFraming.Length, ReplyFraming.Chunked, ReplyFraming.UntilClose),
            Bytes = Size(),
            Interims = Chance(0.08) ? _random.Next(1, 4) : 0,
            Trailers = Chance(0.2),
            SaysClose = Chance(0.1),
            IsOld = Chance(0.05),
            Delay = Pick(0, 0, 1, 20, 400),
            Piece = slow ? _random.Next(1, 3000) + (4 * _mostBytes / MostPieces) : 0,
            Gap = slow ? Pick(1, 30) : 0,
            Fault = fault,
            Phase = phase,
            Share = _random.Next(1000),
        };
        if (fault == Fault.None) return plan;
        if (fault == Fault.Slow) plan = plan with { Gap = phase == Phase.AwaitingHead ? Pick(1500, 7000) : Pick(10, 300, 1500, 7000) };
        if (phase == Phase.InContent) plan = plan with { Status = 200, Bytes = Math.Max(plan.Bytes, 30) };
        // Content that ends with the connection is whole wherever a FIN comes, and holds whatever comes: there such a fault cannot be told.
        if (phase == Phase.InContent && plan.Framing == ReplyFraming.UntilClose && fault is Fault.Closed or Fault.HalfClosed or Fault.Garbage) plan = plan with { Framing = ReplyFraming.Length };
        if (phase == Phase.InContent && fault == Fault.Garbage) plan = plan with { Framing = ReplyFraming.Chunked, IsOld = false };
        if (phase == Phase.Idle) plan = plan with { SaysClose = false, IsOld = false, Framing = ReplyFraming.Length };
        return plan;
    }

    private int Size() => _random.Next(10) switch
    {
        < 2 => 0,
        < 8 => _random.Next(1, Math.Min(_mostBytes, 2000)),
        8 => _random.Next(1, _mostBytes),
        _ => _random.Next(1, _isNarrow ? _mostBytes : 4 * _mostBytes),
    };

    private bool Chance(double probability) => _random.NextDouble() < probability;

    private T Pick<T>(params ReadOnlySpan<T> among) => among[_random.Next(among.Length)];
}
