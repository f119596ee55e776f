using System.Diagnostics;
using Cmi.Forwarding;
using Cmi.Http1;
using Cmi.Loops;
using Cmi.Messages;
using Cmi.Servers;

namespace Cmi.Engine;

/// <summary>
/// One request and its reply, from the head that arrived to the last byte that left. A synchronous state machine: whatever it waits for sets something and
/// wakes the session, which calls <see cref="Advance"/>.
/// <code>
/// Receiving ─▶ Waiting ─▶ Queued ─▶ Connecting ─▶ Head ─▶ Content ─▶ Done        Head ─▶ Tunnel
///                 ▲          │           │          │        │        ▲
///                 └──────────┴── another attempt ───┴────────┘        └── from anywhere: a reply of our own
///                                (the whole reply anew; or the rest, of one that leaves)
/// </code>
/// Reused: <see cref="Begin"/> to <see cref="End"/> is one life. <para>Threading: its loop.</para>
/// </summary>
internal sealed partial class Exchange : IConnectionOwner
{
    internal enum Phase : byte
    {
        /// <summary>The request's content arrives and is held.</summary>
        Receiving,

        /// <summary>Waits for those before it in the ring that it must not overtake.</summary>
        Waiting,

        /// <summary>Waits for a grant.</summary>
        Queued,

        /// <summary>Waits for a connection to the server.</summary>
        Connecting,

        /// <summary>The request goes out, the reply's head is awaited.</summary>
        Head,

        /// <summary>The reply's content is taken in.</summary>
        Content,

        /// <summary>The reply is whole, or decided: no server is involved any more.</summary>
        Done,

        /// <summary>The server has switched protocols: bytes pass both ways until both have ended.</summary>
        Tunnel,
    }

    private readonly LoopState _state;
    private ClientSession _session = null!;
    private Phase _phase;
    private int _requestHeadLength;
    private Framing _requestFraming;
    private bool _takesTrailers;
    private bool _bindsConnection;                                  // its credentials are those of the server connection that carries it
    private bool _contentKept;                                      // the request's content is there from its first byte
    private long _startedAt;
    private int _own;                                               // the status of a reply of our own; 0: a server's
    private string _ownText = "";

    private RouteSettings Settings => Route.Settings;

    public Exchange(LoopState state)
    {
        _state = state;
        Request = new(state, Wake);
        Reply = new(state, Wake);
    }

    /// <summary>The next of the same client connection.</summary>
    public Exchange? Next { get; set; }

    /// <summary>A number that no other exchange of this engine has; a later one is higher.</summary>
    public long Id { get; private set; }

    /// <summary>Which settings and servers it has, to its end.</summary>
    public Route Route { get; private set; } = null!;

    public Method Method { get; private set; }
    public int ClientMinorVersion { get; private set; }

    /// <summary>The request head as it goes to servers, without its framing, which is added for each attempt.</summary>
    public HeadBuffer RequestHead { get; } = new();

    /// <summary>The request's content.</summary>
    public MessageContent Request { get; }

    /// <summary>Whether the request's content has arrived whole.</summary>
    public bool IsRequestWhole { get; private set; }

    /// <summary>The reply head as it goes to the client, without its framing until it leaves.</summary>
    public HeadBuffer ReplyHead { get; } = new();

    /// <summary>The reply's content.</summary>
    public MessageContent Reply { get; }

    /// <summary>Bytes of the request in hand, head and content; kept by the session.</summary>
    public long RequestBytes { get; set; }

    /// <summary>Whether something happened that <see cref="Advance"/> must look at.</summary>
    public bool IsWoken { get; private set; }

    /// <summary>Whether it waits for its turn to ask for a server.</summary>
    public bool IsWaiting => _phase == Phase.Waiting;

    /// <summary>Whether the request's content is still held back from servers.</summary>
    public bool IsHeldBack => _phase == Phase.Receiving;

    /// <summary>Whether its reply is whole or decided: a barrier behind it opens.</summary>
    public bool IsDecided => _phase == Phase.Done;

    /// <summary>Whether it may run beside its neighbours (RFC 9112 §9.3.2: safe methods only).</summary>
    public bool IsParallel => Method.IsSafe && !IsUpgrade && Settings.Distribute;

    /// <summary>Whether it asks to go on in another protocol, and the server has not declined: nothing behind it is a request yet.</summary>
    public bool IsUpgrade { get; private set; }

    /// <summary>Whether the client's connection may stay for another request, as far as the client and the settings go.</summary>
    public bool WantsPersistence { get; private set; }

    /// <summary>Whether the client waits for a 100 before it sends the content.</summary>
    public bool AwaitsContinue { get; set; }

    /// <summary>Begins a life with a request whose head has arrived.</summary>
    public void Begin(ClientSession session, Route route, RequestHead head, Framing framing)
    {
        Adopt(session, route);
        Method = head.Method;
        ClientMinorVersion = head.MinorVersion;
        WantsPersistence = MessageFraming.IsPersistent(head) && (head.MinorVersion > 0 || Settings.PersistHttp10);
        _requestFraming = framing;
        BeginWatch(head);
        RequestWriter.WriteHead(RequestHead, head, session.Peer, CmiEngine.Pseudonym, withTrace: _watch is not { IsTraced: true });
        // RFC 9110 §7.8. With content there would be two things to send at once, and nobody asks for it.
        IsUpgrade = framing.Kind == FramingKind.None && UpgradeField.IsAsked(head);
        if (IsUpgrade) RequestWriter.WriteUpgrade(RequestHead, head);
        _requestHeadLength = RequestHead.Length;
        AwaitsContinue = head.MinorVersion >= 1 && head.Fields.Has(FieldName.Expect);
        _takesTrailers = RequestWriter.TakesTrailers(head);
        _priority = PriorityOf(head);
        _isIdempotent = Method.IsIdempotent || HasIdempotencyKey(head);
        _bindsConnection = BoundCredentials.AreIn(head.Fields);
        RequestBytes = _requestHeadLength;
        if (framing.Kind == FramingKind.None || framing.Length == 0)
        {
            Request.SetWhole(default);
            IsRequestWhole = true;
            _phase = Phase.Waiting;
        }
        _state.Counters.Requests++;
        if (AwaitsContinue && route.Group is null) DecideUnrouted();            // RFC 9110 §10.1.1: the content is not asked for
        // RFC 9110 §7.6.2: it goes no further; we answer as its recipient would. A TRACE would reflect fields that are not for every eye.
        if (_phase == Phase.Done || !MaxForwardsField.IsSpent(head)) return;
        if (Method == Method.Options) Decide(200, "");
        else Decide(501, "TRACE ends here.");
    }

    /// <summary>Begins a life with a request that cannot be read, or only its head: an answer of our own, after which the connection closes.</summary>
    public void BeginRefused(ClientSession session, Route route, Method method, RequestHead? head, int status, string text)
    {
        Adopt(session, route);
        Method = method;                                            // as far as it was understood: a reply to HEAD has no content (RFC 9110 §9.3.2)
        ClientMinorVersion = head?.MinorVersion ?? 1;
        BeginWatch(head);
        if (head is not null && _watch is not null) RequestWriter.WriteHead(RequestHead, head, session.Peer, CmiEngine.Pseudonym, withTrace: false);
        Refuse(status, text);
    }

    /// <summary>Ends a life, whatever its state: all that it holds is freed.</summary>
    /// <param name="why">Why now, if its reply has not left.</param>
    public void End(string why)
    {
        EndTunnel();
        DropServers("its client has left");
        LeaveStarved();
        EndWatch(why);
        _trailers?.Reset();
        _current.Interims?.Reset();
        EndChecks();
        Request.Reset();
        if (Reply.HasSpilled) _state.Counters.RepliesSpilled++;
        Reply.Reset();
        RequestHead.Reset();
        ReplyHead.Reset();
        Next = null;
        IsWoken = false;
    }

    /// <summary>Has this exchange looked at in the present run of the session.</summary>
    public void MarkWoken() => IsWoken = true;

    /// <summary>Has the session run, and look at this exchange.</summary>
    public void Wake()
    {
        IsWoken = true;
        _session.Wake();
    }

    void IConnectionOwner.OnReady(IConnection connection) => Wake();

    /// <summary>Goes as far as it can without waiting.</summary>
    /// <param name="mayStart">Whether those before it in the ring let it ask for a server.</param>
    /// <returns>Whether anything changed that others of the session may wait for.</returns>
    public bool Advance(bool mayStart)
    {
        Debug.Assert(_state.Loop.IsCurrent);
        IsWoken = false;
        var moved = AdvanceAttempt(mayStart);
        if (!_isHedged) return moved;
        Swap();
        return AdvanceAttempt(mayStart) | moved;
    }

    // While no attempt is out, or one, that is the whole exchange.
    private bool AdvanceAttempt(bool mayStart)
    {
        var first = _phase;
        var (sent, received) = (_current.SentBytes, _current.ReceivedBytes);
        for (; ; )
        {
            var before = _phase;
            switch (_phase)
            {
                case Phase.Receiving when MayBeSent():
                    _phase = Phase.Waiting;
                    break;
                case Phase.Waiting when mayStart && _state.Loop.Now >= _notBefore:
                    Acquire();
                    break;
                case Phase.Queued when _current.IsGranted:
                    Connect();
                    break;
                case Phase.Connecting when !_current.Lease.IsNone:
                    StartSending();
                    break;
                case Phase.Head or Phase.Content:
                    Send();
                    if (_phase is Phase.Head or Phase.Content) Receive();
                    break;
            }
            if (_phase == before || IsWoken) return _phase != first || _current.SentBytes != sent || _current.ReceivedBytes != received;
        }
    }

    /// <summary>The request's content has arrived, and nothing is missing.</summary>
    public void RequestArrived()
    {
        Request.Complete();
        IsRequestWhole = true;
        MarkWoken();
    }

    /// <summary>The request has arrived so far that it may go to a server although more is to come, or it is whole.</summary>
    private bool MayBeSent() => IsRequestWhole || CommitRule.MayLeaveUnfinished(Settings.RequestCommit, Request.Length, Settings.RequestHoldBytes,
        _state.Loop.Now - _startedAt, Settings.RequestHoldTime, starved: !_contentKept);

    /// <summary>The store has no room for more of the request: what a server has taken goes, and with it the chance of another attempt.</summary>
    /// <returns>Whether that can help.</returns>
    public bool GiveUpReplay()
    {
        if (_phase == Phase.Receiving && Settings.RequestCommit == CommitMode.Whole) return false;
        if (_contentKept) Wake();                                   // once: the session asks again and again, and would never come to rest
        _contentKept = false;
        return true;
    }

    private void Adopt(ClientSession session, Route route)
    {
        (_session, Route) = (session, route);
        Id = _state.Engine.NextExchangeId();
        _startedAt = _state.Loop.Now;
        _phase = Phase.Receiving;
        _contentKept = true;
        _own = 0;
        RequestBytes = 0;
        IsRequestWhole = AwaitsContinue = IsUpgrade = _takesTrailers = false;
        ResetAttempts();
    }
}
