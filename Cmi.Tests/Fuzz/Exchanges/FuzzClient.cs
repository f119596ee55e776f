using System.Text;
using Cmi.Testing;

namespace Cmi.Tests.Fuzz.Exchanges;

/// <summary>A client: it sends its script in any pieces, takes what comes, and in the end judges all of it.</summary>
internal sealed class FuzzClient
{
    private readonly PeerScript _script;
    private readonly InMemoryPeer _peer;
    private readonly StringBuilder _output = new();
    private int _sent;
    private bool _ended, _sawEnd, _wasReset;

    public FuzzClient(PeerScript script, InMemoryPeer peer)
    {
        (_script, _peer) = (script, peer);
        Asked = AskedRequests.Of(script.Text);
        peer.Changed = _ => Read();
    }

    public AskedRequests Asked { get; }

    private bool Left => _script.End == PeerEnd.Aborts && _ended;

    /// <summary>Sends the next piece.</summary>
    /// <returns>Whether there may be more to send.</returns>
    public bool Send(int most)
    {
        if (_ended) return false;
        var piece = _script.Text.AsSpan(_sent, Math.Min(most, _script.Text.Length - _sent));
        if (piece.Length > 0) _peer.Send(Encoding.Latin1.GetBytes(piece.ToString()));
        _sent += piece.Length;
        if (_sent < _script.Text.Length) return true;
        _ended = true;
        if (_script.End == PeerEnd.Closes) _peer.EndSending();      // no goodbye: all replies must still come
        else if (_script.End == PeerEnd.Aborts) _peer.Abort();
        return false;
    }

    /// <summary>Judges all, when all has come that will ever come.</summary>
    /// <param name="marks">The marks of all requests of the run.</param>
    /// <param name="isCalm">Whether nothing went wrong but what clients did.</param>
    public void Judge(HashSet<string> marks, bool isCalm)
    {
        Read();
        var text = _output.ToString();
        if (!Left) FuzzInput.Require(_wasReset || _sawEnd, $"a connection stands for ever behind\n{text}");
        var answered = 0;
        var (saidClose, endedWithConnection) = (false, false);
        for (var at = 0; at < text.Length;)
        {
            FuzzInput.Require(!saidClose, $"bytes follow a reply that said close\n{text}");
            FuzzInput.Require(answered < Asked.All.Count, $"there are more replies than requests ({answered})\n{text}");
            var request = Asked.All[answered];
            var reply = Reply(request, text, at);
            if (reply.Status == 101) return;                        // a tunnel follows
            if (reply.Verdict != Verdict.Whole)
            {
                FuzzInput.Require(reply.Verdict == Verdict.Incomplete, $"reply {answered} to {request} is malformed: {reply}\n{text[at..]}");
                FuzzInput.Require(Left || (!isCalm && (_wasReset || reply.HasHead)), $"reply {answered} to {request} is not whole: {reply}\n{text[at..]}");
                return;
            }
            at += reply.Length;
            FuzzInput.Require(reply.MinorVersion == 1, "a reply has another version");
            if (reply.Status < 200)
            {
                FuzzInput.Require(request.MinorVersion > 0, "an interim reply to a client that does not know them");
                continue;
            }
            CheckAnswer(reply, request, answered, marks, isCalm);
            endedWithConnection = reply.Framing == ReferenceFraming.UntilClose;
            saidClose = !reply.IsPersistent;
            answered++;
        }
        if (Left || _wasReset) return;
        // The last one that a connection answers says so, and all before it were answered. A reply that flowed to a client without chunks ends with it.
        FuzzInput.Require(answered >= Asked.Served || !isCalm || endedWithConnection, $"{answered} of {Asked.Served} requests were answered\n{text}");
        FuzzInput.Require(answered == Asked.All.Count || saidClose || Asked.All[answered].Verdict != Verdict.Whole, $"request {answered} got no reply and no reason\n{text}");
    }

    private ReferenceMessage Reply(ReferenceMessage request, string text, int at)
    {
        if (request.HasStartLine) return ReferenceParser.Reply(text, request.Method, _sawEnd, at);
        // Of a malformed start line nobody can say whether its method was HEAD.
        var reply = ReferenceParser.Reply(text, "GET", _sawEnd, at);
        var withoutContent = ReferenceParser.Reply(text, "HEAD", _sawEnd, at);
        return reply.Verdict == Verdict.Whole || withoutContent.Verdict != Verdict.Whole ? reply : withoutContent;
    }

    private void CheckAnswer(ReferenceMessage reply, ReferenceMessage request, int index, HashSet<string> marks, bool isCalm)
    {
        var found = reply.All("x-answers").FirstOrDefault(marks.Contains);
        var own = AskedRequests.MarkOf(request);
        FuzzInput.Require(found is null || found == own, $"reply {index} to {request} answers another request: {reply}");
        if (found is not null) FuzzInput.Require(request.HasHead, $"a server answered what is no request: {request}");
        if (isCalm && index < Asked.Served) FuzzInput.Require(found == own, $"request {index}, {request}, got {reply} where nothing fails\n{reply.Content}");
        var wrong = request.MinorVersion == 0 ? ReferenceFraming.Chunked : ReferenceFraming.UntilClose;
        FuzzInput.Require(!request.HasStartLine || reply.Framing != wrong, $"{wrong} to a client of HTTP/1.{request.MinorVersion}");
    }

    private void Read()
    {
        if (Left) return;
        _output.Append(_peer.ReceiveText());
        _sawEnd |= _peer.Ended;
        _wasReset |= _peer.Reset && !_sawEnd;                       // who goes on sending behind the last reply is reset behind its end
    }
}
