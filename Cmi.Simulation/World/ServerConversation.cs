using System.Globalization;
using Cmi.Simulation.Judging;
using Cmi.Simulation.Plans;
using Cmi.Testing;

namespace Cmi.Simulation.World;

/// <summary>One connection to a simulated server: it reads requests, judges them, and does with each what its plan says.</summary>
internal sealed class ServerConversation : IMessageSink
{
    private const int StartLineBytes = 40;                          // read before the request, and with it its plan, is known

    private readonly SimulatedServer _server;
    private readonly SimulatedWorld _world;
    private readonly InMemoryPeer _peer;
    private readonly MessageReader _reader;
    private AskedRequest? _asked;
    private Attempt? _attempt;
    private ReplyBytes? _reply;
    private int _said, _headReceived, _identifiedAt;
    private long _contentReceived;
    private bool _isWhole, _isAnswering, _hasStruck;
    private bool _stopsReading, _readsSlowly, _readLater, _gone;
    private string? _over;                                          // why no further request may come

    public ServerConversation(SimulatedServer server, SimulatedWorld world, InMemoryPeer peer)
    {
        (_server, _world, _peer) = (server, world, peer);
        _reader = new(this);
        peer.Changed = _ => OnChanged();
    }

    private ReplyPlan Plan => _attempt!.Plan;

    private Phase Phase =>
        _asked is null ? Phase.Idle
        : !_isWhole ? _reader.IsInContent ? Phase.SendingContent : Phase.SendingHead
        : _said == 0 ? Phase.AwaitingHead
        : _said < _reply!.HeadLength ? Phase.InHead : Phase.InContent;

    /// <summary>The whole server goes.</summary>
    public void Die()
    {
        if (_gone) return;
        Feel(Fault.Died, Phase);
        Fail(Fault.Died);
        LoseWhatIsOnItsWay(Fault.Died);
        Leave(abort: true);
    }

    public void OnStartLine(string line)
    {
        var parts = line.Split(' ');
        if (_over is not null) _world.Violate("reuse", $"'{line}' comes on a connection to server {_server.Plan.Number} {_over}");
        else if (_asked is not null) _world.Violate("reuse", $"'{line}' comes before the reply to {_asked} is whole");
        else if (parts is not [_, ['/', .. var digits], "HTTP/1.1"] || !int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var id) || _world.Find(id) is not { } asked)
            _world.Violate("request", $"server {_server.Plan.Number} is sent '{line}', which nobody asked");
        else Begin(asked, parts[0]);
        if (_asked is null) _stopsReading = true;
    }

    public ContentEnd OnHead(string head, out long length)
    {
        length = 0;
        if (_asked is not { } asked) return ContentEnd.None;
        if (HeadText.Field(head, "Host") != "simulated" || HeadText.Field(head, "X-Mark") != Text(asked.Plan.Id) || HeadText.Field(head, "Via") is null)
            _world.Violate("request", $"{asked} comes with other fields: {head}");
        if (HeadText.Field(head, "Range") is { } range) TakeRange(asked, range, HeadText.Field(head, "If-Range"));
        if (HeadText.Field(head, "Transfer-Encoding") is { } coding)
        {
            if (coding != "chunked" || HeadText.Field(head, "Content-Length") is not null) _world.Violate("request", $"{asked} comes with the framing: {head}");
            return ContentEnd.Chunked;
        }
        if (HeadText.Field(head, "Content-Length") is not { } text) return ContentEnd.None;
        if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out length) || length != asked.Plan.Bytes) _world.Violate("request", $"{asked} comes with the length {text}");
        return ContentEnd.Length;
    }

    // No client asks for a part: it is the rest of a reply that has broken, of which the head was said.
    private void TakeRange(AskedRequest asked, string range, string? tag)
    {
        var from = range.StartsWith("bytes=", StringComparison.Ordinal) && int.TryParse(range.AsSpan(6, Math.Max(0, range.IndexOf('-') - 6)), NumberStyles.None, CultureInfo.InvariantCulture, out var first) ? first : -1;
        var begun = asked.Attempts.Find(before => before is { RestFrom: null, SaidHead: true, IsResumable: true } && before != _attempt && tag == RestPart.Tag(asked.Plan.Id, before.Plan.Version));
        if (from < 0 || begun is null || from > begun.Plan.Bytes) _world.Violate("request", $"the rest '{range}' of {tag} is asked for: {asked}");
        (_attempt!.RestFrom, _attempt.RestTag) = (from, tag);
    }

    public void OnContent(ReadOnlySpan<byte> content)
    {
        if (_asked is not { } asked) return;
        if (!Pattern.Matches(content, asked.Plan.Id, Pattern.Request, _contentReceived)) _world.Violate("request-content", $"{asked} comes with other content behind byte {_contentReceived}");
        _contentReceived += content.Length;
    }

    public void OnEnd(string trailers)
    {
        if (_asked is not { } asked) return;
        _isWhole = true;
        _readsSlowly = false;                                       // what comes next has done nothing
        if (_contentReceived != asked.Plan.Bytes) _world.Violate("request-content", $"{asked} comes with {_contentReceived} bytes of content");
        if (!asked.SentWhole) _world.Violate("request-content", $"{asked} is whole at a server, and its client has not sent all of it");
        if (!_isAnswering)
        {
            Answer();
        }
        else if (_attempt is { SaidWhole: true })
        {
            _asked = null;
            _headReceived = 0;
        }
    }

    public void OnMalformed(string why)
    {
        // What a slow upload looks like that its client has broken off is not judged by its end: the gateway resets such a connection.
        _world.Violate("request", $"server {_server.Plan.Number} is sent {why}, for {_asked}");
    }

    private void OnChanged()
    {
        if (!_readLater) Read();
    }

    private void Read()
    {
        Span<byte> buffer = stackalloc byte[4096];
        while (!_gone && !_stopsReading)
        {
            var piece = _readsSlowly ? 1 + Math.Min(_asked?.Plan.Bytes ?? 0, 4000) / 4 : buffer.Length;
            var count = _peer.Receive(buffer[..Math.Min(Math.Min(piece, buffer.Length), ReadLimit())]);
            if (count == 0) break;
            Take(buffer[..count]);
            if (!_readsSlowly || _gone) continue;
            _readLater = true;
            _world.Agenda.In(Plan.Gap, () =>
            {
                _readLater = false;
                Read();
            });
            return;
        }
        if (_gone || (!_peer.Reset && !_peer.Ended)) return;
        _gone = true;                                               // let go of by the gateway
        _server.Left(this, byServer: false);
        if (!_peer.Reset) _peer.Close();
    }

    private int ReadLimit()
    {
        if (_asked is null) return StartLineBytes;
        if (_hasStruck || _isWhole) return int.MaxValue;
        if (Plan.Phase == Phase.SendingHead && Plan.Fault != Fault.None) return Math.Max(1, StrikeAt - _headReceived);
        if (Plan.Phase == Phase.SendingContent && Plan.Fault != Fault.None && _reader.IsInContent) return (int)Math.Max(1, StrikeAt - _contentReceived);
        return Plan.Phase == Phase.SendingContent && Plan.Fault != Fault.None ? 16 : int.MaxValue;
    }

    // In bytes of the head, behind the start line; or in bytes of the content, before its end.
    private int StrikeAt => Plan.Phase == Phase.SendingHead ? _identifiedAt + 1 + (Plan.Share % 50) : Math.Max(1, (int)(Plan.Share * (long)_asked!.Plan.Bytes / 1000));

    private void Take(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty && !_gone)
        {
            // What is read slowly had arrived long before: to the gateway it is no progress.
            if (_attempt is not null && !_readsSlowly) _attempt.Progress(_world.Now);
            if (!_reader.IsInContent) _headReceived += bytes.Length;
            bytes = bytes[_reader.Read(bytes)..];
            if (_asked is null || _hasStruck || _isWhole || Plan.Fault == Fault.None) continue;
            if (Plan.Phase == Phase.SendingHead && _headReceived >= StrikeAt) Strike();
            else if (Plan.Phase == Phase.SendingContent && _contentReceived >= StrikeAt) Strike();
        }
    }

    private void Begin(AskedRequest asked, string method)
    {
        (_asked, _identifiedAt, _contentReceived, _said, _reply) = (asked, _headReceived, 0, 0, null);
        (_isWhole, _isAnswering, _hasStruck) = (false, false, false);
        _world.Note('s', asked.Plan.Id);
        if (method != asked.Plan.Method) _world.Violate("request", $"{asked} comes as {method}");
        var number = asked.Attempts.Count + 1;
        _attempt = new(asked, number, asked.Plan.Reply(number), _server.Plan.Number, _world.Now);
        var grant = _world.Ledger.Seen(asked, _server);
        asked.Attempts.Add(_attempt);
        if (grant is not null) grant.Attempt = _attempt;
        if (number > 1 && !asked.Plan.IsIdempotent) _world.Violate("unsafe-twice", $"a server sees {asked} again");
    }

    private void Answer()
    {
        _isAnswering = true;
        var delay = Plan.Delay;
        if (Plan is { Phase: Phase.AwaitingHead, Fault: not Fault.None } && !_hasStruck)
        {
            Strike();
            if (Plan.Fault != Fault.Slow) return;
            delay += Plan.Gap;
        }
        var attempt = _attempt;
        if (delay == 0) StartSaying();
        else _world.Agenda.In(delay, () => { if (_attempt == attempt) StartSaying(); });
    }

    private void StartSaying()
    {
        if (_gone || _attempt!.Failure != Fault.None) return;
        _reply = new(_asked!.Plan, _attempt);
        Say();
    }

    private void Say()
    {
        if (_gone || _attempt!.Failure != Fault.None) return;
        var (reply, end) = (_reply!, _reply!.StrikesAt ?? _reply.Bytes.Length);
        var piece = Plan.Piece > 0 ? Plan.Piece : end;
        var slow = Plan.Fault == Fault.Slow && _hasStruck && reply.StrikesAt is not null;
        if (slow) (end, piece) = (reply.Bytes.Length, _said < reply.HeadLength ? 1 + (reply.HeadLength / 4) : 1 + (reply.Bytes.Length / 5));
        piece = Math.Min(piece, end - _said);
        _said += piece;
        _attempt.Progress(_world.Now);
        _attempt.SaidHead |= _said >= reply.HeadLength;
        var isLast = _said == reply.Bytes.Length && (slow || reply.StrikesAt is null || _hasStruck);
        _attempt.SaidWhole |= isLast && !reply.EndsWithConnection;
        if (piece > 0) _peer.Send(reply.Bytes.AsSpan(_said - piece, piece));
        if (isLast)
        {
            Finish();
        }
        else if (_said == end && !slow)
        {
            Strike();
            if (Plan.Fault == Fault.Slow) Continue(Plan.Gap);
        }
        else
        {
            Continue(Plan.Gap);
        }

        void Continue(int gap)
        {
            var attempt = _attempt;
            _world.Agenda.In(gap, () => { if (_attempt == attempt) Say(); });
        }
    }

    private void Finish()
    {
        _world.Note('r', _asked!.Plan.Id);
        _attempt!.SaidWhole = true;
        var reply = _reply!;
        if (reply.EndsWithConnection || Plan.SaysClose || Plan.IsOld)
        {
            _over = "that was said to close";
            if (!_isWhole) _attempt.Failure = Fault.EarlyReply;     // what still comes is answered by a reset, by which the reply may be lost
            Leave(abort: false);
            return;
        }
        if (!_isWhole) return;                                      // answered early; the rest may be on its way, and is read as what it is
        _asked = null;
        _headReceived = 0;
        if (Plan is not { Phase: Phase.Idle, Fault: not Fault.None }) return;
        var attempt = _attempt;
        if (Plan.Fault == Fault.Garbage && Plan.Share < 500) StrikeIdle();
        else _world.Agenda.In(1 + (Plan.Share % 50), () => { if (_attempt == attempt) StrikeIdle(); });
    }

    private void StrikeIdle()
    {
        if (_gone || _peer.Ended || _peer.Reset || _peer.Available > 0 || _asked is not null) return;
        // What is said while a request is about to leave cannot be told from the reply to it, and an end may be seen behind it.
        if (_peer.Late > 0 && Plan.Fault is Fault.Garbage or Fault.HalfClosed) return;
        _world.Feel(null, Plan.Fault, Phase.Idle);
        if (Plan.Fault == Fault.Garbage)
        {
            _over = "on which more was said than was asked";
            _peer.Send("HTTP/1.1 200 OK\r\nX-Attempt: 0.0.4\r\nContent-Length: 4\r\n\r\nevil");
        }
        else if (Plan.Fault == Fault.HalfClosed)
        {
            _over = "that was half-closed";
            _peer.EndSending();
            _server.HasLetGo();
        }
        else
        {
            LoseWhatIsOnItsWay(Plan.Fault);
            Leave(Plan.Fault == Fault.Reset);
        }
    }

    private void Strike()
    {
        _hasStruck = true;
        Feel(Plan.Fault, Phase);
        switch (Plan.Fault)
        {
            case Fault.EarlyReply:
                Answer();
                return;
            case Fault.Slow:
                _readsSlowly = !_isWhole;
                return;
            case Fault.Reset or Fault.Closed:
                Fail(Plan.Fault);
                Leave(Plan.Fault == Fault.Reset);
                return;
            case Fault.HalfClosed:
                Fail(Plan.Fault);
                _over = "that was half-closed";
                _peer.EndSending();
                return;
            case Fault.Silent:
                Fail(Plan.Fault);
                _stopsReading = !_isWhole;
                return;
            case Fault.Garbage:
                Fail(Plan.Fault);
                _over = "that has brought garbage";
                _peer.Send(Phase == Phase.InContent ? "zz\r\n" : "\0garbage\r\n\r\n");
                return;
        }
    }

    private void Feel(Fault fault, Phase phase) => _world.Feel(_asked, fault, phase);

    private void Fail(Fault fault)
    {
        if (_asked is not null && _attempt is { SaidWhole: false } attempt) attempt.Failure = fault;
    }

    // A reset takes with it what the gateway has not yet received, be it a whole reply.
    private void LoseWhatIsOnItsWay(Fault fault)
    {
        if (fault is Fault.Reset or Fault.Died && _attempt is not null) _attempt.Failure = fault;
    }

    private void Leave(bool abort)
    {
        _gone = true;
        _server.Left(this, byServer: true);
        if (abort) _peer.Abort();
        else _peer.Close();
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
