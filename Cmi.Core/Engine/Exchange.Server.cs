using Cmi.Forwarding;
using Cmi.Http1;
using Cmi.Loops;
using Cmi.Messages;

namespace Cmi.Engine;

// The bytes to the server, and the head of its reply.
internal sealed partial class Exchange
{
    private const int HeadReceiveBytes = 16 * 1024;
    private const int MaxInterimBytes = 8 * 1024;                   // of interim responses that wait for one exchange's turn
    private const int TurnBytes = 128 * 1024;                       // received for one exchange before others have their turn

    private bool _contentReleased;
    private HeadBuffer? _trailers;                                  // the reply's trailer section as it came; only for a client that takes it
    private ContentDecoder _decoder;
    private Framing _replyFraming;
    private int _status;
    private bool _serverKeeps, _isStream;
    private long _headAt;
    private bool _isStarved;

    private void ResetTransfer()
    {
        _current.Reset();
        _status = 0;
        _trailers?.Reset();
        EndChecks();
    }

    /// <summary>Step 7: the request goes out, written anew from its parsed form.</summary>
    private void StartSending()
    {
        _phase = Phase.Head;
        _current.Deadline = _state.Loop.Now + Settings.ServerHead;
        var framing = MessageFraming.ToServer(_requestFraming, IsRequestWhole ? Request.Length : null);
        _watch?.Connected();
        var head = BeginHead();
        _watch?.WriteTraceFields(head);
        RequestWriter.WriteEnd(head, framing);
        _current.Sender = new(framing);
        _current.Lease.Connection.SetOwner(this);
    }

    /// <summary>The head that goes to the server of this attempt.</summary>
    private HeadBuffer AttemptHead => _current.HasOwnHead ? _current.OwnHead! : RequestHead;

    private HeadBuffer BeginHead()
    {
        // Beside another attempt, which may still be sending its own.
        _current.HasOwnHead = _resume is not null || _isHedged;
        if (!_current.HasOwnHead)
        {
            RequestHead.Truncate(_requestHeadLength);
            return RequestHead;
        }
        var head = _current.OwnHead ??= new();
        head.Reset();
        var asked = RequestHead.Written[.._requestHeadLength];
        if (_resume is null) head.Append(asked);
        else _resume.WriteRequest(head, asked, Reply.Length);
        return head;
    }

    private void Send()
    {
        if (_current.IsRequestSent || _current.HasSendFailed) return;
        var (connection, gather, before) = (_current.Lease.Connection, _state.ToServer, _current.SentBytes);
        var status = _current.Sender.Send(connection, ref _current.SendQueue, gather, _state.Memory, AttemptHead.Written, Request, ref _current.SentBytes);
        if (gather.Length > 0 && status is not (SendStatus.Blocked or SendStatus.Failed))
        {
            // What may be tried once only must be known not to have left, if it has not.
            var time = _isIdempotent ? SendTime.Soon : SendTime.Now;
            var flushed = _current.SendQueue.Send(connection, _state.Memory, gather, default, ref _current.SentBytes, out _, time);
            if (flushed != IoStatus.Done) status = flushed == IoStatus.WouldBlock ? SendStatus.Blocked : SendStatus.Failed;
        }
        gather.Clear();
        var now = _state.Loop.Now;
        if (_current.SentBytes != before && _phase == Phase.Head) _current.Deadline = now + Settings.ServerHead;
        if (_phase == Phase.Head) _current.IsWaitPaused = status == SendStatus.Waiting;
        if (!IsRequestWhole && _current.SentBytes != before) _deadline = now + Settings.Exchange;    // its time counts from the last of the request
        if (!_contentKept && _current.Sender.ContentSent > 0)
        {
            _contentReleased = true;
            Request.Release(_current.Sender.ContentSent);
        }
        switch (status)
        {
            case SendStatus.Done:
                _current.IsRequestSent = true;
                break;
            case SendStatus.Failed:
                _current.HasSendFailed = true;                                 // not the end: the server may have answered before it closed (RFC 9112 §9.6)
                break;
            case SendStatus.Cut:
                _contentReleased = true;                            // no other server can get it whole either
                AttemptFailed(AttemptFault.StoreFailed, "the buffer store lost the request's content");
                break;
        }
    }

    private void Receive()
    {
        var until = _current.ReceivedBytes + TurnBytes;
        while (_phase == Phase.Head ? ReceiveHead() : _phase == Phase.Content && ReceiveContent())
        {
            if (_current.ReceivedBytes < until) continue;
            Wake();
            return;
        }
    }

    /// <summary>Step 8: the reply's head.</summary>
    /// <returns>Whether there may be more to do at once.</returns>
    private bool ReceiveHead()
    {
        var (connection, scratch, length) = (_current.Lease.Connection, _state.Memory.Scratch, _current.Received.Length);
        if (!connection.HasInput) return false;
        _current.Received.Bytes.CopyTo(scratch);
        var io = connection.TryReceive(scratch.AsSpan(length, HeadReceiveBytes), out var count);
        if (io != IoStatus.Done)
        {
            if (io != IoStatus.WouldBlock) AttemptFailed(AttemptFault.ConnectionLost, io == IoStatus.End ? "it closed the connection without a whole reply head" : "the connection broke before a whole reply head");
            return false;
        }
        length += count;
        _current.ReceivedBytes += count;
        for (var start = 0; ;)
        {
            var status = ResponseReader.Read(scratch.AsMemory(start, length - start), ref _current.Scanned, _state.Settings.ReplyHead, _state.ResponseHead, out var consumed, out var error);
            if (status == ReadStatus.NeedMore)
            {
                _current.Received.Set(_state.Memory, scratch.AsSpan(start, length - start));
                return true;
            }
            if (status == ReadStatus.Done && _state.ResponseHead.Status < 200)
            {
                if (_state.ResponseHead.Status == 101)
                {
                    if (IsUpgradeAnswered(_state.ResponseHead))
                    {
                        SwitchProtocols(_state.ResponseHead, scratch.AsSpan(start + consumed, length - start - consumed));
                        return false;
                    }
                    (status, error) = (ReadStatus.Invalid, ProtocolError.UnaskedUpgrade);
                }
                else if (++_current.InterimCount > Settings.MaxInterimResponses)
                {
                    (status, error) = (ReadStatus.Invalid, ProtocolError.TooManyInterim);
                }
                else
                {
                    KeepInterim(_state.ResponseHead);
                }
            }
            if (status == ReadStatus.Invalid)
            {
                AttemptFailed(AttemptFault.BadReply, error.Reason);
                return false;
            }
            start += consumed;
            if (_state.ResponseHead.Status < 200) continue;
            _current.Received.Clear(_state.Memory);
            return TakeHead(_state.ResponseHead, start, length);
        }
    }

    /// <summary>
    /// Keeps an interim response until the turn of its exchange. RFC 9110 §15.2: none goes to HTTP/1.0, and a 100 answers an expectation that we have answered
    /// ourselves. Beyond the bound they are dropped: they are hints.
    /// </summary>
    private void KeepInterim(ResponseHead head)
    {
        if (head.Status == 100 || ClientMinorVersion == 0 || _replyLeaves) return;
        var kept = (_current.Interims ??= new()).Length;
        ResponseHeadWriter.WriteHead(_current.Interims, head, date: default);
        _current.Interims.AppendLineEnd();
        if (_current.Interims.Length > MaxInterimBytes) _current.Interims.Truncate(kept);
    }

    private bool TakeHead(ResponseHead head, int start, int end)
    {
        if (IsStatusRetried(head)) return false;
        IsUpgrade = false;                                          // declined: the connection goes on with HTTP
        if (!MessageFraming.TryOfResponse(head, Method, out _replyFraming, out var error))
        {
            AttemptFailed(AttemptFault.BadReply, error.Reason);
            return false;
        }
        if (_resume is not null) return Join(head, start, end);
        if (_isHedged) EndRace();
        BeginChecks(head);
        _status = head.Status;
        _isStream = CommitRule.IsStream(head);
        ResponseHeadWriter.WriteHead(ReplyHead, head, _state.Date);
        _headAt = _state.Loop.Now;
        BeginContent(head);
        if (TryTakeDirect(start, end)) return false;
        if (!Reply.TryOpen(_replyFraming.Kind == FramingKind.Length ? _replyFraming.Length : null))
        {
            DecideFull();
            return false;
        }
        return TakeFirst(start, end);
    }

    private void BeginContent(ResponseHead head)
    {
        _watch?.ReplyHeadCame();
        _serverKeeps = MessageFraming.IsPersistent(head, _replyFraming);
        _decoder = new(_replyFraming);
        _phase = Phase.Content;
        _current.Deadline = _state.Loop.Now + Settings.ServerContent;
        _current.IsWaitPaused = false;
    }

    /// <summary>Takes what has come with the head.</summary>
    private bool TakeFirst(int start, int end)
    {
        var content = _state.Memory.Scratch.AsSpan(start, end - start);
        if (Reply.CheckRoom() == RoomAnswer.Ok) return TakeIn(content);
        _current.Received.Set(_state.Memory, content);
        return true;
    }

    /// <summary>A small reply that is already there as a whole leaves from the loop's own memory; the store is not asked.</summary>
    private bool TryTakeDirect(int start, int end)
    {
        var scratch = _state.Memory.Scratch;
        var probe = _decoder;
        if (!IsWholeIn(scratch.AsSpan(start, end - start), ref probe, out var bytes) || bytes > EngineSettings.MaxDirectBytes) return false;
        if (bytes > 0 && Settings.AlwaysStore) return false;
        var (from, to) = (start, start);                            // content is moved together over the framing between its pieces
        for (; ; )
        {
            var status = _decoder.Decode(scratch.AsSpan(from, end - from), out var consumed, out var at, out var count);
            if (count > 0 && from + at != to) scratch.AsSpan(from + at, count).CopyTo(scratch.AsSpan(to));
            to += count;
            from += consumed;
            KeepTrailers(scratch.AsSpan(0, from));
            if (status == DecodeStatus.End) break;
        }
        Inspect(scratch.AsSpan(start, to - start));
        if (!PassesChecks()) return true;
        Reply.SetWhole(scratch.AsMemory(start, to - start));
        if (_trailers is not null) Reply.SetTrailers(_trailers.Written);
        _state.Counters.RepliesDirect++;
        ReplyIsWhole(surplus: end - from);
        return true;
    }

    private static bool IsWholeIn(ReadOnlySpan<byte> input, ref ContentDecoder decoder, out long bytes)
    {
        bytes = 0;
        for (; ; )
        {
            var status = decoder.Decode(input, out var consumed, out _, out var count);
            bytes += count;
            input = input[consumed..];
            if (status != DecodeStatus.Content) return status == DecodeStatus.End;
        }
    }
}
