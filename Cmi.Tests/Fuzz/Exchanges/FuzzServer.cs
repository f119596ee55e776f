using System.Text;
using Cmi.Testing;

namespace Cmi.Tests.Fuzz.Exchanges;

/// <summary>One connection that a server has accepted: it judges every request by the strict reference, and answers with the next of the replies.</summary>
internal sealed class FuzzServer
{
    private readonly ExchangeRun _run;
    private readonly InMemoryPeer _peer;
    private readonly StringBuilder _input = new();
    private bool _answeredEarly, _isTunnel;

    public FuzzServer(ExchangeRun run, InMemoryPeer peer)
    {
        (_run, _peer) = (run, peer);
        peer.Changed = _ => Read();
    }

    private void Read()
    {
        _input.Append(_peer.ReceiveText());
        while (!_isTunnel && _input.Length > 0)
        {
            var text = _input.ToString();
            var request = ReferenceParser.Request(text);
            FuzzInput.Require(request.Verdict != Verdict.Invalid, $"a server received what is no request: {request}\n{text}");
            if (request.HasHead && !_answeredEarly) _run.CheckReceived(request);
            if (request.Verdict != Verdict.Whole)
            {
                if (request.HasHead && !_answeredEarly && _run.AnswersEarly)
                {
                    _answeredEarly = true;
                    Answer(request);
                }
                break;
            }
            _run.CountReceived(request);
            _input.Remove(0, request.Length);
            if (!_answeredEarly) Answer(request);
            _answeredEarly = false;
        }
        if (_peer.Ended) _peer.Close();
    }

    private void Answer(ReferenceMessage request)
    {
        var reply = _run.NextReply();
        _isTunnel |= reply.Text.Contains(" 101", StringComparison.Ordinal) && request.All("upgrade").Any();
        if (_peer.Reset) return;
        // Content of a reply to HEAD that comes late enough cannot be told from the next reply: who keeps to the rules sends none.
        var text = request.Method == "HEAD" && _run.IsCalm ? reply.Text[..EndOfHeads(reply.Text)] : reply.Text;
        _peer.Send(text.Replace(MessageGrammar.Mark, AskedRequests.MarkOf(request), StringComparison.Ordinal));
        if (reply.End == PeerEnd.Closes) _peer.Close();
        else if (reply.End == PeerEnd.Aborts) _peer.Abort();
    }

    /// <summary>Where the head of the final reply ends, behind those of interim ones.</summary>
    private static int EndOfHeads(string text)
    {
        for (var at = 0; ;)
        {
            var head = ReferenceParser.Reply(text, "HEAD", ended: true, at, Tolerance.Tolerant);
            at += head.Length;
            if (head.Status >= 200) return at;
        }
    }
}
