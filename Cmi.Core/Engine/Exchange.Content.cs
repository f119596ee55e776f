using Cmi.Http1;
using Cmi.Loops;

namespace Cmi.Engine;

// The reply's content, until it is proven whole.
internal sealed partial class Exchange
{
    /// <summary>Step 8: the reply's content, at the server's full speed, as far as the store has room.</summary>
    /// <returns>Whether there may be more to do at once.</returns>
    private bool ReceiveContent()
    {
        if (!HasRoom()) return false;
        var (connection, scratch) = (_current.Lease.Connection, _state.Memory.Scratch);
        if (!_current.Received.IsEmpty)
        {
            var kept = _current.Received.Length;
            _current.Received.Bytes.CopyTo(scratch);
            _current.Received.Clear(_state.Memory);
            return TakeIn(scratch.AsSpan(0, kept));
        }
        if (!connection.HasInput) return false;
        // Large content goes straight into the store. The last piece takes the way over scratch, with more asked for than is expected, which shows bytes
        // that nobody asked for and saves a second receive.
        var direct = _replyFraming.Kind == FramingKind.UntilClose || (_replyFraming.Kind == FramingKind.Length && _decoder.Remaining > HeadReceiveBytes);
        var into = scratch.AsSpan(0, LoopMemory.MaxReceiveBytes);
        if (direct)
        {
            into = Reply.GetMemory(HeadReceiveBytes).Span;
            if (_replyFraming.Kind == FramingKind.Length && into.Length > _decoder.Remaining) into = into[..(int)_decoder.Remaining];
            if (into.IsEmpty)
            {
                AttemptFailed(AttemptFault.StoreFailed, "the buffer store failed");
                return false;
            }
        }
        var io = connection.TryReceive(into, out var count);
        if (io != IoStatus.Done)
        {
            if (direct) Reply.Advance(0);
            if (io == IoStatus.End && _replyFraming.Kind == FramingKind.UntilClose && Settings.TrustFin)
            {
                if (!PassesChecks()) return false;
                Reply.Complete();                                   // RFC 9112 §6.3 rule 8 and §8: the close is the end
                Route.Group!.Health.TrustedClose(_current.Grant.Server, _state.Index);
                ReplyIsWhole(surplus: 0);
            }
            else if (io == IoStatus.End)
            {
                AttemptFailed(AttemptFault.ConnectionLost, _replyFraming.Kind == FramingKind.UntilClose ? "its reply ends with the connection, which is not trusted" : "it closed the connection before the reply was whole");
            }
            else if (io == IoStatus.Failed)
            {
                AttemptFailed(AttemptFault.ConnectionLost, "the connection broke before the reply was whole");
            }
            return false;
        }
        _current.ReceivedBytes += count;
        _current.Deadline = _state.Loop.Now + Settings.ServerContent;
        if (!direct) return TakeIn(into[..count]);
        Inspect(into[..count]);
        Reply.Advance(count);
        if (_replyFraming.Kind == FramingKind.Length) _decoder.Skip(count);
        return _decoder.Remaining != 0 || TakeIn(default);
    }

    /// <summary>Takes the framing off and appends; there is room for it.</summary>
    private bool TakeIn(ReadOnlySpan<byte> input)
    {
        for (; ; )
        {
            var status = _decoder.Decode(input, out var consumed, out var at, out var count);
            if (count > 0 && !Reply.Append(input.Slice(at, count)))
            {
                AttemptFailed(AttemptFault.StoreFailed, "the buffer store failed");
                return false;
            }
            Inspect(input.Slice(at, count));
            KeepTrailers(input[..consumed]);
            input = input[consumed..];
            switch (status)
            {
                case DecodeStatus.NeedMore:
                    return true;
                case DecodeStatus.Invalid:
                    AttemptFailed(AttemptFault.BadReply, _decoder.Error.Reason);
                    return false;
                case DecodeStatus.End:
                    if (!PassesChecks()) return false;
                    if (_trailers is not null) Reply.SetTrailers(_trailers.Written);
                    Reply.Complete();
                    if (Reply.State == BufferState.Whole) ReplyIsWhole(input.Length);
                    else AttemptFailed(AttemptFault.StoreFailed, "the buffer store failed");
                    return false;
            }
        }
    }

    /// <summary>Keeps what the decoder has just read of the trailer section, if the client takes it.</summary>
    private void KeepTrailers(ReadOnlySpan<byte> consumed)
    {
        if (_decoder.TrailerLength > 0 && _takesTrailers) (_trailers ??= new()).Append(consumed[^_decoder.TrailerLength..]);
    }

    /// <summary>The reply is proven whole: the server is free, and its connection too if it has earned reuse.</summary>
    /// <param name="surplus">Bytes that came behind the reply.</param>
    private void ReplyIsWhole(int surplus)
    {
        var clean = _current.IsRequestSent && !_current.SendQueue.IsBlocked && surplus == 0 && _serverKeeps && !_bindsConnection && IsQuiet(_current.Lease.Connection);
        if (clean) _current.Lease.Reuse();
        else _current.Lease.Close();
        _current.Lease = default;
        if (_watch is { } watch) watch.RequestBytes = Request.Length;
        EndAttempt(_resume is null ? _status : 206);
        if (Reply.IsStored) _state.Counters.RepliesStored++;
        Route.Group!.Health.Succeeded(_current.Grant.Server, _state.Index, _current.StartedAt, _state.Loop.Now);
        LeaveStarved();
        _current.IsGranted = false;
        DropServer("", GrantOutcome.Done);
        CompleteGrant(GrantOutcome.Done);
        _phase = Phase.Done;
        if (IsRequestWhole) Request.Reset();
    }

    // RFC 9112 §9.2: whatever came unasked would be taken for the next reply.
    private static bool IsQuiet(IConnection connection)
    {
        Span<byte> unasked = stackalloc byte[1];
        return !connection.IsReady(Readiness.PeerEnded | Readiness.Failed)
            && (!connection.IsReady(Readiness.Receivable) || connection.TryReceive(unasked, out _) == IoStatus.WouldBlock);
    }
}
