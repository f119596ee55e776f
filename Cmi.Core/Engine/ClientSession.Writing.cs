namespace Cmi.Engine;

// From the ring's front to the client, and the close behind the last reply.
internal sealed partial class ClientSession
{
    /// <summary>Step 9: only the ring's front leaves; what is ready together is gathered and leaves in one send.</summary>
    private bool WriteReplies()
    {
        var progress = false;
        while (_front is { } exchange)
        {
            if (!exchange.IsLeaving)
            {
                if (_sendQueue.IsBlocked && !Flush()) return progress;
                if (exchange.AwaitsContinue) SendContinue(exchange);
                if (!exchange.Interims.IsEmpty && !SendInterims(exchange)) return progress;
                if (!exchange.MayLeave) return progress;
                if (!exchange.IsAtHand()) return progress || exchange.IsWoken;
                if (!exchange.StartLeaving(mayPersist: exchange.Next is not null || !(_noMoreRequests || _state.Engine.IsLeaving))) (_closeAfterReply, _noMoreRequests) = (true, true);
            }
            var before = _sentBytes;
            var status = exchange.SendReply(_connection, ref _sendQueue, ref _sentBytes);
            if (status != SendStatus.Cut) NoteProgress(before, status == SendStatus.Blocked);
            switch (status)
            {
                case SendStatus.Done when exchange.IsTunnel:
                    StartTunnel(exchange);
                    return false;
                case SendStatus.Done:
                    RemoveFront();
                    progress = true;
                    // RFC 9112 §9.6: after a reply that says close none may follow; what ran beside it is dropped.
                    while (_closeAfterReply && _front is not null) RemoveFront();
                    break;
                case SendStatus.Failed:
                    Cut("the connection broke");
                    return false;
                case SendStatus.Cut:
                    CutReply(exchange);
                    return false;
                default:
                    return progress || exchange.IsWoken;
            }
        }
        return progress;
    }

    /// <summary>Sends what was gathered.</summary>
    /// <returns>Whether the connection took it all.</returns>
    private bool Flush()
    {
        if (!_sendQueue.IsBlocked && _state.ToClient.Length == 0) return true;     // content may be blocked all the same: its clock runs on
        var before = _sentBytes;
        var time = _front is null && _noMoreRequests && !_hasSentContent ? SendTime.Last : SendTime.Soon;
        var status = _sendQueue.IsBlocked
            ? _sendQueue.Flush(_connection, _state.Memory, ref _sentBytes)
            : _sendQueue.Send(_connection, _state.Memory, _state.ToClient, default, ref _sentBytes, out _, time);
        NoteProgress(before, status == IoStatus.WouldBlock);
        if (_front is null) _idleSince = _state.Loop.Now;
        if (status == IoStatus.Failed) Cut("the connection broke");
        return status == IoStatus.Done;
    }

    private void NoteProgress(long sentBefore, bool blocked)
    {
        if (!blocked) _blockedSince = -1;
        else if (_blockedSince < 0 || _sentBytes != sentBefore) _blockedSince = _state.Loop.Now;
    }

    // RFC 9110 §10.1.1: we hold the content before a server is asked, so we ask for it ourselves, when all replies before have left.
    private void SendContinue(Exchange exchange)
    {
        var isOwed = _reading == exchange && exchange.Request.Length == 0 && !exchange.IsDecided;
        if (isOwed && _state.ToClient.Free < Continue.Length && !Flush()) return;
        if (isOwed) _state.ToClient.Add(Continue);
        exchange.AwaitsContinue = false;
    }

    // RFC 9110 §15.2: in order, before the final response of their request.
    private bool SendInterims(Exchange exchange)
    {
        if (_state.ToClient.Free < exchange.Interims.Length && !Flush()) return false;
        _state.ToClient.Add(exchange.Interims);
        exchange.InterimsLeft();
        return true;
    }

    private static ReadOnlySpan<byte> Continue => "HTTP/1.1 100 Continue\r\n\r\n"u8;

    /// <summary>A reply that had begun to leave will never be whole: the client must see that.</summary>
    private void CutReply(Exchange exchange)
    {
        if (exchange.EndsWithConnection)
        {
            Cut("its reply could not be completed");                // a FIN would look like its end: reset
            return;
        }
        // A reset would take with it what of earlier replies is still on its way: what was gathered leaves first, in the client's time.
        _stage = Stage.Cutting;
        while (_front is not null) RemoveFront();
        (_reading, _headSince) = (null, -1);
        _received.Clear(_state.Memory);
        FinishCut();
    }

    private void FinishCut()
    {
        if (_timerFired) CheckDeadlines();
        // Its length or its missing last chunk tells of the cut (RFC 9112 §8); in stages, since what the client still sends would reset the connection.
        if (_stage == Stage.Cutting && Flush()) Close();
    }

    /// <summary>Closes behind the last reply in stages, so that it arrives (RFC 9112 §9.6).</summary>
    private void Close()
    {
        // A client that has said close, and kept to it, sends nothing that could make a reset of our end: no stages are needed.
        if (_inputEnded || (_clientCloses && _reading is null && _received.IsEmpty && !_connection.HasInput))
        {
            _connection.Close();
            End();
            return;
        }
        _connection.EndSending();
        _received.Clear(_state.Memory);
        _stage = Stage.Lingering;
        _lingerUntil = _state.Loop.Now + EngineSettings.LingerMs;
    }

    private void Linger()
    {
        var scratch = _state.Memory.Scratch;
        var status = IoStatus.WouldBlock;
        while (_connection.HasInput)
        {
            status = _connection.TryReceive(scratch, out var count);
            _lingerBytes += count;
            if (status != IoStatus.Done || _lingerBytes > MaxLingerBytes) break;
        }
        if (status is IoStatus.Done or IoStatus.WouldBlock && _lingerBytes <= MaxLingerBytes && _state.Loop.Now < _lingerUntil) return;
        _connection.Close();
        End();
    }
}
