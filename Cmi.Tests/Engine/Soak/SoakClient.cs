using Cmi.Testing;
using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine.Soak;

/// <summary>A client of a soak: it stacks requests, reads when it likes, leaves at times, and judges what it gets.</summary>
internal sealed class SoakClient
{
    private readonly SoakPlan _plan;
    private readonly InMemoryPeer _peer;
    private readonly List<SoakRequest> _requests = [];
    private readonly List<byte> _toSend = [];
    private readonly WireBuffer _input = new();
    private readonly int _leavesAfter;                              // bytes; -1: it does not leave
    private readonly bool _leavesWithReset, _endsSending;
    private int _sent, _answered;
    private bool _left, _sendingEnded, _told;

    public SoakClient(SoakPlan plan, InMemoryPeer peer, Func<string, int, bool, bool, int, SoakRequest> create)
    {
        (_plan, _peer) = (plan, peer);
        var random = plan.Random;
        var (minorVersion, count) = (random.Next(4) == 0 ? 0 : 1, random.Next(1, 10));
        for (var i = 0; i < count; i++)
        {
            var method = plan.Pick("GET", "GET", "GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "BREW");
            var last = i == count - 1 && random.Next(4) == 0;
            var bytes = method is "POST" or "PUT" or "BREW" || random.Next(8) == 0 ? plan.RequestBytes() : 0;
            var request = create(method, minorVersion, !last, bytes > 0 && minorVersion == 1 && random.Next(2) == 0, bytes);
            _requests.Add(request);
            _toSend.AddRange(request.ToBytes(random));
        }
        _leavesAfter = random.NextDouble() < plan.ClientFaults ? random.Next(_toSend.Count + 1) : -1;
        _leavesWithReset = random.Next(2) == 0;
        _endsSending = random.Next(3) == 0;
    }

    /// <summary>Whether all that can come has come.</summary>
    private bool IsThrough => _left || _peer.Reset || _peer.Ended || _answered == _requests.Count;

    /// <summary>From now on it reads whatever comes, at once.</summary>
    public void CalmDown() => _peer.Changed = _ => Read();

    public void Step()
    {
        if (_left) return;
        for (var steps = _plan.Steps(); steps > 0 && _sent < _toSend.Count && !_left && _peer.Unsent == 0; steps--)
        {
            var piece = Math.Min(_plan.Piece(), _toSend.Count - _sent);
            if (_leavesAfter >= 0) piece = Math.Min(piece, _leavesAfter - _sent);
            if (piece > 0) _peer.Send(_toSend.GetRange(_sent, piece).ToArray());
            _sent += piece;
            if (_sent == _leavesAfter) Leave();
        }
        if (_sent == _toSend.Count && _endsSending && !_sendingEnded && !_left)
        {
            _sendingEnded = true;                                   // no goodbye: all replies must still come
            _peer.EndSending();
        }
        if (_plan.Random.Next(3) == 0) Read();
    }

    private void Read()
    {
        if (_left && _leavesWithReset) return;
        _input.Feed(_peer.Receive(_plan.Piece()));
        while (_answered < _requests.Count && _input.TakeReply(_requests[_answered].Method, _peer.Ended) is { } reply)
        {
            if (reply.Status >= 200) Check(_requests[_answered++], reply);
        }
    }

    /// <summary>Judges the whole, when all has come that will come.</summary>
    public void Finish()
    {
        if (_left) return;                                          // what it got was right as far as it goes
        if (_answered < _requests.Count)
        {
            Assert.That(_peer.Ended || _peer.Reset, $"request {_requests[_answered].Id} got no reply, and the connection stands");
            // Said so with the reply before; or a reply that had begun to leave could not be finished.
            // Or it went on sending to a gateway that had said close and drained it for its time: then TCP loses what it had not yet read. That reset is
            // the transport's and has no reason of the engine's.
            var sentTooLong = _peer.Reset && _peer.ResetReason is null;
            if (!_told && !sentTooLong)
                Assert.That(_plan.StoreLoses || (!_plan.IsPeaceful && _plan.ReplyCommit != CommitMode.Whole),
                    $"the connection broke at request {_requests[_answered].Id} without a reason: {_peer.ResetReason}");
        }
        if (!_peer.Reset && _told) Assert.That(_input.Count, Is.Zero, "bytes follow the last reply");
    }

    private void Check(SoakRequest request, WireMessage reply)
    {
        Assert.That(_told, Is.False, "a reply follows one that said close");
        _told = reply.UntilClose || Closes(reply);
        if (reply.Field("X-Attempt") is not { } attempt)
        {
            Assert.That(reply.Status, Is.AnyOf(502, 503, 504), $"request {request.Id} got {reply.StartLine}");
            Assert.That(_plan.IsPeaceful, Is.False, $"request {request.Id} got {reply.StartLine} {reply.Text} where nothing fails");
            return;
        }
        var parts = attempt.Split('.').Select(int.Parse).ToArray();
        Assert.That(parts[0], Is.EqualTo(request.Id), "a reply to another request");
        Assert.That(parts[1], Is.InRange(1, request.Seen));
        if (_plan.IsPeaceful) Assert.That(request.Seen, Is.EqualTo(1), $"request {request.Id} was sent more than once where nothing fails");
        if (request.Method == "HEAD" || reply.Status is 204 or 304) return;
        Assert.That(reply.Content.AsSpan().SequenceEqual(SoakRequest.Pattern(parts[0], parts[1], parts[2])), $"the content of reply {attempt} is not what its attempt gave");
        if (request.MinorVersion == 0) Assert.That(reply.Field("Transfer-Encoding"), Is.Null);
    }

    private bool Closes(WireMessage reply)
    {
        var connection = reply.Field("Connection") ?? "";
        return connection.Contains("close", StringComparison.OrdinalIgnoreCase) ||
            (_requests[0].MinorVersion == 0 && !connection.Contains("keep-alive", StringComparison.OrdinalIgnoreCase));
    }

    private void Leave()
    {
        _left = true;
        if (_leavesWithReset) _peer.Abort();
        else _peer.EndSending();                                    // in the middle of a request: that one never gets a reply
    }

    public override string ToString() => $"{_answered} of {_requests.Count} answered, {_sent} of {_toSend.Count} bytes sent, left {_left}, through {IsThrough}";
}
