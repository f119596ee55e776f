using System.Globalization;
using Cmi.Simulation.Judging;
using Cmi.Simulation.Plans;

namespace Cmi.Simulation.World;

/// <summary>Reads what a client gets, and holds every byte against what the servers have said.</summary>
internal sealed class ReplyJudge : IMessageSink
{
    private readonly SimulatedWorld _world;
    private readonly SimulatedClient _client;
    private readonly MessageReader _reader;
    private Attempt? _attempt;                                      // whose reply comes; null: one of the gateway's own
    private int _status;
    private bool _isFinal, _closes, _endsWithConnection, _isChunked;
    private long _length;

    public ReplyJudge(SimulatedWorld world, SimulatedClient client)
    {
        (_world, _client) = (world, client);
        _reader = new(this);
    }

    /// <summary>How many requests have their reply.</summary>
    public int Answered { get; private set; }

    /// <summary>Whether a part of a reply has come, and not all of it.</summary>
    public bool IsInReply => _reader.IsInside;

    /// <summary>Whether a reply has said that the connection closes behind it.</summary>
    public bool WasToldClose { get; private set; }

    private AskedRequest? Front => Answered < _client.Requests.Count ? _client.Requests[Answered] : null;

    /// <summary>Bytes have come.</summary>
    public void Take(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty && !_client.IsThrough) bytes = bytes[_reader.Read(bytes)..];
    }

    /// <summary>The connection has ended.</summary>
    public void ConnectionEnded(bool wasReset, string? reason)
    {
        if (!wasReset) _reader.EndOfInput();
        if (_client.IsThrough) return;
        if (_reader.IsInside || (Answered < _client.Begun && Front is not null))
            _world.Oracle.JudgeBroken(Front ?? _client.Requests[^1], _reader.IsInside, wasReset, wasReset ? $"the connection is reset ({reason ?? "by the transport"})" : "the connection is closed");
        else if (!WasToldClose && !_client.IsAtFault && !_client.HasEndedSending && !_world.IsDraining && !_client.WasIdleFor(Terms.ClientIdle))
            _world.Violate("needless-close", $"an idle connection is closed too soon, and nothing said so: {_client}");
    }

    public void OnStartLine(string line)
    {
        var ok = line.StartsWith("HTTP/1.1 ", StringComparison.Ordinal) && int.TryParse(line.AsSpan(9, Math.Min(3, line.Length - 9)), NumberStyles.None, CultureInfo.InvariantCulture, out _status);
        if (!ok) Violate("malformed", $"a reply begins with '{line}'");
        else if (Front is null || Answered >= _client.Begun) Violate("unasked", $"'{line}' answers nothing: {_client}");
        else if (WasToldClose) Violate("unasked", $"'{line}' follows a reply that said close: {_client}");
        _world.Note('p', _status);
    }

    public ContentEnd OnHead(string head, out long length)
    {
        length = 0;
        if (Front is not { } request) return ContentEnd.None;
        (_isFinal, _length, _attempt) = (_status >= 200, 0, null);
        if (!_isFinal)
        {
            if (_client.IsDegraded) Violate("malformed", $"an interim response goes to HTTP/1.0: {request}");
            if (_status == 103 && HeadText.Field(head, "X-Mark") != Text(request.Plan.Id)) Violate("wrong-reply", $"an interim response of another request comes for {request}");
            return ContentEnd.None;
        }
        if (HeadText.Field(head, "X-Attempt") is { } mark) FindAttempt(request, mark, head);
        var connection = HeadText.Field(head, "Connection");
        _closes = _client.IsDegraded ? !HeadText.Has(head, "Connection", "keep-alive") : connection is not null && HeadText.Has(head, "Connection", "close");
        return FramingOf(request, head, out length);
    }

    public void OnContent(ReadOnlySpan<byte> content)
    {
        if (_attempt is { } attempt)
        {
            if (!Pattern.Matches(content, attempt.Request.Plan.Id, attempt.Content, _length)) Violate("content", $"the reply has other content behind byte {_length} than attempt {attempt.Number} of {Front}");
            _client.InReply(Front!, (double)_length / Math.Max(1, attempt.Plan.Bytes));
        }
        _length += content.Length;
    }

    public void OnEnd(string trailers)
    {
        if (Front is not { } request) return;
        if (!_isFinal)
        {
            if (_status == 100) _client.Continue();
            return;
        }
        if (_attempt is { } attempt) JudgeWhole(request, attempt, trailers);
        else _world.Oracle.JudgeOwnReply(request, _status);
        WasToldClose |= _closes || _endsWithConnection;
        if (WasToldClose) _world.Oracle.JudgeClose(request, _attempt is null, _endsWithConnection);
        Answered++;
        _world.Resolve(request, _attempt is null ? Outcome.Error : Outcome.Whole);
        _client.Answered(request);
    }

    public void OnMalformed(string why) => Violate("malformed", $"{why} comes in the reply to {Front}");

    private void FindAttempt(AskedRequest request, string mark, string head)
    {
        var parts = mark.Split('.');
        if (parts[0] != Text(request.Plan.Id))
        {
            Violate("wrong-reply", $"the reply {mark} comes for {request}");
            return;
        }
        var number = int.Parse(parts[1], CultureInfo.InvariantCulture);
        if (number > request.Attempts.Count)
        {
            Violate("wrong-reply", $"the reply {mark} was never said: {request}");
            return;
        }
        _attempt = request.Attempts[number - 1];
        if (_status != _attempt.Plan.Status || HeadText.Field(head, "X-Mark") != parts[0]) Violate("wrong-reply", $"the head of the reply is changed: {request}: {head}");
    }

    private ContentEnd FramingOf(AskedRequest request, string head, out long length)
    {
        length = 0;
        _endsWithConnection = _isChunked = false;
        var coding = HeadText.Field(head, "Transfer-Encoding");
        var text = HeadText.Field(head, "Content-Length");
        if (coding is not null && (text is not null || _client.IsDegraded)) Violate("malformed", $"the reply has the framing {head}");
        if (request.Plan.Method == "HEAD" || _status is 204 or 304) return ContentEnd.None;
        if (coding is not null)
        {
            _isChunked = true;
            return ContentEnd.Chunked;
        }
        if (text is not null)
        {
            if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out length)) Violate("malformed", $"the reply has the length {text}");
            return ContentEnd.Length;
        }
        _endsWithConnection = true;
        return ContentEnd.UntilClose;
    }

    private void JudgeWhole(AskedRequest request, Attempt attempt, string trailers)
    {
        var expected = ReplyBytes.HasContent(request.Plan, attempt.Plan) ? attempt.Plan.Bytes : 0;
        if (_length != expected) Violate("short", $"the reply has {_length} bytes of content, its server meant {expected}: {request}");
        var isWhole = attempt.SaidWhole || request.Attempts.Exists(later => later.Number > attempt.Number && later is { GivesRest: true, SaidWhole: true } && later.Plan.Version == attempt.Plan.Version);
        if (!isWhole) Violate("incomplete", $"the reply is given out as whole, and its server has not said all of it: {request}");
        if (!_isChunked) return;
        var trail = $"X-Trail: {ReplyBytes.Trail(request.Plan.Id, attempt.Number)}\r\n";
        if (trailers.Length > 0 && (trailers != trail || !request.Plan.TakesTrailers)) Violate("trailers", $"the reply ends with '{trailers}': {request}");
        if (trailers.Length == 0 && request.Plan.TakesTrailers && attempt.Plan is { Trailers: true, Framing: ReplyFraming.Chunked, IsOld: false })
            Violate("trailers", $"the reply has lost its trailers: {request}");
    }

    private void Violate(string rule, string text) => _world.Violate(rule, text);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
