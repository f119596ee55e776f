using System.Diagnostics;
using Cmi.Forwarding;
using Cmi.Loops;
using Cmi.Telemetry;

namespace Cmi.Engine;

/// <summary>
/// One client connection, from accept to close, and the ring of its exchanges in order of asking. Everything that happens to it, from whichever side, only
/// wakes it; at the end of the turn <see cref="Run"/> reads, advances and writes as far as that goes. A request alone is a ring of one.
/// <code>
/// Open ─▶ Tunnel (after a 101: bytes pass both ways) ─▶ Ended
/// Open ─▶ Cutting (a reply will never be whole; what was gathered leaves, then this side ends) ─▶ Lingering
/// Open ─▶ Lingering (last reply sent, this side ended, drained so that it arrives: RFC 9112 §9.6) ─▶ Ended
/// any ─▶ Ended (reset, timeout, fault)
/// </code>
/// <para>Threading: its loop.</para>
/// </summary>
internal sealed partial class ClientSession : IConnectionOwner
{
    private enum Stage : byte { Open, Tunnel, Cutting, Lingering, Ended }

    private const int MaxPasses = 8;                                // of one run, before others have their turn
    private const long MaxLingerBytes = 4L << 20;

    private readonly LoopState _state;
    private readonly IConnection _connection;
    private readonly LoopTimer _timer;
    private Stage _stage;
    private bool _woken, _timerFired;

    private Exchange? _front, _back;
    private int _count;
    private long _bytesInHand;

    private SendQueue _sendQueue;
    private long _sentBytes;
    private long _blockedSince = -1;
    private bool _closeAfterReply;                                  // the reply that leaves is the last
    private long _lingerUntil, _lingerBytes;
    private Peer? _peer;
    private string _ending = "the client has left";

    public ClientSession(LoopState state, IConnection connection)
    {
        (_state, _connection) = (state, connection);
        _timer = new(static session => ((ClientSession)session!).OnTimer(), this);
    }

    /// <summary>The client as servers are told of it, by the settings of now.</summary>
    public Peer Peer => _peer is { } peer && peer.Rule == _state.Settings.Peers ? peer : _peer = _state.Settings.Peers.Describe(_connection.Peer);

    /// <summary>How long the head that is just being taken took to arrive.</summary>
    /// <value>Milliseconds; 0 for one that came at once.</value>
    public long HeadWait => _headSince < 0 ? 0 : _state.Loop.Now - _headSince;

    /// <summary>What a fair queue may share by: the client's address.</summary>
    public ulong FairKey => _connection.Peer is { } peer ? peer.FairKey : 0;

    /// <summary>Step 1: a connection was accepted on this loop.</summary>
    public void Start()
    {
        _idleSince = _state.Loop.Now;
        _connection.SetOwner(this);
        SetTimer();
    }

    void IConnectionOwner.OnReady(IConnection connection) => Wake();

    /// <summary>Has it run at the end of this turn.</summary>
    public void Wake()
    {
        if (_woken || _stage == Stage.Ended) return;
        _woken = true;
        _state.Wake(this);
    }

    /// <summary>Has all its exchanges looked at: something in general has changed.</summary>
    public void WakeAll()
    {
        for (var exchange = _front; exchange is not null; exchange = exchange.Next) exchange.Wake();
        Wake();
    }

    /// <summary>Whether one of its exchanges has a route that leads to a queue.</summary>
    public bool Uses(IJobQueue queue)
    {
        for (var exchange = _front; exchange is not null; exchange = exchange.Next)
        {
            if (exchange.Route.Group?.Queue == queue) return true;
        }
        return false;
    }

    /// <summary>Finishes what has begun, then closes.</summary>
    public void Drain()
    {
        _drain = true;
        Wake();
    }

    /// <summary>Ends visibly, at once.</summary>
    public void Cut(string reason)
    {
        if (_stage == Stage.Ended) return;
        _state.Engine.Logger.ClientCut(reason);
        _ending = reason;
        _connection.Abort(reason);
        End();
    }

    /// <summary>Does all that can be done without waiting.</summary>
    public void Run()
    {
        _woken = false;
        if (_stage == Stage.Open) RunOpen();
        if (_stage == Stage.Tunnel) RunTunnel();
        if (_stage == Stage.Cutting) FinishCut();
        if (_stage == Stage.Lingering) Linger();
        if (_stage == Stage.Open && IsLentInVain && _state.Loop.Now - _blockedSince >= EngineSettings.LendMs) _front!.Reply.GiveBack();
        if (_stage != Stage.Ended) SetTimer();
    }

    private void RunOpen()
    {
        if (_connection.IsReady(Readiness.Failed))
        {
            Cut("the connection broke");
            return;
        }
        if (_timerFired) CheckDeadlines();
        for (var pass = 0; _stage == Stage.Open; pass++)
        {
            if (pass == MaxPasses)
            {
                Wake();
                break;
            }
            var progress = ReadRequests();
            progress |= AdvanceExchanges();
            progress |= WriteReplies();
            if (!progress) break;
        }
        if (_stage == Stage.Open) Flush();
        if (_stage == Stage.Open && _front is null && _noMoreRequests && !_sendQueue.IsBlocked) Close();
    }

    /// <summary>Lets every exchange that has something to do go on. Runs of safe methods run side by side, everything else is a barrier (RFC 9112 §9.3.2).</summary>
    private bool AdvanceExchanges()
    {
        var progress = false;
        bool undecided = false, barrier = false;
        for (var exchange = _front; exchange is not null;)
        {
            var mayStart = exchange.IsParallel ? !barrier : !undecided;
            if (exchange.IsWoken || exchange.IsHeldBack || (exchange.IsWaiting && mayStart)) progress |= exchange.Advance(mayStart);
            if (exchange.HoldsScratch)
            {
                // It leaves now, if it is its turn; what does not is stored before the scratch is used again.
                if (exchange == _front)
                {
                    WriteReplies();
                    if (_stage != Stage.Open) return false;
                    if (exchange != _front)
                    {
                        (exchange, undecided, barrier, progress) = (_front, false, false, true);
                        continue;
                    }
                }
                exchange.KeepReply();
            }
            if (!exchange.IsDecided)
            {
                undecided = true;
                barrier |= !exchange.IsParallel;
            }
            exchange = exchange.Next;
        }
        return progress;
    }

    private void Add(Exchange exchange)
    {
        if (_back is null) _front = exchange;
        else _back.Next = exchange;
        _back = exchange;
        _count++;
    }

    private void RemoveFront()
    {
        var exchange = _front!;
        if (exchange == _reading) StopReading();                    // answered before its end; the exchange may be another session's next
        _front = exchange.Next;
        if (_front is null) (_back, _idleSince) = (null, _state.Loop.Now);
        _count--;
        _bytesInHand -= exchange.RequestBytes;
        exchange.End(_ending);
        _state.Return(exchange);
    }

    private void RemoveBack()
    {
        var exchange = _back!;
        if (_front == exchange)
        {
            RemoveFront();
            return;
        }
        var before = _front!;
        while (before.Next != exchange) before = before.Next!;
        (_back, before.Next) = (before, null);
        _count--;
        _bytesInHand -= exchange.RequestBytes;
        exchange.End(_ending);
        _state.Return(exchange);
    }

    private void OnTimer()
    {
        _timerFired = true;
        Wake();
    }

    private void CheckDeadlines()
    {
        _timerFired = false;
        var (now, settings) = (_state.Loop.Now, _state.Settings);
        if (_blockedSince >= 0 && now - _blockedSince >= settings.ClientSend)
        {
            Cut("the client took nothing of its reply for too long");
            return;
        }
        if (_reading is { } reading && !_readPaused && now - _lastRead >= reading.Route.Settings.ClientContent) Refuse(reading, 408, "The request's content did not come in time.");
        if (_headSince >= 0 && now - _headSince >= settings.ClientHead) RefuseInput(408, "The request's head did not come in time.");
        if (IsIdle && now - _idleSince >= settings.ClientIdle) _noMoreRequests = true;
        for (var exchange = _front; exchange is not null; exchange = exchange.Next) exchange.CheckDeadlines(now);
    }

    private bool IsLentInVain => _blockedSince >= 0 && _front is { Reply.IsLent: true };

    // While its last reply still leaves, a client that reads slowly is not idle.
    private bool IsIdle => _front is null && _headSince < 0 && !_sendQueue.IsBlocked;

    // One timer a session: it is moved only when something is due earlier than it fires, and looks anew when it has fired.
    private void SetTimer()
    {
        var settings = _state.Settings;
        var due = long.MaxValue;
        if (_stage == Stage.Lingering)
        {
            due = _lingerUntil;
        }
        else if (_stage == Stage.Tunnel)
        {
            due = _front!.TunnelEnds;
        }
        else
        {
            if (_blockedSince >= 0) due = _blockedSince + (IsLentInVain ? Math.Min(EngineSettings.LendMs, settings.ClientSend) : settings.ClientSend);
            if (_reading is { } reading && !_readPaused) due = Math.Min(due, _lastRead + reading.Route.Settings.ClientContent);
            if (_headSince >= 0) due = Math.Min(due, _headSince + settings.ClientHead);
            if (IsIdle && !_noMoreRequests) due = Math.Min(due, _idleSince + settings.ClientIdle);
            for (var exchange = _front; exchange is not null; exchange = exchange.Next) due = Math.Min(due, exchange.Due);
        }
        if (due != long.MaxValue && (!_timer.IsSet || due < _timer.Due)) _state.Loop.SetTimer(_timer, due);
    }

    private void End()
    {
        _stage = Stage.Ended;
        while (_front is not null) RemoveFront();
        _reading = null;
        _received.Clear(_state.Memory);
        _sendQueue.Clear(_state.Memory);
        _state.ToClient.Clear();
        _state.Loop.ClearTimer(_timer);
        _state.Remove(this);
    }
}
