using System.Net;
using Cmi.Simulation.Judging;
using Cmi.Simulation.Plans;
using Cmi.Testing;

namespace Cmi.Simulation.World;

/// <summary>A client with one connection: it asks as its plan says, and what goes wrong on its side happens here. What it gets is judged by <see cref="ReplyJudge"/>.</summary>
internal sealed class SimulatedClient
{
    private const int ContinueMs = 1500, GoodbyeMs = 5000, GiveUpMs = 90_000, LongestWaitMs = 4000;
    private static readonly int[] SlowGaps = [10, 500, 3000, 9000];

    private readonly SimulatedWorld _world;
    private readonly ReplyJudge _judge;
    private InMemoryPeer _peer = null!;                             // none before it connects
    private RequestBytes? _out;
    private int _current, _sent, _nextToAsk;
    private long _startedAt, _lastSent, _idleSince, _longestIdle;
    private long? _endedAt;                                         // when the gateway has ended its direction, much of which may be unread yet
    private bool _isAtFault, _wasSlow, _continued, _waitsForContinue, _hasStruck, _stopsReading, _readLater, _isOver, _stopsAsking, _waitsForReply, _hasReadAll;

    public SimulatedClient(SimulatedWorld world, ClientPlan plan)
    {
        (_world, Plan) = (world, plan);
        Requests = [.. plan.Requests.Select((request, index) => new AskedRequest(request, this, index))];
        Address = new(new IPAddress([10, (byte)(plan.Number >> 16), (byte)(plan.Number >> 8), (byte)plan.Number]), 1024 + (plan.Number % 60_000));
        _judge = new(world, this);
    }

    public ClientPlan Plan { get; }
    public IReadOnlyList<AskedRequest> Requests { get; }
    public PeerAddress Address { get; }

    /// <summary>The highest exchange that the queue has heard of.</summary>
    public long LastExchange { get; set; }

    /// <summary>Whether it speaks HTTP/1.0.</summary>
    public bool IsDegraded => Plan.Minor == 0;

    /// <summary>Whether it has left, or gave a reason to be cut off.</summary>
    public bool IsAtFault => _isAtFault || WasSlow;

    /// <summary>Whether it was so late that it may be told so.</summary>
    public bool WasSlow => _wasSlow || (_out is { } bytes && IsLate(bytes));

    /// <summary>Whether what has come may lie unread for seconds.</summary>
    public bool ReadsSlowly => Plan.ReadPiece > 0 || (_hasStruck && Plan is { Fault: Fault.ClientSlow, Phase: Phase.Waiting or Phase.InReply });

    public bool HasEndedSending { get; private set; }
    public bool WasToldClose => _judge.WasToldClose;

    /// <summary>Where it stands with which request, or between two; none if it is not there.</summary>
    public (AskedRequest? Request, Phase Phase)? Position =>
        IsThrough || _peer is null ? null
        : _judge.Answered >= Begun ? (null, Phase.Idle)
        : (Requests[_judge.Answered],
            _judge.IsInReply ? Phase.InReply
            : _judge.Answered < _current ? Phase.Waiting
            : _sent < _out!.HeadLength ? Phase.RequestHead : Phase.RequestContent);

    /// <summary>Whether nothing more can come.</summary>
    public bool IsThrough { get; private set; }

    /// <summary>How many requests it has begun to send.</summary>
    public int Begun => _out is null ? _current : _current + 1;

    /// <summary>Whether it was quiet between two requests for so long.</summary>
    public bool WasIdleFor(long milliseconds) => Math.Max(_longestIdle, _world.Now - _idleSince) >= milliseconds;

    /// <summary>Whether the gateway has ended its direction so long ago, be it read to there or not.</summary>
    public bool HasHadEndFor(long milliseconds) => _world.Now - _endedAt >= milliseconds;

    /// <summary>The next request that a new exchange can be.</summary>
    public AskedRequest? NextToAsk() => _nextToAsk < Begun ? Requests[_nextToAsk++] : null;

    /// <summary>Connects.</summary>
    public void Start()
    {
        if (_world.Connect(Address) is not { } peer)
        {
            Through();                                              // the gateway is gone
            return;
        }
        _peer = peer;
        peer.Changed = _ => OnChanged();
        _idleSince = _world.Now;
        SendNext();
    }

    /// <summary>A 100 has come.</summary>
    public void Continue()
    {
        if (!_waitsForContinue) return;
        (_waitsForContinue, _continued) = (false, true);
        Send();
    }

    /// <summary>A part of a reply has come.</summary>
    public void InReply(AskedRequest request, double share)
    {
        if (StrikesAt(request, Phase.InReply) && share * 1000 >= Plan.Share) Strike(request);
    }

    /// <summary>A request has its reply.</summary>
    public void Answered(AskedRequest request)
    {
        Continue();
        if (_judge.WasToldClose) _stopsAsking = true;
        if (IsThrough) return;
        if (StrikesAt(request, Phase.InReply) || StrikesAt(request, Phase.Idle)) Strike(request);
        if (_waitsForReply && request.Index == _current - 1 && !_isOver)
        {
            _waitsForReply = false;
            Later(_hasStruck && Plan is { Fault: Fault.ClientSlow, Phase: Phase.Idle } ? SlowGap : 0, SendNext);
        }
        if (_judge.Answered == Requests.Count || _judge.WasToldClose) SayGoodbye();
    }

    public override string ToString() => $"client {Plan.Number}: {_judge.Answered} of {Requests.Count} answered, {Begun} begun, {_sent} of {_out?.Bytes.Length} bytes sent, struck {_hasStruck}";

    // It sends until it leaves, whatever has come meanwhile.
    private bool IsBusy => Plan.Fault is Fault.ClientReset or Fault.ClientClosed && _out is not null && (StrikesAt(Requests[_current], Phase.RequestHead) || StrikesAt(Requests[_current], Phase.RequestContent));

    private int SlowGap => SlowGaps[Plan.Share % SlowGaps.Length];

    private void SendNext()
    {
        if (_isOver || _stopsAsking || IsThrough) return;
        if (_current == Requests.Count)
        {
            if (!Plan.HalfCloses) return;
            HasEndedSending = true;
            _peer.EndSending();
            return;
        }
        var request = Requests[_current];
        Later(request.Plan.Pause, () =>
        {
            if (_isOver || _stopsAsking || IsThrough) return;
            if (_judge.Answered == _current) _longestIdle = Math.Max(_longestIdle, _world.Now - _idleSince);
            _out = new(request.Plan, Plan.Minor);
            (_sent, _continued) = (0, false);
            _startedAt = _lastSent = request.BegunAt = _world.Now;
            Send();
        });
    }

    private void Send()
    {
        if (_isOver || IsThrough || _out is not { } bytes) return;
        var request = Requests[_current];
        NoteLateness(bytes);
        var (end, gap, piece) = (bytes.Bytes.Length, request.Plan.Gap, request.Plan.Piece);
        var strike = -1;
        if (StrikesAt(request, Phase.RequestHead)) strike = 1 + (int)(Plan.Share * (long)(bytes.HeadLength - 2) / 1000);
        if (StrikesAt(request, Phase.RequestContent)) strike = bytes.HeadLength + (int)(Plan.Share * (long)(end - bytes.HeadLength) / 1000);
        var slow = _hasStruck && Plan is { Fault: Fault.ClientSlow, Phase: Phase.RequestHead or Phase.RequestContent } && Plan.FaultRequest == _current;
        if (slow) (gap, piece) = (SlowGap, 1 + (end / 4));
        if (request.Plan.Expects && !_continued && _sent <= bytes.HeadLength) end = bytes.HeadLength;
        if (strike >= _sent) end = Math.Min(end, strike);
        var count = piece > 0 ? Math.Min(piece, end - _sent) : end - _sent;
        if (count > 0) _peer.Send(bytes.Bytes.AsSpan(_sent, count));
        _sent += count;
        _lastSent = _world.Now;
        if (_sent == bytes.Bytes.Length && _sent != strike)
        {
            Sent(request);
        }
        else if (_sent == strike)
        {
            Strike(request);
            if (Plan.Fault == Fault.ClientSlow) Later(SlowGap, Send);
        }
        else if (_sent == bytes.HeadLength && request.Plan.Expects && !_continued)
        {
            _waitsForContinue = true;
            Later(ContinueMs, Continue);
        }
        else
        {
            Later(gap, Send);
        }
    }

    private void Sent(AskedRequest request)
    {
        request.SentWhole = true;
        _idleSince = _world.Now;                                    // for the gateway it begins with the end of the reply, which may be read much later
        _world.Note('q', request.Plan.Id);
        _out = null;
        _current++;
        if (StrikesAt(request, Phase.Waiting)) Later(1 + (LongestWaitMs * Plan.Share / 1000 * Plan.Share / 1000), () => StrikeWaiting(request));
        if (_judge.Answered == Requests.Count || _judge.WasToldClose) SayGoodbye();     // answered early, and sent on
        else if (Plan.Waits && _judge.Answered <= request.Index) _waitsForReply = true;
        else SendNext();
    }

    private void StrikeWaiting(AskedRequest request)
    {
        if (!_hasStruck && !_isOver && _judge.Answered + (_judge.IsInReply ? 1 : 0) <= request.Index) Strike(request);
    }

    private void NoteLateness(RequestBytes bytes)
    {
        if (IsLate(bytes)) _wasSlow = true;
    }

    private bool IsLate(RequestBytes bytes) =>
        _sent > 0 && (_world.Now - _lastSent >= Terms.ClientContent || (_sent < bytes.HeadLength && _world.Now - _startedAt >= Terms.ClientHead));

    private bool StrikesAt(AskedRequest request, Phase phase) => !_hasStruck && Plan.Fault != Fault.None && Plan.Phase == phase && Plan.FaultRequest == request.Index;

    private void Strike(AskedRequest request)
    {
        _hasStruck = true;
        _world.Feel(Plan.Phase == Phase.Idle ? null : request, Plan.Fault, Plan.Phase);
        switch (Plan.Fault)
        {
            case Fault.ClientReset:
                _isAtFault = true;
                _peer.Abort();
                Through();
                return;
            case Fault.ClientClosed:
                _isAtFault = true;
                _peer.Close();
                Through();
                return;
            case Fault.ClientSilent:
                _isAtFault = _wasSlow = _isOver = true;
                _stopsReading = Plan.Phase is Phase.Waiting or Phase.InReply;
                Later(GiveUpMs, () =>
                {
                    _peer.Abort();
                    Through();
                });
                return;
            case Fault.ClientSlow when Plan.Phase is Phase.Waiting or Phase.InReply:
                _readLater = true;
                _isAtFault |= SlowGap >= Terms.ClientSend;
                Later(SlowGap, ReadOn);
                return;
        }
    }

    private void OnChanged()
    {
        if (_peer.HasEnd) _endedAt ??= _world.Now;
        if (!_readLater) Read();
    }

    private void ReadOn()
    {
        _readLater = false;
        Read();
    }

    private void Read()
    {
        Span<byte> buffer = stackalloc byte[8192];
        while (!IsThrough && !_stopsReading && !_readLater)
        {
            var slowly = Plan.ReadPiece > 0;
            var count = _peer.Receive(slowly ? buffer[..Math.Min(Plan.ReadPiece, buffer.Length)] : buffer);
            if (count == 0) break;
            _judge.Take(buffer[..count]);
            if (!slowly || IsThrough || _readLater) continue;
            _readLater = true;
            Later(Plan.ReadGap, ReadOn);
        }
        if (IsThrough || _readLater) return;
        _hasReadAll |= _peer.Ended;
        if (_peer.Reset)
        {
            _judge.ConnectionEnded(wasReset: !_hasReadAll, _peer.ResetReason);       // one that sends on behind the end is reset in time, and has lost nothing
            Through();
        }
        else if (_peer.Ended && !_stopsReading && !IsBusy)
        {
            _judge.ConnectionEnded(wasReset: false, null);
            _peer.Close();
            Through();
        }
    }

    private void SayGoodbye()
    {
        if (IsBusy) return;
        _isOver = true;
        if (Plan.Stays && !IsAtFault) return;                       // the gateway closes it, in time
        if (_judge.WasToldClose) Later(GoodbyeMs, Close);
        else Close();

        void Close()
        {
            if (IsThrough) return;
            _peer.Close();
            Through();
        }
    }

    private void Through()
    {
        if (IsThrough) return;
        IsThrough = true;
        foreach (var request in Requests) _world.Resolve(request, IsAtFault || request.Index >= Begun ? Outcome.ClientLeft : Outcome.Cut);
        _world.ClientIsThrough();
    }

    private void Later(long delay, Action act)
    {
        if (delay == 0) act();
        else _world.Agenda.In(delay, () => { if (!IsThrough) act(); });
    }
}
