using Cmi.Forwarding;
using Cmi.Http1;
using Cmi.Messages;
using Cmi.Telemetry;

namespace Cmi.Engine;

// A reply that breaks after it has begun to leave: another server goes on with it where that gives the same bytes, else the client sees the cut.
internal sealed partial class Exchange
{
    private ResumePoint? _resume;                                   // null: this reply has not broken
    private ServerAddress? _brokeAt;                                // the server whose attempt failed last

    /// <summary>
    /// Has another server go on with a reply that broke, if that can be sure to give the same bytes, and may be: it costs what any other attempt costs. The server is
    /// let go of already; what has come goes on leaving meanwhile.
    /// </summary>
    private bool TryResume(AttemptFault fault, ServerAddress server, ServerCounters counters, string reason)
    {
        if (!Settings.Resume || !fault.IsOutlived || _attempts >= Settings.Attempts || !CanBeResumed()) return false;
        var (now, flowed) = (_state.Loop.Now, _phase == Phase.Content);
        // From the break on it has the time of a new request; an attempt to go on that comes to nothing takes of the same.
        if (flowed) (_queueDeadline, _deadline) = (now + Settings.Queue, now + Settings.Exchange);
        if (now >= _deadline || !IsPaidFor(fault, server)) return false;
        _state.Engine.Logger.AttemptFailed(_attempts, server, reason);
        CountAttempt(server);
        _brokeAt = server;
        counters.Retries[(int)fault]++;
        _state.Counters.Retries++;
        _freshOnly = true;
        _notBefore = 0;
        _current.Reset();
        _phase = Phase.Waiting;
        Wake();
        return true;
    }

    private bool CanBeResumed()
    {
        if (Reply.State != BufferState.Open) return false;
        if (_resume is null)
        {
            if (Method != Method.Get || !IsRequestWhole || Request.Length > 0) return false;
            if (_takesTrailers && _replyFraming.Kind == FramingKind.Chunked) return false;       // its trailers would be lost
            _resume = ResumePoint.Of(HeadThatLeft(), _leaving.Framing.Kind == FramingKind.Length ? _leaving.Framing.Length : null);
        }
        return _resume is not null && _resume.IsMissing(Reply.Length);
    }

    // Read again from what was written for the client: nothing is kept for the day that a reply breaks.
    private ResponseHead HeadThatLeft()
    {
        var (bytes, head, scanned) = (ReplyHead.Written.ToArray(), new ResponseHead(), 0);
        ResponseReader.Read(bytes, ref scanned, new(bytes.Length + 1, bytes.Length + 1, bytes.Length), head, out _, out _);
        return head;
    }

    /// <summary>Takes the rest of a reply that broke, if this is it; nothing of its head is for the client.</summary>
    /// <returns>Whether there may be more to do at once.</returns>
    private bool Join(ResponseHead head, int start, int end)
    {
        if (!_resume!.IsContinuedBy(head, _replyFraming, Reply.Length, out var why))
        {
            AttemptFailed(AttemptFault.NotTheRest, why);
            return false;
        }
        _current.Server!.RepliesResumed++;
        _state.Counters.RepliesResumed++;
        _state.Engine.Logger.ReplyResumed(_current.Grant.Server, Reply.Length);
        _watch?.Resumed(Reply.Length);
        BeginContent(head);
        return TakeFirst(start, end);
    }

    /// <summary>The reply that leaves will never be whole: the client must see that.</summary>
    private void CutOff(ServerAddress server, string reason, bool withhold = false)
    {
        _state.Engine.Logger.ReplyCut(server, reason);
        _state.Counters.RepliesCut++;
        _state.Pool.CountersOf(server).RepliesCut++;
        Reply.Fail(reason, withhold);
        _phase = Phase.Done;
        Wake();
    }
}
