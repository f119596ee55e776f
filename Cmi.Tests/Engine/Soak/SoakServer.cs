using System.Text;
using Cmi.Testing;
using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine.Soak;

/// <summary>A server of a soak: it answers, late, in pieces and in every framing, and from time to time it breaks.</summary>
internal sealed class SoakServer(SoakPlan plan, IReadOnlyDictionary<int, SoakRequest> requests)
{
    private readonly List<SoakServerConnection> _connections = [];

    public void Accept(InMemoryPeer peer) => _connections.Add(new(this, plan, requests, peer));

    public override string ToString() => string.Join("\n    ", _connections);

    public int Busy => _connections.Count(connection => connection.IsBusy);

    public void Step()
    {
        foreach (var connection in _connections) connection.Step();
    }
}

/// <summary>One connection to such a server.</summary>
internal sealed class SoakServerConnection
{
    private readonly SoakServer _server;
    private readonly SoakPlan _plan;
    private readonly IReadOnlyDictionary<int, SoakRequest> _requests;
    private readonly InMemoryPeer _peer;
    private readonly WireBuffer _input = new();
    private readonly Queue<Action> _script = new();
    private SoakRequest? _request;
    private SoakRequest? _begun;                                    // has not arrived whole; answered early, it still has to be read to its end
    private bool _isAnswered, _gone;

    public SoakServerConnection(SoakServer server, SoakPlan plan, IReadOnlyDictionary<int, SoakRequest> requests, InMemoryPeer peer)
    {
        (_server, _plan, _requests, _peer) = (server, plan, requests, peer);
        peer.Changed = _ =>
        {
            if (!_plan.IsLazy) Read();
        };
    }

    /// <summary>Whether a request is in flight on it, as far as the server can know.</summary>
    public bool IsBusy => _request is not null && !_gone && !_peer.Reset && !_peer.Ended;

    public void Step()
    {
        Read();
        for (var steps = _plan.Steps(); steps > 0 && !_gone && _script.TryDequeue(out var step); steps--) step();
        if (!_gone && _peer.Ended && _request is null) Leave(abort: false);
    }

    public override string ToString() =>
        $"request {_request?.Id} answered {_isAnswered} begun {_begun?.Id} gone {_gone} script {_script.Count} input {_input.Count} unsent {_peer.Unsent} reset {_peer.Reset} ended {_peer.Ended}";

    private void Read()
    {
        if (_gone) return;
        _input.Feed(_peer.Receive(_plan.Piece()));
        for (; ; )
        {
            if (_begun is null)
            {
                if (_request is not null || _input.Head is not { } head) return;
                Begin(head);
            }
            if (_input.TakeRequest() is { } whole)
            {
                Assert.That(whole.Content, Is.EqualTo(_begun!.Content), $"request {_begun.Id} came with other content");
                if (!_isAnswered) Answer(_begun);
                _begun = null;
                continue;
            }
            if (!_isAnswered && _plan.AnswersEarly()) Answer(_begun!);
            return;
        }
    }

    private void Begin(string head)
    {
        var parts = head[..head.IndexOf("\r\n", StringComparison.Ordinal)].Split(' ');
        var request = _requests[int.Parse(parts[1].AsSpan(1))];
        Assert.That(parts[0], Is.EqualTo(request.Method));
        (_request, _begun, _isAnswered) = (request, request, false);
        request.Seen++;
        Assert.That(request.IsIdempotent || request.Seen == 1, $"request {request.Id} ({request.Method}) was sent {request.Seen} times");
        Assert.That(request.Seen, Is.LessThanOrEqualTo(_plan.Attempts + 1), $"request {request.Id} was tried without end");
        if (_plan.MaxRequests > 0) Assert.That(_server.Busy, Is.LessThanOrEqualTo(_plan.MaxRequests), "more requests in flight than a server may have");
    }

    private void Answer(SoakRequest request)
    {
        _isAnswered = true;
        var fault = _plan.NextFault();
        if (fault is SoakFault.Silence) return;
        if (fault is SoakFault.CloseAtOnce or SoakFault.ResetAtOnce)
        {
            _script.Enqueue(() => Leave(fault == SoakFault.ResetAtOnce));
            return;
        }
        if (fault is SoakFault.Garbage)
        {
            _script.Enqueue(() => _request = null);
            Say("HTTP/1.1 2OO fine\r\n\r\n"u8.ToArray());
            _script.Enqueue(() => Leave(abort: false));
            return;
        }
        var (bytes, closes) = Compose(request, fault is SoakFault.CloseMidway or SoakFault.ResetMidway);
        if (fault is SoakFault.CloseMidway or SoakFault.ResetMidway)
        {
            Say(bytes);
            _script.Enqueue(() => Leave(fault == SoakFault.ResetMidway));
            return;
        }
        Say(bytes, () => _request = null, surplus: fault is SoakFault.SurplusAfter && !closes);
        if (closes || fault is SoakFault.StaleAfter) _script.Enqueue(() => Leave(abort: false));
    }

    private (byte[] Bytes, bool Closes) Compose(SoakRequest request, bool cut)
    {
        var size = _plan.ReplyBytes();
        var status = cut ? 200 : _plan.Status();
        var content = SoakRequest.Pattern(request.Id, request.Seen, size);
        var head = new StringBuilder();
        if (_plan.SaysInterim()) head.Append("HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n");
        head.Append(FormattableString.Invariant($"HTTP/1.1 {status} Any\r\nX-Attempt: {request.Id}.{request.Seen}.{size}\r\n"));
        var hasContent = request.Method != "HEAD" && status is not (204 or 304);
        var framing = _plan.Framing();
        var closes = framing == 2 && hasContent;
        if (_plan.SaysClose())
        {
            closes = true;
            head.Append("Connection: close\r\n");
        }
        if (framing == 0 && status != 204) head.Append("Content-Length: ").Append(size).Append("\r\n");
        if (framing == 1 && status != 204) head.Append("Transfer-Encoding: chunked\r\n");
        head.Append("\r\n");
        var bytes = new List<byte>(Encoding.ASCII.GetBytes(head.ToString()));
        if (hasContent) bytes.AddRange(framing == 1 ? SoakRequest.Chunked(content, _plan.Random, isWhole: true) : content);
        if (!cut) return ([.. bytes], closes);
        // A close-delimited reply that ends with FIN is whole by its framing: its cut must be a reset, or come within its head.
        var whole = framing == 2 || !hasContent ? head.Length - 1 : bytes.Count;
        return ([.. bytes.Take(_plan.Random.Next(0, whole))], false);
    }

    private void Say(byte[] bytes, Action? done = null, bool surplus = false)
    {
        for (var at = 0; at < bytes.Length;)
        {
            var piece = bytes.AsMemory(at, Math.Min(_plan.Piece(), bytes.Length - at));
            at += piece.Length;
            var isLast = at == bytes.Length;
            _script.Enqueue(() =>
            {
                if (!_peer.Reset) _peer.Send(piece.Span);
                if (!isLast || done is null) return;
                done();
                if (surplus && !_peer.Reset) _peer.Send("HTTP/1.1 200 OK\r\nX-Attempt: 0.0.4\r\nContent-Length: 4\r\n\r\nevil");
            });
        }
    }

    private void Leave(bool abort)
    {
        if (_gone) return;
        _gone = true;
        if (abort) _peer.Abort();
        else _peer.Close();
    }
}
