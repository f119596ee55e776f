using Cmi.Testing;

namespace Cmi.Tests.Engine.Soak;

internal enum SoakFault
{
    None,
    Silence,
    CloseAtOnce,
    ResetAtOnce,
    CloseMidway,
    ResetMidway,
    Garbage,
    StaleAfter,
    SurplusAfter,
}

/// <summary>What follows from a seed: the settings of one soak, and every choice that its peers make.</summary>
internal sealed class SoakPlan
{
    private readonly double _faults, _storeFaults;
    private readonly int _mostBytes, _mostPiece, _mostSteps;
    private readonly bool _isLazy;
    private bool _calm;

    /// <param name="seed">What it follows from.</param>
    /// <param name="isTiered">Whether the store has tiers, of which the lower ones fail.</param>
    public SoakPlan(int seed, bool isTiered = false)
    {
        Random = new(seed);
        Transport = new()
        {
            Seed = seed,
            LoopCount = Random.Next(1, 4),
            Capacity = Pick(40, 700, 5000, 65536),
            MaxReceive = Pick(3, 50, 1000, int.MaxValue),
            MaxSend = Pick(3, 50, 1000, int.MaxValue),
            RandomFragments = Random.Next(2) == 0,
            OneFragmentPerTurn = Random.Next(3) == 0,
            SendsLate = seed % 2 == 0,
        };
        var narrow = Math.Min(Transport.Capacity, Math.Min(Transport.MaxReceive, Transport.MaxSend));
        _mostBytes = narrow < 10 ? 300 : narrow < 100 ? 2000 : Pick(100, 5000, 40_000);
        _mostPiece = Pick(20, 300, 5000, 100_000);
        _mostSteps = Pick(1, 4, 50);
        _faults = Pick(0, 0, 0.1, 0.4);
        Servers = Random.Next(1, 5);
        Clients = Random.Next(1, 6);
        MaxRequests = Pick(0, 1, 2);
        Attempts = Random.Next(1, 4);
        ReplyCommit = Pick(CommitMode.Whole, CommitMode.UpTo, CommitMode.Stream);
        RequestCommit = Pick(CommitMode.Whole, CommitMode.UpTo, CommitMode.Stream);
        _isLazy = Random.Next(3) == 0;
        ClientFaults = Pick(0.0, 0.0, 0.3);
        StoreCapacity = _faults > 0 && Random.Next(4) == 0 ? Pick(1L, 2000L, 20_000L) : long.MaxValue;
        StoreDefers = Random.Next(4) == 0;
        HoldBytes = Pick(0, 100, 3000);
        AlwaysStore = Random.Next(3) == 0;
        MaxPipelined = Pick(1, 2, 64);
        MaxPipelinedBytes = Pick(0, 500, 1 << 20);
        Distribute = Random.Next(4) == 0 ? Distribution.Off : Distribution.Safe;
        MaxIdle = Pick(0, 1, 256);
        MaxConnections = Pick<int?>(null, MaxRequests == 0 ? null : MaxRequests + 1);
        IsTiered = isTiered;
        if (!isTiered) return;
        _storeFaults = Pick(0, 0.05, 0.3);
        if (narrow >= 700) _mostBytes = Pick(20_000, 100_000, 300_000);
        StoreCapacity = Pick(long.MaxValue, 200_000L);
    }

    public Random Random { get; }
    public InMemoryOptions Transport { get; }
    public int Servers { get; }
    public int Clients { get; }
    public int MaxRequests { get; }
    public int? MaxConnections { get; }
    public int Attempts { get; }
    public CommitMode ReplyCommit { get; }
    public CommitMode RequestCommit { get; }
    public Distribution Distribute { get; }
    public long HoldBytes { get; }
    public bool AlwaysStore { get; }
    public int MaxPipelined { get; }
    public long MaxPipelinedBytes { get; }
    public int MaxIdle { get; }
    public long StoreCapacity { get; }
    public bool StoreDefers { get; }
    public bool IsTiered { get; }
    public double ClientFaults { get; }

    /// <summary>Whether servers read only when it is their step.</summary>
    public bool IsLazy => _isLazy && !_calm;

    /// <summary>
    /// Whether nothing but the clients themselves can give a reason for anything but the reply of a server.
    /// </summary>
    public bool IsPeaceful => _faults == 0 && _storeFaults == 0 && StoreCapacity == long.MaxValue;

    /// <summary>Whether a store may lose what it holds: then a reply that leaves is cut, whatever it was held for.</summary>
    public bool StoreLoses => _storeFaults > 0;

    public void Configure(CmiOptions options)
    {
        (options.Servers.MaxRequests, options.Servers.MaxConnections, options.Servers.MaxIdleConnections) = (MaxRequests, MaxConnections, MaxIdle);
        options.Servers.Selection = Random.Next(2) == 0 ? ServerSelection.RoundRobin : ServerSelection.LeastJobs;
        options.Retry.Attempts = Attempts;
        (options.Reply.Commit, options.Reply.HoldBytes) = (ReplyCommit, HoldBytes);
        (options.Request.Commit, options.Request.HoldBytes) = (RequestCommit, HoldBytes);
        options.Buffers.Always = AlwaysStore;
        (options.Limits.MaxPipelinedRequests, options.Limits.MaxPipelinedBytes) = (MaxPipelined, MaxPipelinedBytes);
        options.Pipelining.Distribute = Distribute;
        var patient = TimeSpan.FromHours(2);
        var timeouts = options.Timeouts;
        (timeouts.ClientHead, timeouts.ClientContent, timeouts.ClientIdle, timeouts.ClientSend) = (patient, patient, patient, patient);
        if (IsPeaceful)
            (timeouts.Queue, timeouts.Exchange, timeouts.ServerHead, timeouts.ServerContent, timeouts.ServerConnect) = (patient, patient, patient, patient, patient);
        else
            (timeouts.Queue, timeouts.ServerHead, timeouts.ServerContent) = (TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(5));
    }

    /// <summary>From now on nothing breaks and nothing is slow.</summary>
    public void CalmDown() => _calm = true;

    public SoakFault NextFault()
    {
        if (_calm || Random.NextDouble() >= _faults) return SoakFault.None;
        var fault = (SoakFault)Random.Next(1, 9);
        // Unasked bytes that are still on their way when the connection is used again are the next reply for everyone: no gateway can tell.
        return fault == SoakFault.SurplusAfter && Transport.OneFragmentPerTurn ? SoakFault.None : fault;
    }

    /// <summary>Whether something of a store fails in this step.</summary>
    public bool StoreFails() => !_calm && Random.NextDouble() < _storeFaults;

    public int Steps() => _calm ? int.MaxValue : Random.Next(0, _mostSteps + 1);

    public int Piece() => _calm ? 1 << 20 : Random.Next(1, _mostPiece + 1);

    public int ReplyBytes() => Random.Next(5) == 0 ? 0 : Random.Next(_mostBytes);

    public int RequestBytes() => Random.Next(4) == 0 ? 0 : Random.Next(_mostBytes);

    public int Status() => Random.Next(6) switch { 0 => 204, 1 => 304, 2 => 404, _ => 200 };

    public int Framing() => Random.Next(3);

    public bool SaysClose() => Random.Next(5) == 0;

    public bool SaysInterim() => Random.Next(5) == 0;

    /// <summary>Whether a server answers a request whose content has not arrived; only where faults are wanted, for the connection cannot be kept then.</summary>
    public bool AnswersEarly() => !_calm && _faults > 0 && Random.Next(10) == 0;

    public T Pick<T>(params ReadOnlySpan<T> among) => among[Random.Next(among.Length)];

    public override string ToString() =>
        $"loops {Transport.LoopCount}, capacity {Transport.Capacity}, receive {Transport.MaxReceive}, send {Transport.MaxSend}, " +
        $"random {Transport.RandomFragments}, one {Transport.OneFragmentPerTurn}, faults {_faults}, bytes {_mostBytes}, piece {_mostPiece}, steps {_mostSteps}, " +
        $"servers {Servers}, clients {Clients}, limit {MaxRequests}, connections {MaxConnections}, attempts {Attempts}, " +
        $"reply {ReplyCommit}, request {RequestCommit}, hold {HoldBytes}, lazy {_isLazy}, client faults {ClientFaults}, " +
        $"store {StoreCapacity}, tiered {IsTiered}, store faults {_storeFaults}, defers {StoreDefers}, always {AlwaysStore}, pipelined {MaxPipelined}/{MaxPipelinedBytes}, {Distribute}, idle {MaxIdle}";
}
