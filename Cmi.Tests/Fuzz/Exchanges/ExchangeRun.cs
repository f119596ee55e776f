using Cmi.Testing;
using Cmi.Tests.Harness;

namespace Cmi.Tests.Fuzz.Exchanges;

/// <summary>Runs one case through the real engine, and judges both sides of it.</summary>
internal sealed class ExchangeRun : IAsyncDisposable
{
    private const double LongerThanAnyTimeout = 900;
    private const int Attempts = 3;
    private static readonly int[] ErrorIds = [2020, 2021, 2022];

    private readonly ExchangeCase _case;
    private readonly Random _random;
    private readonly TestGateway _gateway;
    private readonly List<FuzzClient> _clients = [];
    private readonly HashSet<string> _marks = [];
    private readonly Dictionary<string, int> _received = [];
    private int _nextReply;

    private ExchangeRun(ExchangeCase given)
    {
        _case = given;
        _random = new(given.Seed);
        var transport = new InMemoryOptions
        {
            Seed = given.Seed,
            LoopCount = _random.Next(1, 3),
            Capacity = Pick(64 * 1024, 64 * 1024, 50, 600),
            MaxReceive = Pick(int.MaxValue, int.MaxValue, 1, 7, 100),
            MaxSend = Pick(int.MaxValue, int.MaxValue, 7, 100),
            RandomFragments = _random.Next(2) == 0,
            OneFragmentPerTurn = _random.Next(3) == 0,
            SendsLate = given.Seed % 2 == 0,
        };
        IsTornByTime = transport.OneFragmentPerTurn;
        _gateway = new(Configure, _random.Next(1, 4), transport);
        for (var server = 1; server <= _gateway.Engine.Configuration.Groups[0].Group.Servers.Count; server++)
            _gateway.Server(server).Accepted = peer => _ = new FuzzServer(this, peer);
    }

    /// <summary>Whether a server answers a request whose content has not arrived.</summary>
    public bool AnswersEarly => !IsCalm && _random.Next(6) == 0;

    /// <summary>Whether what was sent at once may arrive bit by bit.</summary>
    public bool IsTornByTime { get; }

    /// <summary>Whether a server sent bytes behind a reply that came too late to be told from the next: then it alone decides what its clients get.</summary>
    public bool MayMistakeReplies { get; set; }

    /// <summary>Whether servers keep to the rules and no client leaves: then what is right must be served, once.</summary>
    public bool IsCalm => Array.TrueForAll(_case.Clients, c => c.End == PeerEnd.Stays) && Array.TrueForAll(_case.Replies, IsRight);

    public static async Task RunAsync(ExchangeCase given)
    {
        var run = new ExchangeRun(given);
        run.Play();
        await run.DisposeAsync();                                   // not after a failure, which it would hide behind what that left
    }

    /// <summary>Sees that nothing is left.</summary>
    public ValueTask DisposeAsync() => _gateway.DisposeAsync();

    public PeerScript NextReply() => _case.Replies.Length == 0 ? new("HTTP/1.1 204 x\r\n\r\n") : _case.Replies[_nextReply++ % _case.Replies.Length];

    /// <summary>Judges a request of which a server has at least the head.</summary>
    public void CheckReceived(ReferenceMessage received)
    {
        var isAsked = _clients.Exists(client => client.Asked.All.Exists(asked => asked.HasHead && asked.Method == received.Method && asked.Path == received.Path &&
            asked.Authority == received.Authority && (received.Verdict != Verdict.Whole || (asked.Verdict == Verdict.Whole && asked.Content == received.Content))));
        FuzzInput.Require(isAsked, $"nobody asked for {received}:\n{received.Content}");
        FuzzInput.Require(!received.All("transfer-encoding").Any() || !received.All("content-length").Any(), "both framings");
    }

    /// <summary>Counts a whole request at a server: none may come more often than it was asked for and tried.</summary>
    public void CountReceived(ReferenceMessage request)
    {
        var mark = AskedRequests.MarkOf(request);
        var count = _received[mark] = _received.GetValueOrDefault(mark) + 1;
        var asked = _clients.Sum(client => client.Asked.All.Count(a => a.Verdict == Verdict.Whole && AskedRequests.MarkOf(a) == mark));
        var isIdempotent = request.Method is "GET" or "HEAD" or "OPTIONS" or "TRACE" or "PUT" or "DELETE";
        FuzzInput.Require(count <= asked * (isIdempotent && !IsCalm ? Attempts + 1 : 1), $"{request} came {count} times, and was asked for {asked} times, with {_nextReply} replies in all");
    }

    private void Play()
    {
        var toSend = new List<FuzzClient>();
        foreach (var script in _case.Clients)
        {
            foreach (var asked in AskedRequests.Of(script.Text).All) _marks.Add(AskedRequests.MarkOf(asked));
        }
        var most = Pick(1 << 20, 1 << 20, 200, 20, 3);
        for (var next = 0; next < _case.Clients.Length || toSend.Count > 0;)
        {
            if (next < _case.Clients.Length && (toSend.Count == 0 || _random.Next(4) == 0)) toSend.Add(Connect(_case.Clients[next++]));
            var client = toSend[_random.Next(toSend.Count)];
            if (!client.Send(_random.Next(1, most + 1))) toSend.Remove(client);
            if (_random.Next(3) != 0) _gateway.Run();
            else _gateway.Advance(_random.NextDouble() / 2000);           // far from any timeout, however small the pieces
        }
        _gateway.Advance(LongerThanAnyTimeout);
        foreach (var client in _clients) client.Judge(MayMistakeReplies ? [] : _marks, IsCalm);
        FuzzInput.Require(Array.TrueForAll(ErrorIds, id => _gateway.Log.Count(id) == 0), $"the engine logged an error: {string.Join('\n', _gateway.Log.EngineFaults)}");
    }

    private FuzzClient Connect(PeerScript script)
    {
        var client = new FuzzClient(script, _gateway.Connect());
        _clients.Add(client);
        return client;
    }

    private void Configure(CmiOptions options)
    {
        options.Retry.Attempts = _random.Next(1, Attempts + 1);
        (options.Reply.Commit, options.Reply.HoldBytes) = (Pick(CommitMode.Whole, CommitMode.UpTo, CommitMode.Stream), Pick(0, 20, 1 << 20));
        (options.Request.Commit, options.Request.HoldBytes) = (Pick(CommitMode.Whole, CommitMode.UpTo, CommitMode.Stream), Pick(0, 20, 1 << 20));
        options.Buffers.Always = _random.Next(3) == 0;
        options.Limits.MaxPipelinedRequests = Pick(1, 2, 64);
        options.Pipelining.Distribute = _random.Next(4) == 0 ? Distribution.Off : Distribution.Safe;
    }

    private T Pick<T>(params ReadOnlySpan<T> among) => among[_random.Next(among.Length)];

    /// <summary>Whether a server that answers so keeps to the rules, whatever was asked; bytes behind a reply do not.</summary>
    private static bool IsRight(PeerScript reply)
    {
        var ended = reply.End == PeerEnd.Closes;
        var at = 0;
        var found = ReferenceParser.Reply(reply.Text, "GET", ended);
        for (; found.Verdict == Verdict.Whole && found.Status is > 100 and < 200 or 100; found = ReferenceParser.Reply(reply.Text, "GET", ended, at)) at += found.Length;
        return reply.End != PeerEnd.Aborts && found.Verdict == Verdict.Whole && at + found.Length == reply.Text.Length && found.Status != 101 &&
            found.All("x-answers").SequenceEqual([MessageGrammar.Mark]) && !found.Lists("connection", "x-answers") &&
            reply.Text.Length < FuzzInput.SmallBytes && found.All("connection").Sum(value => value.Length) < 60;      // within all limits
    }
}
